package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/admin/client"
	"github.com/agent-gateway/agent-gateway/configstore"
)

// mcpServiceCmd is the commands of MCP services: those of every kind, and what can be
// asked of their servers.
type mcpServiceCmd struct {
	kindCmd

	Tools             mcpListCmd         `cmd:"" help:"List the tools of one ${noun}."`
	Resources         mcpListCmd         `cmd:"" help:"List the resources of one ${noun}."`
	ResourceTemplates mcpListCmd         `cmd:"" help:"List the resource templates of one ${noun}."`
	Prompts           mcpListCmd         `cmd:"" help:"List the prompts of one ${noun}."`
	Capabilities      mcpCapabilitiesCmd `cmd:"" help:"Show what the server of one ${noun} says of itself and of what it can do."`
	Sessions          mcpListCmd         `cmd:"" aliases:"session" help:"List the sessions that the gateway has with the server of one ${noun}."`
	ToolCall          mcpToolCallCmd     `cmd:"" help:"Call a tool of one ${noun}."`
	ResourceRead      mcpResourceReadCmd `cmd:"" help:"Read a resource of one ${noun}."`
	PromptGet         mcpPromptGetCmd    `cmd:"" help:"Fill in a prompt of one ${noun}."`
}

func (c *mcpServiceCmd) setKind(k configstore.Kind) {
	c.kindCmd.setKind(k)
	c.Tools = mcpListCmd{oneObject{kind: k}, "tools", (*client.Client).MCPTools,
		[]string{"name", "title", "arguments=inputSchema.properties.@keys", "description"}}
	c.Resources = mcpListCmd{oneObject{kind: k}, "resources", (*client.Client).MCPResources,
		[]string{"uri", "name", "mime_type=mimeType", "description"}}
	c.ResourceTemplates = mcpListCmd{oneObject{kind: k}, "resource-templates", (*client.Client).MCPResourceTemplates,
		[]string{"uri_template=uriTemplate", "name", "mime_type=mimeType", "description"}}
	c.Prompts = mcpListCmd{oneObject{kind: k}, "prompts", (*client.Client).MCPPrompts,
		[]string{"name", "title", "arguments=arguments.#.name", "description"}}
	c.Sessions = mcpListCmd{oneObject{kind: k}, "sessions", (*client.Client).MCPSessions,
		[]string{"id", "kind", "virtual_key_id", "transport", "state", "client_sessions", "upstream_session_id", "created_at", "last_used_at"}}
	c.Capabilities.kind, c.ToolCall.kind, c.ResourceRead.kind, c.PromptGet.kind = k, k, k, k
}

// mcpPatience is how long an MCP server is waited for. The gateway itself waits 2 minutes,
// in which a server may have to be installed and started.
const mcpPatience = 2*time.Minute + 10*time.Second

// mcpListCmd lists something of one service's.
type mcpListCmd struct {
	oneObject

	verb    string
	list    func(*client.Client, context.Context, string) ([]json.RawMessage, error)
	columns []string
}

// Help is shown by kong.
func (c *mcpListCmd) Help() string {
	return c.example(c.verb) + "\n    agwctl gateway " + c.kind.Command + " " + c.verb + " ID -o json"
}

// Run prints the list.
func (c *mcpListCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.adminWithin(mcpPatience)
	if err != nil {
		return err
	}
	items, err := c.list(admin, ctx, c.ID)
	if err != nil {
		return err
	}
	return a.printList(items, c.columns)
}

type mcpCapabilitiesCmd struct{ oneObject }

// Help is shown by kong.
func (c *mcpCapabilitiesCmd) Help() string {
	return "With -o json it is the server's answer to initialize (or to server/discover) as it is.\n\n" + c.example("capabilities")
}

// Run prints what the server says.
func (c *mcpCapabilitiesCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.adminWithin(mcpPatience)
	if err != nil {
		return err
	}
	answer, err := admin.MCPCapabilities(ctx, c.ID)
	if err != nil {
		return err
	}
	return a.printView(answer, nil)
}

// mcpArguments is the flag of what is called with arguments.
type mcpArguments struct {
	Arguments string `placeholder:"JSON" help:"The arguments, as a JSON object; none unless set."`
}

// Validate is called by kong: nothing is sent when it fails.
func (m mcpArguments) Validate() error {
	if m.Arguments != "" && !(gjson.Valid(m.Arguments) && gjson.Parse(m.Arguments).IsObject()) {
		return errors.New(`--arguments must be a JSON object, such as '{"path":"/tmp"}'`)
	}
	return nil
}

func (m mcpArguments) json() json.RawMessage {
	if m.Arguments == "" {
		return nil
	}
	return json.RawMessage(m.Arguments)
}

type mcpToolCallCmd struct {
	oneObject
	Tool string `arg:"" help:"The tool's name, as the server has it."`
	mcpArguments
}

// Help is shown by kong.
func (c *mcpToolCallCmd) Help() string {
	return "Prints the server's result. When that says that the tool failed, the exit code is 1. No route's tool policy applies, and no event is recorded.\n\n" +
		c.example("tool-call") + ` read_file --arguments '{"path":"/tmp/notes.txt"}'`
}

// Run prints the result.
func (c *mcpToolCallCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.adminWithin(mcpPatience)
	if err != nil {
		return err
	}
	result, err := admin.MCPCallTool(ctx, c.ID, c.Tool, c.json())
	if err != nil {
		return err
	}
	if err := a.printObject(result, nil); err != nil {
		return err
	}
	if gjson.GetBytes(result, "isError").Bool() {
		return errors.New("the tool " + c.Tool + " failed: its result says why")
	}
	return nil
}

type mcpResourceReadCmd struct {
	oneObject
	URI string `arg:"" name:"uri" help:"The resource's URI."`
}

// Help is shown by kong.
func (c *mcpResourceReadCmd) Help() string {
	return c.example("resource-read") + " file:///tmp/notes.txt"
}

// Run prints the contents.
func (c *mcpResourceReadCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.adminWithin(mcpPatience)
	if err != nil {
		return err
	}
	result, err := admin.MCPReadResource(ctx, c.ID, c.URI)
	if err != nil {
		return err
	}
	return a.printObject(result, nil)
}

type mcpPromptGetCmd struct {
	oneObject
	Prompt string `arg:"" help:"The prompt's name."`
	mcpArguments
}

// Help is shown by kong.
func (c *mcpPromptGetCmd) Help() string {
	return c.example("prompt-get") + ` review --arguments '{"language":"Go"}'`
}

// Run prints the messages.
func (c *mcpPromptGetCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.adminWithin(mcpPatience)
	if err != nil {
		return err
	}
	result, err := admin.MCPGetPrompt(ctx, c.ID, c.Prompt, c.json())
	if err != nil {
		return err
	}
	return a.printObject(result, nil)
}
