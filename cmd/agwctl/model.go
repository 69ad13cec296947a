package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/agent-gateway/agent-gateway/admin/client"
	"github.com/agent-gateway/agent-gateway/configstore"
)

type modelCmd struct {
	Discovered discoveredCmd `cmd:"" help:"What providers have said they have."`
	Managed    managedCmd    `cmd:"" help:"What is to be known of models: whether they are offered, what they can do and cost."`
}

// managedCmd is the commands of managed models, which are not enabled and disabled as
// other objects are.
type managedCmd struct {
	List   listCmd   `cmd:"" help:"List the managed models."`
	Get    getCmd    `cmd:"" help:"Print one managed model: its id is PROVIDER/MODEL."`
	Delete deleteCmd `cmd:"" help:"Delete one managed model: its id is PROVIDER/MODEL."`
}

// setKind gives the commands of managed models their row of the table.
func (c *modelCmd) setKind() error {
	k, ok := configstore.KindByName("managed_model")
	if !ok {
		return errors.New("the table of kinds has no managed models")
	}
	c.Managed.List.kind, c.Managed.Get.kind, c.Managed.Delete.kind = k, k, k
	return nil
}

type discoveredCmd struct {
	List    discoveredListCmd    `cmd:"" help:"List the models that a provider has said it has."`
	Refresh discoveredRefreshCmd `cmd:"" help:"Ask a provider for its models, and list them."`
}

type discoveredListCmd struct {
	Provider string `arg:"" help:"The provider's id."`
}

// Help is shown by kong.
func (c *discoveredListCmd) Help() string {
	return "Example:\n\n    agwctl gateway model discovered list PROVIDER"
}

// Run lists the models.
func (c *discoveredListCmd) Run(ctx context.Context, a *app) error {
	return a.models(ctx, c.Provider, (*client.Client).DiscoveredModels)
}

type discoveredRefreshCmd struct {
	Provider string `arg:"" help:"The provider's id."`
}

// Help is shown by kong.
func (c *discoveredRefreshCmd) Help() string {
	return "Example:\n\n    agwctl gateway model discovered refresh PROVIDER"
}

// Run asks the provider.
func (c *discoveredRefreshCmd) Run(ctx context.Context, a *app) error {
	return a.models(ctx, c.Provider, (*client.Client).RefreshModels)
}

func (a *app) models(ctx context.Context, provider string, ask func(*client.Client, context.Context, string) ([]json.RawMessage, error)) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	items, err := ask(admin, ctx, provider)
	if err != nil {
		return err
	}
	return a.printList(items, []string{"upstream_model", "display_name", "provider_id", "status", "fetched_at", "last_error_at", "last_error"})
}
