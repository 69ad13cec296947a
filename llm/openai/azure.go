package openai

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// azure is Azure OpenAI. Its base URL is the resource's endpoint,
// https://NAME.openai.azure.com. Without an API version it is asked in the v1 API,
// where the body's model names the deployment; with one in the older API, where the
// path does.
var azure = Type{
	Name: "azure_openai", trim: "/openai/v1", PreferResponses: true,
	// https://learn.microsoft.com/azure/foundry/openai/latest
	Operations: []llm.Operation{
		llm.OpenAIChat, llm.OpenAIResponses, llm.OpenAIResponse, llm.OpenAICompletions, llm.OpenAIEmbeddings, llm.OpenAIImages, llm.OpenAIAudio,
		llm.OpenAIFiles, llm.OpenAIBatches, llm.OpenAIModels,
	},
	adapt: func(t Type, o llm.Options) Type {
		if o.APIVersion != "" {
			t.PreferResponses = false // only the newest versions have it
		}
		return t
	},
	send: sendAzure,
}

func sendAzure(ctx context.Context, p *Provider, call *llm.Call) (*llm.Response, error) {
	version := p.cfg.Options.APIVersion
	if version == "" {
		return p.client.Send(ctx, call, "/openai"+call.Path, azureKey)
	}
	path := "/openai" + relative(call)
	switch call.Operation {
	case llm.OpenAIChat, llm.OpenAICompletions, llm.OpenAIEmbeddings, llm.OpenAIImages, llm.OpenAIAudio:
		if call.Model == "" {
			return nil, &llm.Error{Code: llm.CodeInvalidRequest, Param: "model", NoRetry: true,
				Message: fmt.Sprintf("provider %s has options.api_version, so its deployment must be known from the request's model, and there is none: name one, or leave api_version out", p.cfg.ID)}
		}
		path = "/openai/deployments/" + url.PathEscape(call.Model) + strings.TrimPrefix(path, "/openai")
	}
	c := *call
	c.Query = maps.Clone(call.Query)
	if c.Query == nil {
		c.Query = url.Values{}
	}
	c.Query.Set("api-version", version)
	return p.client.Send(ctx, &c, path, azureKey)
}

func azureKey(h http.Header, key string) {
	delete(h, "Authorization") // a token of Entra ID would go there, and win
	if key != "" {
		h["Api-Key"] = []string{key}
	}
}
