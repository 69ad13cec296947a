package main

import (
	"context"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// virtualKeyCmd is the commands of virtual keys: those of every kind, and one more.
type virtualKeyCmd struct {
	kindCmd

	Usage keyUsageCmd `cmd:"" help:"Print how one virtual key stands with its limits."`
}

func (c *virtualKeyCmd) setKind(k configstore.Kind) {
	c.kindCmd.setKind(k)
	c.Usage.kind = k
}

type keyUsageCmd struct{ oneObject }

// Help is shown by kong.
func (c *keyUsageCmd) Help() string {
	return "Prints each limit that the key has: its maximum, what is used and what remains of it, and when it starts anew. What calls in flight have reserved is used.\n\n" +
		c.example("usage") + "\n    agwctl gateway virtualkey usage ID -o table"
}

// Run prints the limits; as a table, only them.
func (c *keyUsageCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	usage, err := admin.KeyUsage(ctx, c.ID)
	if err != nil {
		return err
	}
	return a.printItems(usage, []string{"limit", "max", "used", "remaining", "reset_at"})
}
