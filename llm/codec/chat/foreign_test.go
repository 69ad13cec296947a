package chat

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

type foreignRequest struct {
	r     codec.Request
	model string
	caps  llm.Capabilities
	param string // that is refused
}

func ptr[T any](v T) *T { return &v }

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func turn(role codec.Role, parts ...codec.Part) codec.Message {
	return codec.Message{Role: role, Parts: parts}
}

func textPart(s string) codec.Part { return codec.Part{Text: s} }

func callPart(id, name, args string) codec.Part {
	return codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: id, Name: name, Arguments: args}}
}

func resultPart(id string, content ...codec.Part) codec.Part {
	return codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: id, Content: content}}
}

func mediaPart(kind codec.Kind, m codec.Media) codec.Part { return codec.Part{Kind: kind, Media: &m} }

func thoughtPart(text string, of llm.Operation, sig string) codec.Part {
	p := codec.Part{Kind: codec.Thinking, Text: text, Thought: &codec.Thought{Redacted: text == ""}}
	if sig != "" {
		p.Thought.Signature = &codec.Signature{Of: of, Value: sig}
	}
	return p
}

func opaquePart(from llm.Operation, s string) codec.Part {
	return codec.Part{Kind: codec.Opaque, Origin: from, Raw: raw(s)}
}

const (
	anthropic = llm.AnthropicMessages
	responses = llm.OpenAIResponses
	gemini    = llm.GeminiGenerate
)

var foreignRequests = map[string]foreignRequest{
	"claude_code": {r: codec.Request{From: anthropic,
		System:   []codec.Part{opaquePart(anthropic, `{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1"}`), textPart("one")},
		Messages: []codec.Message{turn("user", textPart("hi"))},
		User:     `{"device_id":"f2b79236dfe32fd515395e8f3e0754787e48036559c6d857175e7049bf59077d","account_uuid":""}`,
	}},
	"anthropic_system_and_cache": {r: codec.Request{From: anthropic,
		System:    []codec.Part{textPart("one"), {Text: "two", Cache: &codec.Cache{TTL: "1h"}}},
		Messages:  []codec.Message{turn("user", codec.Part{Text: "hi", Cache: &codec.Cache{}}, textPart("there"))},
		MaxTokens: ptr[int64](100), TopK: ptr[int64](5), Stop: []string{"a", "b", "c", "d", "e"}, Temperature: "0.50",
		User: "u", Metadata: raw(`{"user_id":"u"}`),
		Extra: []codec.Field{{Name: "context_management", Value: raw(`{}`)}}}},
	"anthropic_tools": {r: codec.Request{From: anthropic, Stream: true,
		Messages: []codec.Message{turn("user", textPart("go"))},
		Tools: []codec.Tool{
			{Name: "f", Description: "d", Schema: raw(`{"type":"object"}`), Strict: ptr(true), Cache: &codec.Cache{}, Defer: ptr(true),
				Extra: []codec.Field{{Name: "input_examples", Value: raw(`[]`)}}},
			{Kind: codec.WebSearchTool, Raw: raw(`{"type":"web_search_20260318","name":"web_search","max_uses":3,"allowed_domains":[],"user_location":{"type":"approximate","city":"Berlin"}}`)}},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeAny}, ParallelToolCalls: ptr(false),
		Format:    &codec.Format{Type: codec.FormatSchema, Schema: raw(`{"type":"object","z":1,"a":2}`)},
		Reasoning: codec.Reasoning{Type: "enabled", Budget: ptr[int64](9000), Display: "omitted"}}},
	"anthropic_tool_turn": {r: codec.Request{From: anthropic,
		Messages: []codec.Message{
			turn("user", textPart("go")),
			turn("assistant", thoughtPart("hm", anthropic, "sig"), thoughtPart("", anthropic, "red"), textPart("I "), textPart("call"),
				callPart("toolu_1", "shot", `{"b":1,"a":2}`), callPart("toolu_2", "now", "")),
			turn("tool", codec.Part{Kind: codec.ToolResultPart, Cache: &codec.Cache{}, Result: &codec.ToolResult{CallID: "toolu_1", IsError: true,
				Content: []codec.Part{textPart("a"), mediaPart(codec.Image, codec.Media{MIME: "image/png", Data: "AAAA"}), textPart("b")}}}),
			turn("tool", resultPart("toolu_2", mediaPart(codec.File, codec.Media{MIME: "application/pdf", Data: "JVBE", Title: "T.pdf", Context: "c"}))),
			turn("user", textPart("next")),
		}}},
	"anthropic_results_among_text": {r: codec.Request{From: anthropic,
		Messages: []codec.Message{
			turn("assistant", callPart("1", "f", "{}")),
			turn("user", resultPart("1", mediaPart(codec.Image, codec.Media{URL: "https://example.com/a.png"})), textPart("and now")),
		}}},
	"anthropic_documents": {r: codec.Request{From: anthropic,
		Messages: []codec.Message{turn("user",
			mediaPart(codec.File, codec.Media{MIME: "application/pdf", Data: "JVBE"}),
			mediaPart(codec.File, codec.Media{Plain: "plain text", MIME: "text/plain"}),
			mediaPart(codec.Image, codec.Media{MIME: "image/webp", Data: "UklG"}),
			mediaPart(codec.Image, codec.Media{URL: "https://example.com/a.png"}))}}},
	"anthropic_server_tools": {r: codec.Request{From: anthropic,
		Messages: []codec.Message{turn("user", textPart("q")),
			turn("assistant", opaquePart(anthropic, `{"type":"server_tool_use","id":"s"}`), opaquePart(anthropic, `{"type":"web_search_tool_result"}`), textPart("a")),
			turn("assistant", thoughtPart("hm", anthropic, "s")),
			turn("user", textPart("q2"))}}},
	"deepseek_wants_thoughts": {caps: llm.Capabilities{ReasoningContent: true}, r: codec.Request{From: anthropic,
		Messages: []codec.Message{turn("user", textPart("q")),
			turn("assistant", thoughtPart("one", "", ""), thoughtPart("two", anthropic, "s"), callPart("1", "f", "{}")),
			turn("tool", resultPart("1", textPart("r")))}}},
	"openrouter_own_details": {r: codec.Request{From: anthropic,
		Messages: []codec.Message{turn("user", textPart("q")),
			turn("assistant", thoughtPart("hm", op, `[{"type":"reasoning.text","text":"hm","signature":"s"}]`), thoughtPart("x", op, "plain"), textPart("a")),
			turn("user", textPart("q2"))}}},
	"gemini_signature_to_gemini": {model: "google/gemini-3-pro", r: codec.Request{From: anthropic,
		Messages: []codec.Message{turn("user", textPart("q")),
			turn("assistant", thoughtPart("", gemini, "c2ln"), callPart("1", "f", "{}"), callPart("2", "g", "{}")),
			turn("tool", resultPart("1", textPart("r")))}}},
	"gemini_signature_elsewhere": {r: codec.Request{From: gemini,
		Messages: []codec.Message{turn("user", textPart("q")),
			turn("assistant", codec.Part{Kind: codec.ToolCallPart, Signature: &codec.Signature{Of: gemini, Value: "c2ln"}, Call: &codec.ToolCall{ID: "1", Name: "f"}}),
			turn("tool", codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "1", Object: raw(`{"z":1,"a":[2]}`)}})}}},
	"gemini_request": {r: codec.Request{From: gemini, System: []codec.Part{textPart("be kind")},
		Messages: []codec.Message{turn("user", textPart("hi"), mediaPart(codec.Audio, codec.Media{MIME: "audio/mp3", Data: "SUQz"})),
			turn("assistant", mediaPart(codec.Image, codec.Media{MIME: "image/png", Data: "AAAA"}), textPart("done")), turn("user", textPart("more"))},
		N: ptr[int64](2), Seed: ptr[int64](7), Logprobs: ptr(true), TopLogprobs: ptr[int64](2), PresencePenalty: "1", FrequencyPenalty: "0.5",
		Tools:      []codec.Tool{{Name: "f"}, {Kind: codec.WebSearchTool, Raw: raw(`{"googleSearch":{}}`)}},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeAny, Allowed: []string{"f"}, Validated: true},
		Format:     &codec.Format{Type: codec.FormatSchema, Schema: raw(`{"type":"object"}`)},
		Reasoning:  codec.Reasoning{Budget: ptr[int64](0), Show: ptr(false)}}},
	"responses_request": {r: codec.Request{From: responses, System: []codec.Part{textPart("instructions")},
		Messages: []codec.Message{turn("developer", textPart("rules")), turn("user", textPart("hi"), mediaPart(codec.File, codec.Media{FileID: "file-1"})),
			{Role: "assistant", ID: "msg_1", Parts: []codec.Part{textPart("yes"), {Kind: codec.Refusal, Text: "but no"}}},
			turn("assistant", codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "call_1", ItemID: "ctc_1", Name: "patch", Arguments: "*** Begin", Custom: true}}),
			turn("tool", codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "call_1", Custom: true, Content: []codec.Part{textPart("ok")}}})},
		Tools:      []codec.Tool{{Kind: codec.CustomTool, Name: "patch", Grammar: raw(`{"type":"grammar","syntax":"lark","definition":"x"}`)}},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeNamed, Name: "patch"}, ParallelToolCalls: ptr(true),
		Store: ptr(false), Include: []string{"reasoning.encrypted_content", "message.output_text.logprobs", "file_search_call.results"},
		Truncation: "auto", PromptCacheKey: "k", PromptCacheRetention: "24h", ServiceTier: "priority", Verbosity: "high", Metadata: raw(`{}`),
		Format:    &codec.Format{Type: codec.FormatJSON},
		Reasoning: codec.Reasoning{Effort: "max", Summary: "auto"}}},
	"responses_items": {r: codec.Request{From: responses,
		Messages: []codec.Message{turn("user", textPart("go")),
			turn("assistant", thoughtPart("hm", responses, "enc")), turn("assistant", textPart("first")), turn("assistant", textPart("second")),
			turn("assistant", callPart("1", "f", "{}")), turn("assistant", callPart("2", "g", "{}")), turn("assistant", textPart("third")),
			turn("tool", resultPart("1", textPart("r1"))), turn("tool", resultPart("2", textPart("r2")))}}},
	"no_thinking": {caps: llm.Capabilities{NoThinking: true}, r: codec.Request{From: anthropic,
		Messages: []codec.Message{turn("user", textPart("hi"))}, Reasoning: codec.Reasoning{Effort: "low"},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeAuto}, ParallelToolCalls: ptr(false), Store: ptr(true)}},
}

// asks is a request of a protocol with one message of parts.
func asks(from llm.Operation, parts ...codec.Part) codec.Request {
	return codec.Request{From: from, Messages: []codec.Message{turn("user", parts...)}}
}

func uses(from llm.Operation, t codec.Tool) codec.Request {
	return codec.Request{From: from, Messages: []codec.Message{turn("user", textPart("hi"))}, Tools: []codec.Tool{t}}
}

var refusedRequests = map[string]foreignRequest{
	"previous response": {param: "previous_response_id", r: codec.Request{From: responses, PreviousResponseID: "r"}},
	"conversation":      {param: "conversation", r: codec.Request{From: responses, Conversation: raw(`"c"`)}},
	"background":        {param: "background", r: codec.Request{From: responses, Background: ptr(true)}},
	"item reference":    {param: "messages.item_reference", r: codec.Request{From: responses, Messages: []codec.Message{turn("assistant", opaquePart(responses, `{"type":"item_reference","id":"x"}`))}}},
	"compaction":        {param: "messages.compaction", r: codec.Request{From: anthropic, Messages: []codec.Message{turn("assistant", opaquePart(anthropic, `{"type":"compaction"}`))}}},
	"search result":     {param: "messages.search_result", r: asks(anthropic, opaquePart(anthropic, `{"type":"search_result"}`))},
	"image id":          {param: "messages.file_id", r: asks(responses, mediaPart(codec.Image, codec.Media{FileID: "f"}))},
	"file id":           {param: "messages.file_id", r: asks(anthropic, mediaPart(codec.File, codec.Media{FileID: "f"}))},
	"file url":          {param: "messages.file_url", r: asks(anthropic, mediaPart(codec.File, codec.Media{URL: "https://example.com"}))},
	"audio url":         {param: "messages.audio", r: asks(gemini, mediaPart(codec.Audio, codec.Media{URL: "gs://x"}))},
	"hosted tool":       {param: "tools", r: uses(responses, codec.Tool{Kind: codec.HostedTool, Raw: raw(`{"type":"code_interpreter"}`)})},
	"hosted of gemini":  {param: "tools", r: uses(gemini, codec.Tool{Kind: codec.HostedTool, Raw: raw(`{"codeExecution":{}}`)})},
	"search of domains": {param: "tools.allowed_domains", r: uses(anthropic, codec.Tool{Kind: codec.WebSearchTool, Raw: raw(`{"allowed_domains":["a.example"]}`)})},
	"search filters":    {param: "tools.filters", r: uses(responses, codec.Tool{Kind: codec.WebSearchTool, Raw: raw(`{"filters":{"allowed_domains":["a.example"]}}`)})},
	"namespace":         {param: "tools.namespace", r: uses(responses, codec.Tool{Namespace: "n", Name: "f"})},
	"custom tool":       {param: "tools.custom", caps: llm.Capabilities{NoCustomTools: true}, r: uses(responses, codec.Tool{Kind: codec.CustomTool, Name: "f"})},
	"choice": {param: "tool_choice", r: codec.Request{From: responses, Messages: []codec.Message{turn("user", textPart("hi"))},
		Tools: []codec.Tool{{Name: "f"}}, ToolChoice: &codec.ToolChoice{Raw: raw(`{"type":"file_search"}`)}}},
}

// foreignAnswers are answers of other protocols, which callers of this one are given.
var foreignAnswers = map[string]struct {
	req codec.Request
	r   codec.Response
}{
	"anthropic": {r: codec.Response{From: anthropic, ID: "msg_01", Model: "claude", Created: 7, ServiceTier: "default",
		Choices: []codec.Choice{{Parts: []codec.Part{thoughtPart("hm", anthropic, "sig"), thoughtPart("", anthropic, "red"),
			{Text: "héllo", Annotations: []codec.Annotation{{URL: "https://a.example", Title: "A", Start: 1, End: 3, CitedText: "x"}}},
			opaquePart(anthropic, `{"type":"server_tool_use"}`),
			{Text: " there", Annotations: []codec.Annotation{{URL: "https://b.example", Title: "B", Start: 0, End: 2}, {CitedText: "of a document"}}},
			callPart("toolu_1", "f", `{"b":1, "a":12345678901234567890}`), callPart("toolu_2", "g", "")},
			Finish: codec.Finish{Reason: codec.ReasonToolCalls, Raw: "tool_use"}}},
		Usage: llm.Usage{Input: llm.Known(10), Output: llm.Known(7), CacheRead: llm.Known(20), CacheWrite: llm.Known(5), Reasoning: llm.Known(3), Final: true},
		Extra: []codec.Field{{Name: "container", Value: raw(`{}`)}}}},
	"refusal": {r: codec.Response{From: anthropic, ID: "msg_02", Created: 7, Choices: []codec.Choice{{
		Finish: codec.Finish{Reason: codec.ReasonFilter, Raw: "refusal", Details: raw(`{"type":"refusal","explanation":"no"}`)}}}}},
	"blocked": {req: codec.Request{Model: "asked"}, r: codec.Response{From: gemini, ID: "x", Created: 7, Blocked: "SAFETY", Usage: llm.Usage{Input: llm.Known(4)}}},
	"gemini": {r: codec.Response{From: gemini, ID: "g", Model: "gemini", Created: 7, Choices: []codec.Choice{
		{Parts: []codec.Part{thoughtPart("hm", "", ""), {Text: "a", Signature: &codec.Signature{Of: gemini, Value: "t"}},
			{Kind: codec.ToolCallPart, Signature: &codec.Signature{Of: gemini, Value: "c2ln"}, Call: &codec.ToolCall{ID: "c1", Name: "f"}}},
			Finish: codec.Finish{Reason: codec.ReasonToolCalls}},
		{Index: 1, Parts: []codec.Part{mediaPart(codec.Image, codec.Media{MIME: "image/png", Data: "AAAA"}), mediaPart(codec.Audio, codec.Media{Data: "x"})},
			Finish: codec.Finish{Reason: codec.ReasonLength}}}}},
	"responses": {r: codec.Response{From: responses, ID: "resp_1", Model: "gpt", Created: 7, Choices: []codec.Choice{{Parts: []codec.Part{
		{Kind: codec.Thinking, Text: "onetwo", Thought: &codec.Thought{ID: "rs_1", Summary: []string{"one", "two"}, Signature: &codec.Signature{Of: responses, Value: "enc"}}},
		{Kind: codec.Refusal, Text: "no"},
		{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "call_1", ItemID: "ctc_1", Name: "patch", Arguments: "*** Begin\n", Custom: true}}},
		Finish: codec.Finish{Reason: codec.ReasonPause}}}}},
	"legacy_caller": {req: codec.Request{From: op, Tools: []codec.Tool{{Name: "f", Raw: raw(`{"name":"f"}`)}}},
		r: codec.Response{From: anthropic, ID: "msg_03", Model: "m", Created: 7, Choices: []codec.Choice{{
			Parts: []codec.Part{callPart("1", "f", ""), callPart("2", "f", "{}")}, Finish: codec.Finish{Reason: codec.ReasonToolCalls}}}}},
}
