package main

import (
	"net/http"

	"github.com/tidwall/gjson"
)

// anthropicMessages is Anthropic's messages.
type anthropicMessages struct {
	call  toolCall // the block that is open, when it is a call
	input string   // that call's input where the block came whole
}

// anthropicMaxTokens is sent unless --max-tokens is given: the protocol wants one.
const anthropicMaxTokens = 1024

func (*anthropicMessages) path() string       { return "/messages" }
func (*anthropicMessages) terminator() string { return "message_stop" }

func (*anthropicMessages) authorize(h http.Header, key string) {
	h.Set("Anthropic-Version", "2023-06-01")
	if key != "" {
		h.Set("X-Api-Key", key)
	}
}

func (*anthropicMessages) body(q question) any {
	if q.MaxTokens == 0 {
		q.MaxTokens = anthropicMaxTokens
	}
	return struct {
		Model     string    `json:"model,omitempty"`
		MaxTokens int       `json:"max_tokens"`
		System    string    `json:"system,omitempty"`
		Messages  []message `json:"messages"`
		Stream    bool      `json:"stream,omitempty"`
	}{q.Model, q.MaxTokens, q.System, []message{{"user", q.Text}}, q.Stream}
}

func (*anthropicMessages) whole(answer gjson.Result, p *printer) error {
	if e := answer.Get("error"); e.IsObject() {
		return streamError(e)
	}
	if !answer.Get("content").IsArray() {
		return errForeign
	}
	for _, block := range answer.Get("content").Array() {
		p.text(block.Get("text").String())
		if block.Get("type").Str == "tool_use" {
			p.toolCall(block.Get("name").String(), block.Get("input").Raw)
		}
	}
	stopReason(answer.Get("stop_reason"), p)
	return nil
}

func (m *anthropicMessages) event(data []byte, p *printer) (bool, error) {
	e := gjson.ParseBytes(data)
	switch e.Get("type").Str {
	case "content_block_start":
		block := e.Get("content_block")
		p.text(block.Get("text").String())
		m.call = toolCall{}
		if block.Get("type").Str == "tool_use" {
			m.call.name, m.input = block.Get("name").String(), block.Get("input").Raw
		}
	case "content_block_delta":
		p.text(e.Get("delta.text").String())
		m.call.arguments += e.Get("delta.partial_json").String()
	case "content_block_stop":
		if m.call.name != "" {
			if m.call.arguments == "" {
				m.call.arguments = m.input
			}
			p.toolCall(m.call.name, m.call.arguments)
			m.call = toolCall{}
		}
	case "message_delta":
		stopReason(e.Get("delta.stop_reason"), p)
	case "message_stop":
		return true, nil
	case "error":
		return false, streamError(e.Get("error"))
	}
	return false, nil
}

func stopReason(reason gjson.Result, p *printer) {
	switch reason.Str {
	case "max_tokens", "refusal", "model_context_window_exceeded":
		p.cut = reason.Str
	}
}
