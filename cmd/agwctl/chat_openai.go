package main

import (
	"net/http"

	"github.com/tidwall/gjson"
)

// openAIChat is OpenAI's chat completions.
type openAIChat struct{ calls []toolCall }

type toolCall struct{ name, arguments string }

func (*openAIChat) path() string                        { return "/chat/completions" }
func (*openAIChat) authorize(h http.Header, key string) { bearer(h, key) }
func (*openAIChat) terminator() string                  { return "[DONE]" }

func (*openAIChat) body(q question) any {
	messages := []message{{"user", q.Text}}
	if q.System != "" {
		messages = append([]message{{"system", q.System}}, messages...)
	}
	return struct {
		Model     string    `json:"model,omitempty"`
		Messages  []message `json:"messages"`
		MaxTokens int       `json:"max_completion_tokens,omitempty"`
		Stream    bool      `json:"stream,omitempty"`
	}{q.Model, messages, q.MaxTokens, q.Stream}
}

func (c *openAIChat) whole(answer gjson.Result, p *printer) error {
	if e := answer.Get("error"); e.IsObject() {
		return streamError(e)
	}
	choice := answer.Get("choices.0")
	if !choice.Get("message").IsObject() {
		return errForeign
	}
	c.choice(choice, choice.Get("message"), p)
	c.flush(p)
	return nil
}

func (c *openAIChat) event(data []byte, p *printer) (bool, error) {
	if string(data) == "[DONE]" {
		c.flush(p)
		return true, nil
	}
	chunk := gjson.ParseBytes(data)
	if e := chunk.Get("error"); e.Exists() && e.Type != gjson.Null {
		return false, streamError(e)
	}
	choice := chunk.Get("choices.0")
	c.choice(choice, choice.Get("delta"), p)
	return false, nil
}

// choice prints the text of a message or of a piece of one, and collects its
// tool calls.
func (c *openAIChat) choice(choice, message gjson.Result, p *printer) {
	p.text(message.Get("content").String())
	p.text(message.Get("refusal").String())
	for i, call := range message.Get("tool_calls").Array() {
		if index := call.Get("index"); index.Exists() {
			i = int(index.Int())
		}
		if i < 0 || i > 1000 { // no model calls so many tools
			continue
		}
		for len(c.calls) <= i {
			c.calls = append(c.calls, toolCall{})
		}
		c.calls[i].name += call.Get("function.name").String()
		c.calls[i].arguments += call.Get("function.arguments").String()
	}
	if reason := choice.Get("finish_reason").String(); reason == "length" || reason == "content_filter" {
		p.cut = reason
	}
}

func (c *openAIChat) flush(p *printer) {
	for _, call := range c.calls {
		p.toolCall(call.name, call.arguments)
	}
}
