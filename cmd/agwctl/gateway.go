package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/admin/client"
	"github.com/agent-gateway/agent-gateway/configstore"
)

type gatewayCmd struct {
	Apply    applyCmd    `cmd:"" help:"Create and update what a bundle declares. Never deletes."`
	Validate validateCmd `cmd:"" help:"Check a bundle without a gateway."`
	Diff     diffCmd     `cmd:"" help:"Show what applying a bundle would do. Exits with 0 when that is nothing, with 2 when it is something."`
	Export   exportCmd   `cmd:"" help:"Print the configuration as a bundle, without secrets."`

	kong.Plugins // the kinds

	ProviderType      providerTypeCmd `cmd:"" help:"The provider types that the gateway has."`
	LLMAPIHandlerType handlerTypeCmd  `cmd:"" name:"llm-api-handler-type" help:"The LLM protocols that the gateway serves."`
	Model             modelCmd        `cmd:"" help:"The models of providers."`
	MCPRuntime        mcpRuntimeCmd   `cmd:"" name:"mcp-runtime" help:"The MCP requests under way, and the last that have ended."`
	Metrics           metricsCmd      `cmd:"" help:"What has happened."`
}

// kindCmd is the commands of one kind.
type kindCmd struct {
	List    listCmd    `cmd:"" help:"List the ${noun}s."`
	Get     getCmd     `cmd:"" help:"Print one ${noun}."`
	Delete  deleteCmd  `cmd:"" help:"Delete one ${noun}, unless others refer to it."`
	Enable  enableCmd  `cmd:"" help:"Switch one ${noun} on."`
	Disable disableCmd `cmd:"" help:"Switch one ${noun} off."`
}

// setKind gives the commands their row of the table.
func (c *kindCmd) setKind(k configstore.Kind) {
	c.List.kind, c.Get.kind, c.Delete.kind, c.Enable.kind, c.Disable.kind = k, k, k, k, k
}

// commandsOf are the commands of a kind, which has more than the others' if it is here.
var commandsOf = map[string]reflect.Type{
	"mcp_service": reflect.TypeFor[mcpServiceCmd](),
	"virtual_key": reflect.TypeFor[virtualKeyCmd](),
}

// kindCommands makes a struct for kong with commands for every row of the table of
// kinds whose command is one word.
func kindCommands() (any, error) {
	var kinds []configstore.Kind
	for _, k := range configstore.Kinds {
		if !strings.Contains(k.Command, " ") {
			kinds = append(kinds, k)
		}
	}
	fields := make([]reflect.StructField, len(kinds))
	for i, k := range kinds {
		commands := commandsOf[k.Name]
		if commands == nil {
			commands = reflect.TypeFor[kindCmd]()
		}
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("Kind%d", i),
			Type: commands,
			Tag:  reflect.StructTag(fmt.Sprintf(`cmd:"" name:%q help:%q set:%q`, k.Command, "The "+noun(k)+"s.", "noun="+noun(k))),
		}
	}
	v := reflect.New(reflect.StructOf(fields))
	for i, k := range kinds {
		c, ok := v.Elem().Field(i).Addr().Interface().(interface{ setKind(configstore.Kind) })
		if !ok {
			return nil, errors.New("the commands of the kinds do not fit their table")
		}
		c.setKind(k)
	}
	return v.Interface(), nil
}

// noun is a kind's name in a sentence.
func noun(k configstore.Kind) string { return nouns.Replace(k.Name) }

var nouns = strings.NewReplacer("llm_", "LLM ", "mcp_", "MCP ", "_", " ")

type listCmd struct {
	Filter map[string]string `placeholder:"FIELD=VALUE" mapsep:"none" help:"List only what has this value in a field; repeats."`

	kind configstore.Kind
}

// Help is shown by kong.
func (c *listCmd) Help() string {
	text := "Examples:\n\n    agwctl gateway " + c.kind.Command + " list\n    agwctl gateway " + c.kind.Command + " list -o json\n"
	if len(c.kind.Filters) > 0 {
		text += "    agwctl gateway " + c.kind.Command + " list --filter " + c.kind.Filters[0] + "=VALUE\n"
	}
	return text
}

// Run lists the objects.
func (c *listCmd) Run(ctx context.Context, a *app) error {
	query := url.Values{}
	for name, value := range c.Filter {
		if !slices.Contains(c.kind.Filters, name) {
			return fmt.Errorf("a list of %ss has no filter %q; it has: %s", noun(c.kind), name, cmp.Or(strings.Join(c.kind.Filters, ", "), "none"))
		}
		query.Set(name, value)
	}
	admin, err := a.admin()
	if err != nil {
		return err
	}
	items, err := admin.List(ctx, c.kind, query)
	if err != nil {
		return err
	}
	return a.printList(items, c.kind.Columns)
}

// oneObject is the argument of the commands that work on one object.
type oneObject struct {
	ID string `arg:"" help:"Its id."`

	kind configstore.Kind
}

func (o *oneObject) example(verb string) string {
	return "Example:\n\n    agwctl gateway " + o.kind.Command + " " + verb + " ID"
}

// run makes one call for the object and prints the answer.
func (o *oneObject) run(ctx context.Context, a *app, call func(*client.Client, context.Context, configstore.Kind, string) (json.RawMessage, error)) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	answer, err := call(admin, ctx, o.kind, o.ID)
	if err != nil {
		return err
	}
	columns := o.kind.Columns
	if gjson.GetBytes(answer, "status").Str == "deleted" {
		columns = []string{"status", "id"}
	}
	return a.printObject(answer, columns)
}

type (
	getCmd     struct{ oneObject }
	deleteCmd  struct{ oneObject }
	enableCmd  struct{ oneObject }
	disableCmd struct{ oneObject }
)

// Help is shown by kong.
func (c *getCmd) Help() string {
	if c.kind.Name == "virtual_key" {
		return c.example("get") + "\n    AGW_API_KEY=$(agwctl gateway virtualkey get ID | jq -r '.key')"
	}
	return c.example("get")
}

// Run prints the object.
func (c *getCmd) Run(ctx context.Context, a *app) error { return c.run(ctx, a, (*client.Client).Get) }

// Help is shown by kong.
func (c *deleteCmd) Help() string { return c.example("delete") }

// Run deletes the object.
func (c *deleteCmd) Run(ctx context.Context, a *app) error {
	return c.run(ctx, a, (*client.Client).Delete)
}

// Help is shown by kong.
func (c *enableCmd) Help() string { return c.example("enable") }

// Run enables the object.
func (c *enableCmd) Run(ctx context.Context, a *app) error {
	return c.run(ctx, a, (*client.Client).Enable)
}

// Help is shown by kong.
func (c *disableCmd) Help() string { return c.example("disable") }

// Run disables the object.
func (c *disableCmd) Run(ctx context.Context, a *app) error {
	return c.run(ctx, a, (*client.Client).Disable)
}
