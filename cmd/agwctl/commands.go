package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/agent-gateway/agent-gateway/admin/client"
)

// commandLine is the grammar. The tag "from" names the environment variable that
// gives a flag its value when it is absent.
type commandLine struct {
	globalFlags

	Gateway   gatewayCmd   `cmd:"" help:"Configure and inspect the gateway through its Admin API."`
	Chat      chatCmd      `cmd:"" help:"Ask a model through the gateway."`
	Responses responsesCmd `cmd:"" help:"Ask a model through the gateway's Responses API."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// globalFlags are accepted by every command.
type globalFlags struct {
	AdminAddr      string        `from:"AGW_ADMIN_ADDR" default:"http://localhost:8019" placeholder:"URL" group:"Global flags:" help:"Where the Admin API is; ${default} unless set."`
	AdminBasicAuth string        `from:"AGW_ADMIN_BASIC_AUTH" placeholder:"USER:PASSWORD" group:"Global flags:" help:"Credentials for the Admin API."`
	AdminHeader    []string      `placeholder:"'NAME: VALUE'" sep:"none" group:"Global flags:" help:"A header for every call to the Admin API; repeats."`
	Timeout        time.Duration `placeholder:"DURATION" group:"Global flags:" help:"How long to wait: for a call to the Admin API 30s unless set, for an MCP server 130s, for a model to say something 10m."`
	Output         string        `short:"o" enum:",table,json,yaml" default:"" placeholder:"table|json|yaml" group:"Global flags:" help:"The form of the output. Lists are tables unless set, everything else is JSON."`
}

// Validate is called by kong.
func (g *globalFlags) Validate() error {
	if g.Timeout < 0 {
		return errors.New("--timeout must not be negative")
	}
	_, err := g.headers()
	return err
}

func (g *globalFlags) headers() (http.Header, error) {
	h := http.Header{}
	for _, line := range g.AdminHeader {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, errors.New("--admin-header must be 'Name: value'")
		}
		h.Add(name, value)
	}
	return h, nil
}

// admin returns a client of the Admin API.
func (a *app) admin() (*client.Client, error) { return a.adminWithin(client.DefaultTimeout) }

// adminWithin returns one whose calls may take that long, unless --timeout is set.
func (a *app) adminWithin(patience time.Duration) (*client.Client, error) {
	headers, err := a.global.headers()
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{
		Addr:      a.global.AdminAddr,
		BasicAuth: a.global.AdminBasicAuth,
		Headers:   headers,
		Timeout:   cmp.Or(a.global.Timeout, patience),
	})
}

func newParser(commands *commandLine, env func(string) (string, bool), stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	kinds, err := kindCommands()
	if err != nil {
		return nil, err
	}
	commands.Gateway.Plugins = kong.Plugins{kinds}
	if err := commands.Gateway.Model.setKind(); err != nil {
		return nil, err
	}
	return kong.New(commands,
		kong.Name("agwctl"),
		kong.Description("Manages an AI gateway.\n\nEnvironment: AGW_ADMIN_ADDR, AGW_ADMIN_BASIC_AUTH, AGW_BASE_URL, AGW_API_KEY, AGW_API, AGW_MODEL. Flags go before them."),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ValueFormatter(describeFlag),
		kong.Resolvers(environment(env)),
	)
}

// environment gives absent flags their values.
func environment(env func(string) (string, bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if name := flag.Tag.Get("from"); name != "" {
			if v, ok := env(name); ok && v != "" {
				return v, nil
			}
		}
		return nil, nil
	})
}

func describeFlag(v *kong.Value) string {
	if name := v.Tag.Get("from"); name != "" {
		return fmt.Sprintf("%s ($%s)", v.Help, name)
	}
	return v.Help
}
