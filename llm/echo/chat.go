package echo

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

// maxChoices is OpenAI's own bound of n.
const maxChoices = 128

type chatRequest struct {
	Model             string          `json:"model"`
	Messages          conversation    `json:"messages"`
	Tools             []toolSpec      `json:"tools"`
	ToolChoice        toolChoice      `json:"tool_choice"`
	ParallelToolCalls *bool           `json:"parallel_tool_calls"`
	ResponseFormat    *responseFormat `json:"response_format"`
	MaxTokens         int             `json:"max_tokens"`
	MaxCompletion     int             `json:"max_completion_tokens"`
	Stop              oneOrMore       `json:"stop"`
	N                 *int            `json:"n"`
	Stream            bool            `json:"stream"`
	StreamOptions     streamOptions   `json:"stream_options"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// responseFormat asks for structured output. Chat wraps the schema once more
// than Responses and Anthropic do.
type responseFormat struct {
	Type       string          `json:"type"`
	Schema     json.RawMessage `json:"schema"`
	JSONSchema struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
}

// schema is nil when a text is asked for.
func (f *responseFormat) schema() json.RawMessage {
	switch {
	case f == nil || f.Type != "json_schema" && f.Type != "json_object":
		return nil
	case !isNull(f.JSONSchema.Schema):
		return f.JSONSchema.Schema
	case !isNull(f.Schema):
		return f.Schema
	}
	return json.RawMessage(`{"type":"object"}`)
}

func (r *chatRequest) request() request {
	text, fromTools := r.Messages.asked()
	choice := r.ToolChoice
	choice.single = r.ParallelToolCalls != nil && !*r.ParallelToolCalls
	limit := r.MaxCompletion
	if limit == 0 {
		limit = r.MaxTokens
	}
	return request{
		text: text, fromTools: fromTools,
		tools: callable(r.Tools), choice: choice,
		schema: r.ResponseFormat.schema(),
		stops:  r.Stop, maxWords: limit,
	}
}

// choices reads n.
func choices(n *int) (int, error) {
	if n == nil {
		return 1, nil
	}
	if *n < 1 || *n > maxChoices {
		return 0, invalid("n", "it must be between 1 and %d", maxChoices)
	}
	return *n, nil
}

type chatChoice struct {
	Index        int        `json:"index"`
	Message      any        `json:"message,omitempty"`
	Delta        any        `json:"delta,omitempty"`
	Logprobs     *struct{}  `json:"logprobs"`
	FinishReason nullString `json:"finish_reason"`
}

type chatMessage struct {
	Role        string         `json:"role"`
	Content     *string        `json:"content"`
	Refusal     *string        `json:"refusal"`
	Annotations []struct{}     `json:"annotations,omitzero"`
	ToolCalls   []chatToolCall `json:"tool_calls,omitempty"`
}

type chatDelta struct {
	Content   *string        `json:"content,omitempty"`
	ToolCalls []chatToolCall `json:"tool_calls,omitempty"`
}

type chatToolCall struct {
	Index    *int         `json:"index,omitempty"` // in streams only
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

func (p *Provider) chat(call *llm.Call, body []byte) (*answer, error) {
	var req chatRequest
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	if len(req.Messages) == 0 {
		return nil, invalid("messages", "it is missing or empty; send at least one message")
	}
	n, err := choices(req.N)
	if err != nil {
		return nil, err
	}
	r, err := req.request().reply()
	if err != nil {
		return nil, err
	}
	if err := fits("n", n*r.size()); err != nil {
		return nil, err
	}
	c := completion{
		ID: p.newID("chatcmpl-echo-"), Object: "chat.completion", Created: p.now().Unix(),
		Model: model(call, req.Model), ServiceTier: "default", SystemFingerprint: "fp_echo",
	}
	usage := newCompletionUsage(req.Messages.words(), n*r.words())
	if req.Stream {
		c.Object = "chat.completion.chunk"
		return &answer{stream: p.chatStream(c, r, n, usage, req.StreamOptions), delay: r.delay}, nil
	}
	for i := range n {
		m := chatMessage{Role: "assistant", Annotations: []struct{}{}}
		if r.calls == nil {
			m.Content = &r.text
		}
		for _, tc := range r.calls {
			m.ToolCalls = append(m.ToolCalls, chatToolCall{
				ID: p.newID("call_echo_"), Type: "function", Function: chatFunction{tc.name, tc.arguments},
			})
		}
		c.Choices = append(c.Choices, chatChoice{Index: i, Message: m, FinishReason: r.openAIFinish()})
	}
	c.Usage = usage
	return &answer{document: c, delay: r.delay}, nil
}

// chatStream is, for each choice: the role, the text or the calls, the reason
// for the end.
func (p *Provider) chatStream(c completion, r reply, n int, usage json.RawMessage, opts streamOptions) []segment {
	if opts.IncludeUsage {
		c.Usage = json.RawMessage("null")
	}
	var segments []segment
	for i := range n {
		chunk := func(delta any, finish nullString) event {
			one := c
			one.Choices = []any{chatChoice{Index: i, Delta: delta, FinishReason: finish}}
			return event{data: one}
		}
		role := struct {
			Role    string  `json:"role"`
			Content *string `json:"content"`
			Refusal *string `json:"refusal"`
		}{Role: "assistant"}
		if r.calls == nil {
			role.Content = new(string)
		}
		segments = append(segments, segment{
			head: []event{chunk(role, "")},
			text: r.text,
			cut:  word,
			delta: func(piece string) event {
				return chunk(chatDelta{Content: &piece}, "")
			},
		})
		for k, tc := range r.calls {
			delta := func(t chatToolCall) event {
				t.Index = &k
				return chunk(chatDelta{ToolCalls: []chatToolCall{t}}, "")
			}
			segments = append(segments, segment{
				head: []event{delta(chatToolCall{ID: p.newID("call_echo_"), Type: "function", Function: chatFunction{Name: tc.name}})},
				text: tc.arguments,
				cut:  fragment,
				delta: func(piece string) event {
					return delta(chatToolCall{Function: chatFunction{Arguments: piece}})
				},
			})
		}
		segments = append(segments, segment{head: []event{chunk(struct{}{}, r.openAIFinish())}})
	}
	return append(segments, c.end(usage, opts))
}
