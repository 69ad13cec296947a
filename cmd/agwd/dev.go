package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore"
)

type devCommand struct {
	common
	ConfigStore string `default:"./data/dev.db" placeholder:"FILE" help:"The SQLite file of events, and of what the Admin API adds. It is not the daemon's own, whose objects could be at odds with these."`
}

// devProvider is a provider that dev sets up when its key is in the environment.
type devProvider struct {
	name, protocol string
	keys           []string // environment variables, the first that is set
	baseURL        string   // environment variable
	model          string   // asked for when a request names none
}

var devProviders = []devProvider{
	{"openai", "openai", []string{"OPENAI_API_KEY"}, "OPENAI_BASE_URL", "gpt-4.1-mini"},
	{"anthropic", "anthropic", []string{"ANTHROPIC_API_KEY"}, "ANTHROPIC_BASE_URL", "claude-haiku-4-5"},
	{"openrouter", "openai", []string{"OPENROUTER_API_KEY"}, "", "openrouter/auto"},
	{"deepseek", "openai", []string{"DEEPSEEK_API_KEY"}, "", "deepseek-chat"},
	{"zhipu", "openai", []string{"ZHIPU_API_KEY", "ZHIPUAI_API_KEY"}, "", "glm-4.6"},
	{"gemini", "gemini", []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}, "", "gemini-2.5-flash"},
	{"groq", "openai", []string{"GROQ_API_KEY"}, "", "llama-3.3-70b-versatile"},
	{"mistral", "openai", []string{"MISTRAL_API_KEY"}, "", "mistral-small-latest"},
	{"xai", "openai", []string{"XAI_API_KEY"}, "", "grok-4"},
	{"together", "openai", []string{"TOGETHER_API_KEY"}, "", "meta-llama/Llama-3.3-70B-Instruct-Turbo"},
	{"fireworks", "openai", []string{"FIREWORKS_API_KEY"}, "", "accounts/fireworks/models/llama-v3p3-70b-instruct"},
	{"moonshot", "openai", []string{"MOONSHOT_API_KEY"}, "", "kimi-k2-0905-preview"},
	{"cerebras", "openai", []string{"CEREBRAS_API_KEY"}, "", "llama-3.3-70b"},
	{"nvidia", "openai", []string{"NVIDIA_API_KEY"}, "", "meta/llama-3.3-70b-instruct"},
}

// devProtocols are those in which every provider is served.
var devProtocols = []string{"openai", "anthropic", "gemini"}

const devKey = "dev"

// Run serves what it finds until ctx is done.
func (c *devCommand) Run(ctx context.Context, o output) error {
	routes, objects := devObjects(os.Getenv)
	return c.serve(ctx, o, c.ConfigStore, []gateway.Option{gateway.WithStatic(objects...)}, func(d *daemon) error {
		if err := d.gw.Ready(); err != nil {
			return fmt.Errorf("what the Admin API has stored is at odds with this configuration: %w; begin anew with another --config-store", err)
		}
		base := "http://" + d.data.Addr().String()
		key := d.gw.VirtualKey(devKey)
		answer, err := ask(ctx, base+"/echo/v1", key)
		if err != nil {
			return fmt.Errorf("the gateway does not answer: %w", err)
		}
		return introduce(o.out, base, "http://"+d.admin.Addr().String()+"/admin", key, answer, routes)
	})
}

// devObjects is the configuration: echo and each provider with a key under its own
// prefix, in every protocol; and the first that speaks a protocol itself, else echo, at
// the root.
func devObjects(getenv func(string) string) (routes []*configstore.LLMRoute, objects []configstore.Object) {
	route := func(id, protocol, prefix, provider string) {
		r := &configstore.LLMRoute{ID: id, Protocol: protocol}
		r.MatchPolicy.PathPrefix = prefix
		r.AuthPolicy.RequireVirtualKey = true
		r.TargetPolicy.ProviderTarget.ProviderID = provider
		routes = append(routes, r)
	}
	root := map[string]string{}
	for _, p := range devProviders {
		key := ""
		for _, name := range p.keys {
			if key == "" {
				key = strings.TrimSpace(getenv(name))
			}
		}
		if key == "" {
			continue
		}
		o := &configstore.Provider{ID: p.name, ProviderType: p.name, APIKey: configstore.NewSecret(key), DefaultModel: p.model}
		if p.baseURL != "" {
			o.BaseURL = getenv(p.baseURL)
		}
		objects = append(objects, o)
		for _, protocol := range devProtocols {
			route("dev-"+p.name+"-"+protocol, protocol, "/"+p.name, p.name)
		}
		if root[p.protocol] == "" {
			root[p.protocol] = p.name
		}
	}
	objects = append(objects, &configstore.Provider{ID: "echo", ProviderType: "echo", DefaultModel: "echo"})
	for _, protocol := range devProtocols {
		route("dev-echo-"+protocol, protocol, "/echo", "echo")
		if root[protocol] == "" {
			root[protocol] = "echo"
		}
		route("dev-"+protocol+"-root", protocol, "/", root[protocol])
	}
	for _, r := range routes {
		objects = append(objects, r)
	}
	return routes, append(objects, &configstore.VirtualKey{ID: devKey, AllowedRouteIDs: []string{"*"}})
}

// ask sends one question through the gateway to echo.
func ask(ctx context.Context, base, key string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body := []byte(`{"messages":[{"role":"user","content":"Hello from agent-gateway!"}]}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{}} // no proxy between this process and itself
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Choices []struct {
			Message struct{ Content string }
		}
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Choices) == 0 {
		return "", fmt.Errorf("status %d: %s", resp.StatusCode, text)
	}
	return answer.Choices[0].Message.Content, nil
}

// introduce tells a newcomer where everything is.
func introduce(w io.Writer, base, admin, key, answer string, routes []*configstore.LLMRoute) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "agent-gateway is running.\n\n  data plane   %s\n  Admin API    %s\n  virtual key  %s\n\n", base, admin, key)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  BASE URL\tPROTOCOL\tPROVIDER\n")
	for _, r := range routes {
		url := base + strings.TrimSuffix(r.MatchPolicy.PathPrefix, "/")
		if r.Protocol == "openai" { // whose SDKs want the version in the base URL
			url += "/v1"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", url, r.Protocol, r.TargetPolicy.ProviderTarget.ProviderID)
	}
	_ = t.Flush()
	fmt.Fprintf(&b, "\nThe provider echo answers with what it is asked, offline. Asked for a hello, it said:\n\n  %s\n\nTry it:\n\n", answer)
	fmt.Fprintf(&b, "  curl -s %s/v1/chat/completions -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n\n", base, key)
	fmt.Fprintf(&b, "Ctrl-C stops it; the key stays the same.\n")
	_, err := w.Write(b.Bytes())
	return err
}
