// Command agwd is the gateway as a daemon: the data plane on one address, the
// Admin API on another, configuration and events in one SQLite file.
//
//	agwd dev                          everything on, no configuration needed
//	agwd --static-config bundle.yaml  what the file says, and the Admin API
//	agwd hash-password --plaintext x  a hash for --admin-basic-auth-hash
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	// net/http writes what an upstream sent out of turn to the standard logger,
	// which nothing here uses.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type commands struct {
	Serve        serveCommand `cmd:"" default:"withargs" help:"Serve the configuration in the store, and static configuration over it. The default."`
	Dev          devCommand   `cmd:"" help:"Serve without any configuration: echo always, and every provider whose key is in the environment."`
	HashPassword hashCommand  `cmd:"" help:"Print the bcrypt hash of a password."`
}

// output is where commands write: answers, and the log.
type output struct{ out, log io.Writer }

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var cli commands
	exited := -1
	parser, err := kong.New(&cli, kong.Name("agwd"), kong.Writers(out, errOut), kong.Exit(func(code int) { exited = code }),
		kong.Description("An AI gateway in front of LLM providers and MCP servers.\n\nExamples:\n\n  agwd dev\n  agwd --static-config bundle.yaml\n  agwd --admin-basic-auth-hash \"admin:$(agwd hash-password --plaintext 'your-password')\""),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(output{out, errOut}))
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "agwd:", err)
		return 1
	}
	cmd, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "agwd:", err)
		return 2
	}
	if err := cmd.Run(); err != nil {
		_, _ = fmt.Fprintln(errOut, "agwd:", err)
		return 1
	}
	return 0
}

type hashCommand struct {
	Plaintext string `required:"" help:"The password."`
}

// Run prints the hash alone, so that it can be used in a command.
func (c *hashCommand) Run(o output) error {
	if c.Plaintext == "" {
		return errors.New("--plaintext is empty: give a password")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(c.Plaintext), bcrypt.DefaultCost)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	_, err = fmt.Fprintln(o.out, string(hash))
	return err
}

func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
