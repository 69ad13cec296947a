package echo

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

type messagesRequest struct {
	Model         string       `json:"model"`
	System        content      `json:"system"`
	Messages      conversation `json:"messages"`
	Tools         []toolSpec   `json:"tools"`
	ToolChoice    toolChoice   `json:"tool_choice"`
	MaxTokens     int          `json:"max_tokens"`
	StopSequences []string     `json:"stop_sequences"`
	OutputConfig  struct {
		Format *responseFormat `json:"format"`
	} `json:"output_config"`
	Stream bool `json:"stream"`
}

func parseMessages(body []byte) (*messagesRequest, error) {
	var req messagesRequest
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	if len(req.Messages) == 0 {
		return nil, invalid("messages", "it is missing or empty; send at least one message")
	}
	return &req, nil
}

func (r *messagesRequest) words() int {
	return words(r.System.text()) + r.Messages.words()
}

func (r *messagesRequest) request() request {
	text, fromTools := r.Messages.asked()
	return request{
		text: text, fromTools: fromTools,
		tools: callable(r.Tools), choice: r.ToolChoice,
		schema: r.OutputConfig.Format.schema(),
		stops:  r.StopSequences, maxWords: r.MaxTokens,
	}
}

type anthropicMessage struct {
	ID           string         `json:"id"`
	Type         string         `json:"type"`
	Role         string         `json:"role"`
	Model        string         `json:"model"`
	Content      []any          `json:"content"`
	StopReason   nullString     `json:"stop_reason"`
	StopSequence nullString     `json:"stop_sequence"`
	StopDetails  *struct{}      `json:"stop_details"`
	Container    *struct{}      `json:"container"`
	Usage        anthropicUsage `json:"usage"`
}

// anthropicUsage is a message's usage; the fields that may be absent are those
// that message_delta leaves out.
type anthropicUsage struct {
	Input         int            `json:"input_tokens"`
	CacheCreation *cacheCreation `json:"cache_creation,omitempty"`
	CacheWrite    int            `json:"cache_creation_input_tokens"`
	CacheRead     int            `json:"cache_read_input_tokens"`
	Output        int            `json:"output_tokens"`
	ServiceTier   string         `json:"service_tier,omitempty"`
}

type cacheCreation struct {
	FiveMinutes int `json:"ephemeral_5m_input_tokens"`
	OneHour     int `json:"ephemeral_1h_input_tokens"`
}

type textBlock struct {
	Type      string     `json:"type"`
	Text      string     `json:"text"`
	Citations []struct{} `json:"citations"` // null
}

type toolUseBlock struct {
	Type   string          `json:"type"`
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Input  json.RawMessage `json:"input"`
	Caller caller          `json:"caller"`
}

type caller struct {
	Type string `json:"type"`
}

func newToolUse(id, name string, input json.RawMessage) toolUseBlock {
	return toolUseBlock{Type: "tool_use", ID: id, Name: name, Input: input, Caller: caller{"direct"}}
}

func (r reply) stopReason() nullString {
	switch r.finish {
	case finishLength:
		return "max_tokens"
	case finishStop:
		return "stop_sequence"
	case finishCalls:
		return "tool_use"
	}
	return "end_turn"
}

func (p *Provider) messages(call *llm.Call, body []byte) (*answer, error) {
	req, err := parseMessages(body)
	if err != nil {
		return nil, err
	}
	r, err := req.request().reply()
	if err != nil {
		return nil, err
	}
	m := anthropicMessage{
		ID: p.newID("msg_echo_"), Type: "message", Role: "assistant", Model: model(call, req.Model), Content: []any{},
		Usage: anthropicUsage{Input: req.words(), CacheCreation: &cacheCreation{}, ServiceTier: "standard"},
	}
	if req.Stream {
		return &answer{stream: p.messageStream(m, r), delay: r.delay}, nil
	}
	if r.text != "" {
		m.Content = append(m.Content, textBlock{Type: "text", Text: r.text})
	}
	for _, c := range r.calls {
		m.Content = append(m.Content, newToolUse(p.newID("toolu_echo_"), c.name, json.RawMessage(c.arguments)))
	}
	m.StopReason, m.StopSequence = r.stopReason(), nullString(r.stop)
	m.Usage.Output = r.words()
	return &answer{document: m, delay: r.delay}, nil
}

// blockEvent is an event of one content block.
type blockEvent struct {
	Type  string `json:"type"`
	Index int    `json:"index"`
	Block any    `json:"content_block,omitempty"`
	Delta any    `json:"delta,omitempty"`
}

type textDelta struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type inputDelta struct {
	Type        string `json:"type"`
	PartialJSON string `json:"partial_json"`
}

// messageStream is the message without content, its blocks one after another,
// and how it ended. m is the message as it starts.
func (p *Provider) messageStream(m anthropicMessage, r reply) []segment {
	type typed struct {
		Type string `json:"type"`
	}
	segments := []segment{{head: []event{
		{"message_start", struct {
			Type    string           `json:"type"`
			Message anthropicMessage `json:"message"`
		}{"message_start", m}},
		{"ping", typed{"ping"}},
	}}}
	if r.text != "" {
		segments = append(segments, block(0, textBlock{Type: "text"}, r.text, word,
			func(piece string) any { return textDelta{"text_delta", piece} }))
	}
	for i, c := range r.calls {
		start := newToolUse(p.newID("toolu_echo_"), c.name, json.RawMessage(`{}`))
		segments = append(segments, block(i, start, c.arguments, fragment,
			func(piece string) any { return inputDelta{"input_json_delta", piece} }))
	}

	type delta struct {
		StopReason   nullString `json:"stop_reason"`
		StopSequence nullString `json:"stop_sequence"`
		StopDetails  *struct{}  `json:"stop_details"`
		Container    *struct{}  `json:"container"`
	}
	return append(segments, segment{head: []event{
		{"message_delta", struct {
			Type  string         `json:"type"`
			Delta delta          `json:"delta"`
			Usage anthropicUsage `json:"usage"`
		}{
			"message_delta",
			delta{StopReason: r.stopReason(), StopSequence: nullString(r.stop)},
			anthropicUsage{Input: m.Usage.Input, Output: r.words()},
		}},
		{"message_stop", typed{"message_stop"}},
	}})
}

func block(index int, start any, text string, cut func(string) int, delta func(piece string) any) segment {
	named := func(e blockEvent) event { return event{e.Type, e} }
	return segment{
		head: []event{named(blockEvent{Type: "content_block_start", Index: index, Block: start})},
		text: text,
		cut:  cut,
		delta: func(piece string) event {
			return named(blockEvent{Type: "content_block_delta", Index: index, Delta: delta(piece)})
		},
		tail: []event{named(blockEvent{Type: "content_block_stop", Index: index})},
	}
}
