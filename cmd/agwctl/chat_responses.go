package main

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/tidwall/gjson"
)

// openAIResponses is OpenAI's Responses API.
type openAIResponses struct{}

func (*openAIResponses) path() string                        { return "/responses" }
func (*openAIResponses) authorize(h http.Header, key string) { bearer(h, key) }
func (*openAIResponses) terminator() string                  { return "response.completed" }

func (*openAIResponses) body(q question) any {
	return struct {
		Model        string `json:"model,omitempty"`
		Instructions string `json:"instructions,omitempty"`
		Input        string `json:"input"`
		MaxTokens    int    `json:"max_output_tokens,omitempty"`
		Stream       bool   `json:"stream,omitempty"`
	}{q.Model, q.System, q.Text, q.MaxTokens, q.Stream}
}

func (*openAIResponses) whole(answer gjson.Result, p *printer) error {
	if e := answer.Get("error"); e.IsObject() {
		return streamError(e)
	}
	if !answer.Get("output").IsArray() {
		return errForeign
	}
	for _, item := range answer.Get("output").Array() {
		for _, part := range item.Get("content").Array() {
			if item.Get("type").Str == "message" {
				p.text(part.Get("text").String())
				p.text(part.Get("refusal").String())
			}
		}
		outputItem(item, p)
	}
	return outcome(answer, p)
}

func (*openAIResponses) event(data []byte, p *printer) (bool, error) {
	e := gjson.ParseBytes(data)
	switch e.Get("type").Str {
	case "response.output_text.delta", "response.refusal.delta":
		p.text(e.Get("delta").String())
	case "response.output_item.done":
		outputItem(e.Get("item"), p)
	case "response.completed", "response.incomplete", "response.failed":
		return true, outcome(e.Get("response"), p)
	case "error":
		if inner := e.Get("error"); inner.IsObject() {
			e = inner
		}
		return false, streamError(e)
	}
	return false, nil
}

func outputItem(item gjson.Result, p *printer) {
	switch item.Get("type").Str {
	case "function_call":
		p.toolCall(item.Get("name").String(), item.Get("arguments").String())
	case "custom_tool_call":
		p.toolCall(item.Get("name").String(), item.Get("input").String())
	}
}

// outcome looks at how a response ended.
func outcome(response gjson.Result, p *printer) error {
	switch status := response.Get("status").Str; status {
	case "failed", "cancelled":
		if e := response.Get("error"); e.IsObject() {
			return streamError(e)
		}
		return errors.New("the model failed: the response is " + status)
	case "incomplete":
		p.cut = cmp.Or(response.Get("incomplete_details.reason").String(), status)
	}
	return nil
}
