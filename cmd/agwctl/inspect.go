package main

import (
	"context"
	"encoding/json"
	"runtime"
	"runtime/debug"
)

type providerTypeCmd struct {
	List providerTypeListCmd `cmd:"" help:"List the provider types."`
}

type providerTypeListCmd struct{}

// Run lists the provider types.
func (c *providerTypeListCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	items, err := admin.ProviderTypes(ctx)
	if err != nil {
		return err
	}
	return a.printList(items, []string{"provider_type", "enabled"})
}

type handlerTypeCmd struct {
	List handlerTypeListCmd `cmd:"" help:"List the LLM protocols."`
}

type handlerTypeListCmd struct{}

// Run lists the LLM protocols.
func (c *handlerTypeListCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	items, err := admin.APIHandlerTypes(ctx)
	if err != nil {
		return err
	}
	return a.printList(items, []string{"llm_api_handler_type"})
}

type versionCmd struct{}

// Run prints the version.
func (c *versionCmd) Run(a *app) error {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Go       string `json:"go"`
	}{Version: "unknown", Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.printObject(b, nil)
}
