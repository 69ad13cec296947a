package echo

import (
	"context"

	"github.com/agent-gateway/agent-gateway/llm"
)

// CountTokens counts the words of a counting call's prompt. Its errors are
// [*llm.Error]s, or of reading the body.
func (p *Provider) CountTokens(ctx context.Context, call *llm.Call) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if call.Operation != llm.OpenAIInputTokens && call.Operation != llm.AnthropicCountTokens {
		return 0, p.unsupported(call.Operation)
	}
	body, err := read(call.Body)
	if err != nil {
		return 0, err
	}
	return count(call.Operation, body)
}

func count(op llm.Operation, body []byte) (int64, error) {
	if op == llm.AnthropicCountTokens {
		req, err := parseMessages(body)
		if err != nil {
			return 0, err
		}
		return int64(req.words()), nil
	}
	req, err := parseResponses(body)
	if err != nil {
		return 0, err
	}
	return int64(req.words()), nil
}

func (p *Provider) countTokens(call *llm.Call, body []byte) (*answer, error) {
	n, err := count(call.Operation, body)
	if err != nil {
		return nil, err
	}
	counted := struct {
		Object      string `json:"object,omitempty"`
		InputTokens int64  `json:"input_tokens"`
	}{InputTokens: n}
	if call.Operation == llm.OpenAIInputTokens {
		counted.Object = "response.input_tokens"
	}
	return &answer{document: counted}, nil
}
