package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// DecodeResponse implements [codec.Codec].
func (protocol) DecodeResponse(body []byte) (*codec.Response, error) {
	v := gjson.ParseBytes(body)
	switch status := v.Get("status").Str; {
	case status == "failed", v.Get("error").IsObject():
		return nil, failure(v.Get("error"))
	case status == "cancelled":
		return nil, llm.Errorf(llm.CodeCanceled, "the upstream says that this response was cancelled")
	case status == "queued", status == "in_progress":
		return nil, llm.Errorf(llm.CodeUpstream, "the upstream answered before the response was complete")
	case !v.Get("output").IsArray():
		return nil, llm.Errorf(llm.CodeUpstream, "the upstream's answer is not a response object with output")
	}
	r := header(v)
	r.Extra = extras(v, repeated...)
	choice := codec.Choice{}
	err := eachElement(v.Get("output"), "output", func(v gjson.Result, at string) error {
		parts, err := itemParts(v, at)
		choice.Parts = append(choice.Parts, parts...)
		return err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	calls := false
	logprobs := ""
	for i := range choice.Parts {
		calls = calls || choice.Parts[i].Kind == codec.ToolCallPart
		if list := takeLogprobs(&choice.Parts[i]); list != "" {
			logprobs += "," + list
		}
	}
	if logprobs != "" {
		choice.Logprobs = wrapLogprobs("[" + logprobs[1:] + "]")
	}
	choice.Finish = finish(v, calls)
	r.Choices = []codec.Choice{choice}
	return r, nil
}

// repeated are the members of an answer that are read, or say again what the request
// had said.
var repeated = []string{
	"id", "object", "created_at", "completed_at", "status", "model", "output", "output_text", "usage", "service_tier", "error",
	"incomplete_details", "access_programs", "background", "conversation", "image", "instructions", "max_output_tokens",
	"max_tool_calls", "metadata", "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key",
	"prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier", "store", "temperature", "text",
	"tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user", "frequency_penalty", "presence_penalty",
}

func unreadable(err error) error {
	return &llm.Error{Code: llm.CodeUpstream, Message: "the upstream's answer cannot be read: " + llm.AsError(err).Message, Cause: err}
}

// header reads what an answer says besides its output.
func header(v gjson.Result) *codec.Response {
	return &codec.Response{
		From: op, ID: v.Get("id").Str, Model: v.Get("model").Str, Created: v.Get("created_at").Int(),
		ServiceTier: v.Get("service_tier").Str, Usage: readUsage(v.Get("usage")),
	}
}

// readUsage reads OpenAI's counts, of which that of the input has the cached tokens
// in it, read and written.
func readUsage(v gjson.Result) (u llm.Usage) {
	if !v.IsObject() {
		return u
	}
	count := func(path string) llm.Count {
		if n := v.Get(path); n.Type == gjson.Number {
			return llm.Known(n.Int())
		}
		return llm.Count{}
	}
	u.CacheRead = count("input_tokens_details.cached_tokens")
	u.CacheWrite = count("input_tokens_details.cache_write_tokens")
	u.Output = count("output_tokens")
	u.Reasoning = count("output_tokens_details.reasoning_tokens")
	if u.Input = count("input_tokens"); u.Input.Known {
		u.Input.N = max(0, u.Input.N-u.CacheRead.N-u.CacheWrite.N)
	}
	u.Final = u.Input.Known || u.Output.Known
	return u
}

// finish reads how a response ended.
func finish(v gjson.Result, calls bool) codec.Finish {
	status := v.Get("status").Str
	f := codec.Finish{Reason: codec.ReasonStop, Raw: status}
	switch {
	case status == "incomplete":
		f.Raw = v.Get("incomplete_details.reason").Str
		switch f.Raw {
		case "max_output_tokens", "max_tokens":
			f.Reason = codec.ReasonLength
		case "content_filter":
			f.Reason = codec.ReasonFilter
		default:
			if calls {
				f.Reason = codec.ReasonToolCalls
			}
		}
	case calls:
		f.Reason = codec.ReasonToolCalls
	}
	return f
}

// inMessageItem begins the names of what the first part of a message item keeps for
// it, the phase above all.
const inMessageItem = "message."

// itemParts are the parts that an output item becomes.
func itemParts(v gjson.Result, at string) (parts []codec.Part, err error) {
	switch kind := v.Get("type").Str; kind {
	case "message":
		parts, err = answerContent(v.Get("content"), at+".content")
		for i := range parts {
			if p := &parts[i]; p.Kind != codec.Opaque { // which stays as it is
				p.Extra = append(messageExtra(v), p.Extra...)
				break
			}
		}
		return parts, err
	case "function_call", "custom_tool_call":
		p, err := callPart(v, at, kind == "custom_tool_call", true)
		return []codec.Part{p}, err
	case "reasoning":
		p, err := thoughtPart(v, at)
		if err != nil {
			return nil, err
		}
		if encrypted := v.Get("encrypted_content").Str; encrypted != "" {
			p.Thought.Signature = &codec.Signature{Of: op, Value: encrypted}
			p.Thought.Redacted = p.Text == "" && len(p.Thought.Summary) == 0
		}
		if p.Text != "" || p.Thought.Signature != nil {
			return []codec.Part{p}, nil
		}
		// Neither seen nor proven, it is only the name of what OpenAI has stored.
	}
	return []codec.Part{{Kind: codec.Opaque, Raw: json.RawMessage(v.Raw), Origin: op}}, nil
}

// answerContent reads what an answer says. Of other content, which a caller may send,
// nobody knows what it means in an answer.
func answerContent(v gjson.Result, at string) (parts []codec.Part, err error) {
	err = eachElement(v, at, func(v gjson.Result, at string) error {
		p, err := contentPart(v, at)
		switch {
		case p.Kind != codec.Text && p.Kind != codec.Refusal:
			p = opaque(v)
		case p.Cache != nil && extra(p.Extra, cacheMember) == nil:
			p.Extra = appendExtra(p.Extra, cacheMember, v.Get(cacheMember))
		}
		p.Cache = nil
		parts = append(parts, p)
		return err
	})
	return parts, err
}

// takeLogprobs takes the token probabilities out of a text: an answer has them beside
// its parts. It returns what is between the brackets.
func takeLogprobs(p *codec.Part) string {
	if p.Kind != codec.Text {
		return ""
	}
	list := strings.TrimSpace(string(extra(p.Extra, "logprobs")))
	if len(list) < 2 {
		return ""
	}
	p.Extra = without(p.Extra, "logprobs")
	return list[1 : len(list)-1]
}

func messageExtra(v gjson.Result) []codec.Field {
	list := extras(v, "type", "id", "role", "content", "status")
	for i := range list {
		list[i].Name = inMessageItem + list[i].Name
	}
	return list
}
