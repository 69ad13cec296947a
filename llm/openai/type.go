package openai

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Type is one kind of upstream.
type Type struct {
	Name string
	// BaseURL is where it is, "/v1" or what stands for it included. Empty: the
	// configuration must say.
	BaseURL string
	// Operations are what it serves; nil means everything.
	Operations []llm.Operation
	// PreferResponses says that a request of another protocol is asked in Responses
	// rather than in chat, where it serves both: reasoning between calls of tools
	// survives only there. Compatible upstreams imitate chat better.
	PreferResponses bool
	// NoStreamUsage says that it refuses stream_options.
	NoStreamUsage bool

	// trim is the end that a base URL may have and the paths begin with anyway.
	trim string
	// adapt makes of the row what the options say.
	adapt func(Type, llm.Options) Type
	// send replaces the usual way of a call.
	send func(ctx context.Context, p *Provider, call *llm.Call) (*llm.Response, error)
	// list replaces the usual way to find the models.
	list func(ctx context.Context, p *Provider, cred llm.Credential) ([]llm.Model, error)
}

var operations = []llm.Operation{
	llm.OpenAIChat, llm.OpenAIResponses, llm.OpenAIResponse, llm.OpenAIInputTokens, llm.OpenAIEmbeddings, llm.OpenAICompletions, llm.OpenAIModerations,
	llm.OpenAIImages, llm.OpenAIAudio, llm.OpenAIFiles, llm.OpenAIBatches, llm.OpenAIRerank, llm.OpenAIModels,
}

func (t Type) serves(op llm.Operation) bool {
	if t.Operations == nil {
		return op.Protocol() == "openai"
	}
	return slices.Contains(t.Operations, op)
}

// withAPI makes the type serve the generating API that the options name, and not the
// other one.
func (t Type) withAPI(cfg llm.Config) (Type, error) {
	var is llm.Operation
	switch cfg.Options.API {
	case "":
		return t, nil
	case "chat":
		is = llm.OpenAIChat
	case "responses":
		is = llm.OpenAIResponses
	default:
		return t, fmt.Errorf("provider %s: options.api is %q; it must be chat or responses", cfg.ID, cfg.Options.API)
	}
	served := t.Operations
	if served == nil {
		served = operations
	}
	t.Operations = []llm.Operation{is}
	for _, op := range served {
		ofResponses := op == llm.OpenAIResponse || op == llm.OpenAIInputTokens
		if !op.Generates() && (is == llm.OpenAIResponses || !ofResponses) {
			t.Operations = append(t.Operations, op)
		}
	}
	return t, nil
}

// native is what [Provider.Native] answers, made once: it is asked for every call.
func (t Type) native() map[llm.Operation][]llm.Operation {
	generating := []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses}
	if t.PreferResponses {
		slices.Reverse(generating)
	}
	generating = slices.DeleteFunc(generating, func(op llm.Operation) bool { return !t.serves(op) })
	m := map[llm.Operation][]llm.Operation{}
	for _, op := range operations {
		if t.serves(op) {
			m[op] = []llm.Operation{op}
		}
	}
	for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages, llm.GeminiGenerate} {
		if !t.serves(op) && len(generating) > 0 {
			m[op] = generating
		}
	}
	return m
}

// base is a base URL without what the paths of this type begin with.
func (t Type) base(url string) string {
	if t.trim == "" {
		return url
	}
	return strings.TrimSuffix(strings.TrimRight(url, "/"), t.trim)
}
