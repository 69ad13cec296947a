// Package gemini is the provider for Google's Gemini API, and for upstreams that
// speak it.
package gemini

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	codec "github.com/agent-gateway/agent-gateway/llm/codec/gemini"
	"github.com/agent-gateway/agent-gateway/llm/internal/ask"
	"github.com/agent-gateway/agent-gateway/llm/internal/upstream"
)

// BaseURL is where the API is unless the configuration says otherwise. Paths begin
// with the version, "/v1beta", which a base URL must not have.
const BaseURL = "https://generativelanguage.googleapis.com"

// Provider is an [llm.Provider]. It is safe for concurrent use.
type Provider struct {
	client *upstream.Client
	cfg    llm.Config
}

var (
	_ llm.Provider     = (*Provider)(nil)
	_ llm.ModelLister  = (*Provider)(nil)
	_ llm.TokenCounter = (*Provider)(nil)
)

// New returns a provider. Close it to give back its idle connections.
func New(cfg llm.Config) (*Provider, error) {
	if cfg.Type == "" {
		cfg.Type = "gemini"
	}
	client, err := upstream.New(cfg, BaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{client, cfg}, nil
}

// generating is made once: it is asked for every call.
var generating = []llm.Operation{llm.GeminiGenerate}

// Native implements [llm.Provider].
func (p *Provider) Native(op llm.Operation, _ string) []llm.Operation {
	switch {
	case op.Generates():
		return generating
	case op.Protocol() == "gemini":
		return []llm.Operation{op}
	}
	return nil
}

// Send implements [llm.Provider]. The call's path names the model:
// "/v1beta/models/{model}:generateContent". A key in the query is left out: the key
// goes into a header, where it is not logged.
func (p *Provider) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	if call.Query.Has("key") {
		c := *call
		c.Query = maps.Clone(call.Query)
		c.Query.Del("key")
		call = &c
	}
	resp, err := p.client.Send(ctx, call, call.Path, authenticate)
	if err == nil && resp.Status >= 400 {
		refine(resp)
	}
	return resp, err
}

// maxRefusal is how much of a refusal is looked at.
const maxRefusal = 64 << 10

// refine puts into status and header what Google says in a refusal's body alone: that
// the key is wrong, with status 400 of all, and how long to wait. The body stays.
func refine(resp *llm.Response) {
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	resp.Body = &resumed{io.MultiReader(bytes.NewReader(head), failed{err}, resp.Body), resp.Body}
	gjson.GetBytes(head, "error.details").ForEach(func(_, d gjson.Result) bool {
		if d.Get("reason").Str == "API_KEY_INVALID" {
			resp.Status = http.StatusUnauthorized
		}
		if delay, err := time.ParseDuration(d.Get("retryDelay").Str); err == nil && delay > 0 && resp.Header["Retry-After"] == nil {
			resp.Header["Retry-After"] = []string{strconv.FormatFloat(delay.Seconds(), 'f', -1, 64)}
		}
		return true
	})
}

// resumed is a body of which something has been read.
type resumed struct {
	io.Reader
	io.Closer
}

// failed ends a body where reading it had failed.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF // here; the rest follows
	}
	return 0, f.err
}

func authenticate(h http.Header, key string) {
	if key != "" {
		h["X-Goog-Api-Key"] = []string{key}
	}
}

// Close closes the idle connections.
func (p *Provider) Close() error { return p.client.Close() }

// maxPages bounds what an upstream can make the provider read.
const maxPages = 100

// ListModels implements [llm.ModelLister].
func (p *Provider) ListModels(ctx context.Context, cred llm.Credential) ([]llm.Model, error) {
	var list []llm.Model
	query := url.Values{"pageSize": {"1000"}}
	for range maxPages {
		v, err := p.ask(ctx, &llm.Call{
			Operation: llm.GeminiModels, Method: http.MethodGet, Path: "/v1beta/models", Query: query, Credential: cred,
		})
		if err != nil {
			return nil, fmt.Errorf("list the models: %w", err)
		}
		if list, err = ask.Models(list, v.Get("models").Array(), model); err != nil {
			return nil, err
		}
		next := v.Get("nextPageToken").String()
		if next == "" {
			return list, nil
		}
		query.Set("pageToken", next)
	}
	return nil, llm.Errorf(llm.CodeUpstream, "list the models: the upstream's list does not end after %d pages", maxPages)
}

func model(v gjson.Result) llm.Model {
	return llm.Model{
		ID:          strings.TrimPrefix(v.Get("name").String(), "models/"),
		DisplayName: v.Get("displayName").String(),
		OwnedBy:     "google",
	}
}

// CountTokens implements [llm.TokenCounter] for a call of [llm.GeminiCountTokens],
// whose path ends with ":countTokens".
func (p *Provider) CountTokens(ctx context.Context, call *llm.Call) (int64, error) {
	if call.Operation != llm.GeminiCountTokens {
		return 0, ask.Unsupported(p.cfg, "count tokens for "+string(call.Operation))
	}
	v, err := p.ask(ctx, call)
	if err != nil {
		return 0, fmt.Errorf("count the tokens: %w", err)
	}
	return ask.Tokens(v, "totalTokens")
}

func (p *Provider) ask(ctx context.Context, call *llm.Call) (gjson.Result, error) {
	return ask.JSON(ctx, p, call, codec.Codec.DecodeError)
}
