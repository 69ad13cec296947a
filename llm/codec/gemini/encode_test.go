package gemini

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func ptr[T any](v T) *T { return &v }

func text(s string) codec.Part { return codec.Part{Text: s} }

func call(id, name, args string) codec.Part {
	return codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: id, Name: name, Arguments: args}}
}

func result(id string, parts ...codec.Part) codec.Part {
	return codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: id, Content: parts}}
}

func media(kind codec.Kind, m codec.Media) codec.Part { return codec.Part{Kind: kind, Media: &m} }

func user(parts ...codec.Part) codec.Message {
	return codec.Message{Role: codec.RoleUser, Parts: parts}
}

func model(parts ...codec.Part) codec.Message {
	return codec.Message{Role: codec.RoleAssistant, Parts: parts}
}

func tool(parts ...codec.Part) codec.Message {
	return codec.Message{Role: codec.RoleTool, Parts: parts}
}

func redactedOf(of llm.Operation, sig string) codec.Part {
	return codec.Part{Kind: codec.Thinking, Thought: &codec.Thought{Redacted: true, Signature: &codec.Signature{Of: of, Value: sig}}}
}

var gemini3 = llm.Capabilities{ThinkingLevel: true}

// Requests of other protocols, row by row of the translation matrix.
var encoded = map[string]struct {
	r    codec.Request
	caps llm.Capabilities
}{
	"system": {r: codec.Request{
		System: []codec.Part{{Text: "A", Cache: &codec.Cache{}}},
		Messages: []codec.Message{
			{Role: codec.RoleSystem, Parts: []codec.Part{text("B")}},
			user(text("Hi")), user(text(""), text("there")),
			{Role: codec.RoleDeveloper, Parts: []codec.Part{text("C")}},
			model(text("")), {Role: codec.RoleUser, Name: "Ann", Parts: []codec.Part{text("D")}, Extra: []codec.Field{{Name: "x", Value: json.RawMessage("1")}}},
		},
	}},
	"system_alone": {r: codec.Request{Messages: []codec.Message{{Role: codec.RoleSystem, Parts: []codec.Part{text("Say hi")}}}}},
	"media": {r: codec.Request{Messages: []codec.Message{user(
		media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO", Detail: "high"}),
		media(codec.Image, codec.Media{URL: "https://x.test/a.JPG?w=1#f", Detail: "high"}),
		media(codec.File, codec.Media{MIME: "application/pdf", Data: "JVBE", Name: "a.pdf", Title: "A", Context: "B"}),
		media(codec.File, codec.Media{Data: "JVBE", Name: "b.pdf"}),
		media(codec.File, codec.Media{Plain: "plain"}),
		media(codec.File, codec.Media{URL: "https://www.youtube.com/watch?v=1"}),
		media(codec.Audio, codec.Media{MIME: "audio/wav", Data: "UklG"}),
	)}}},
	"detail_each": {caps: gemini3, r: codec.Request{Messages: []codec.Message{user(
		media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO", Detail: "low"}),
		media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO", Detail: "auto"}),
	)}}},
	"detail_mixed": {r: codec.Request{Messages: []codec.Message{user(
		media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO", Detail: "low"}),
		media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO"}),
	)}}},
	"calls": {r: codec.Request{Messages: []codec.Message{
		user(text("Go")),
		model(text("Well"), call("call_1", "f", `{"z": 1, "a":12345678901234567890}`), call("toolu_2", "g", "")),
		model(call("k3j2h1", "f", " {} ")),
		tool(result("toolu_2", text("a"), text("b"))),
		tool(result("call_1", text(`{"ok":true}`), media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO", Detail: "low"}))),
		tool(
			codec.Part{Kind: codec.ToolResultPart, Cache: &codec.Cache{}, Result: &codec.ToolResult{CallID: "k3j2h1", Content: []codec.Part{text("broken")}, IsError: true}},
		),
		user(text("And?")),
	}}},
	"results_order": {r: codec.Request{Messages: []codec.Message{
		user(text("Go")), model(call("call_a", "f", `{"n":1}`), call("call_b", "f", `{"n":2}`)),
		tool(result("call_b", text("2"))), tool(result("call_a", text("1"))),
	}}},
	"results": {r: codec.Request{Messages: []codec.Message{
		user(text("Go")), model(call("a", "f", "{}"), call("b", "f", "{}"), call("c", "f", "{}"), call("d", "f", "{}")),
		tool(
			codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "a", Name: "f", IsError: true, Content: []codec.Part{text(`{"why":1}`)}}},
			codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "b", Object: json.RawMessage(`{"x":1}`)}},
			result("c", text("[1]")), result("d"),
		),
	}}},
	"signatures": {caps: gemini3, r: codec.Request{Messages: []codec.Message{
		user(text("Old")), model(call("1", "f", "{}")), tool(result("1", text("x"))), model(text("Done")),
		user(text("New")),
		model(
			codec.Part{Kind: codec.Thinking, Text: "Hm", Thought: &codec.Thought{Signature: &codec.Signature{Of: op, Value: "AAA="}}},
			codec.Part{Kind: codec.Thinking, Text: "foreign", Thought: &codec.Thought{Signature: &codec.Signature{Of: llm.AnthropicMessages, Value: "x"}}},
			redactedOf(op, "BBB="), call("2", "f", "{}"), call("3", "f", "{}"),
		),
		tool(result("2", text("x")), result("3", text("y"))),
		model(codec.Part{Kind: codec.ToolCallPart, Signature: &codec.Signature{Of: op, Value: "CCC="}, Call: &codec.ToolCall{ID: "4", Name: "f"}}),
		tool(result("4", text("x"))),
		model(codec.Part{Kind: codec.Thinking, Text: "unsigned", Thought: &codec.Thought{}}, call("5", "f", "{}"), call("6", "f", "{}")),
		tool(result("5", text("x")), result("6", text("x"))),
		model(text("So"), redactedOf(op, "DDD="), redactedOf(llm.AnthropicMessages, "y")),
	}}},
	"dropped": {r: codec.Request{
		Messages: []codec.Message{
			user(codec.Part{Text: "Hi", Cache: &codec.Cache{}, Extra: []codec.Field{{Name: "y", Value: json.RawMessage("1")}}}),
			model(codec.Part{Kind: codec.Refusal, Text: "No", Annotations: []codec.Annotation{{URL: "u"}}},
				codec.Part{Kind: codec.Opaque, Origin: llm.AnthropicMessages, Raw: json.RawMessage(`{"type":"server_tool_use"}`)}),
			user(text("Why?")),
		},
		ParallelToolCalls: ptr(false), LogitBias: json.RawMessage(`{"1":1}`), Verbosity: "low", User: "u", Metadata: json.RawMessage(`{}`),
		PromptCacheKey: "k", PromptCacheRetention: "24h", Store: ptr(true), Truncation: "auto", ServiceTier: "scale",
		Include: []string{"reasoning.encrypted_content", "file_search_call.results"},
		Extra:   []codec.Field{{Name: "prediction", Value: json.RawMessage(`{}`)}},
	}},
	"parameters": {r: codec.Request{
		Messages: []codec.Message{user(text("Hi"))}, MaxTokens: ptr(int64(100000)), Temperature: "0.50", TopP: "1", TopK: ptr(int64(3)),
		Stop: []string{"a", "", "b"}, N: ptr(int64(2)), Seed: ptr(int64(9)), PresencePenalty: "1", FrequencyPenalty: "2",
		Logprobs: ptr(true), TopLogprobs: ptr(int64(4)), ServiceTier: "flex",
		Format: &codec.Format{Type: codec.FormatSchema, Name: "n", Description: "d", Strict: ptr(true), Schema: json.RawMessage(`{"type":"object","properties":{"b":{},"a":{}}}`)},
	}, caps: llm.Capabilities{MaxOutputTokens: 65536}},
	"poor_model": {r: codec.Request{
		Messages: []codec.Message{user(text("Hi"))}, Temperature: "1", TopP: "1", TopK: ptr(int64(3)), ServiceTier: "auto",
		Format: &codec.Format{Type: codec.FormatJSON}, Reasoning: codec.Reasoning{Effort: "high"}, ToolChoice: &codec.ToolChoice{Mode: codec.ModeAny},
	}, caps: llm.Capabilities{RejectsSampling: true, NoStructuredOutput: true, NoThinking: true, RejectsForcedToolUse: true}},
	"tools": {r: codec.Request{
		Messages: []codec.Message{user(text("Hi"))}, Format: &codec.Format{Type: codec.FormatText},
		Tools: []codec.Tool{
			{Name: "f", Description: "F", Schema: json.RawMessage(`{"type":"object","$schema":"x"}`), Strict: ptr(true), Cache: &codec.Cache{}, Defer: ptr(true)},
			{Name: "g", Extra: []codec.Field{{Name: "x", Value: json.RawMessage("1")}}},
			{Kind: codec.WebSearchTool, Raw: json.RawMessage(`{"type":"web_search_20260318","name":"web_search","max_uses":3,"blocked_domains":null}`)},
			{Name: "h"},
		},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeAuto, Allowed: []string{"f", "g"}},
	}},
}

func TestEncode(t *testing.T) {
	for name, c := range encoded {
		t.Run(name, func(t *testing.T) {
			c.r.From = llm.OpenAIChat
			before := dump(c.r)
			var lost codec.Losses
			out, err := Codec.EncodeRequest(&c.r, codec.Target{Caps: c.caps}, &lost)
			require.NoError(t, err)
			require.Equal(t, before, dump(c.r), "the request is not changed")
			compare(t, "encode/"+name, pretty(t, out)+"\n-- lost --\n"+lostText(&lost)+"\n")
			_, err = Codec.DecodeRequest(out, "m", false)
			require.NoError(t, err)
		})
	}
}

// What must not be left out is refused by its name.
func TestRefused(t *testing.T) {
	hi := []codec.Message{user(text("Hi"))}
	opaque := func(raw string) codec.Part {
		return codec.Part{Kind: codec.Opaque, Origin: llm.OpenAIResponses, Raw: json.RawMessage(raw)}
	}
	for param, r := range map[string]codec.Request{
		"previous_response_id":   {Messages: hi, PreviousResponseID: "r"},
		"conversation":           {Messages: hi, Conversation: json.RawMessage(`"c"`)},
		"background":             {Messages: hi, Background: ptr(true)},
		"stop":                   {Messages: hi, Stop: []string{"1", "2", "3", "4", "5", "6"}},
		"messages":               {Messages: []codec.Message{model(text(""))}},
		"tools[0]":               {Messages: hi, Tools: []codec.Tool{{Kind: codec.HostedTool, Raw: json.RawMessage(`{"type":"file_search"}`)}}},
		"tools[1]":               {Messages: hi, Tools: []codec.Tool{{Name: "f"}, {Kind: codec.CustomTool, Name: "c"}}},
		"tools[2]":               {Messages: hi, Tools: []codec.Tool{{Name: "f"}, {Name: "g"}, {Name: "f", Namespace: "n"}}},
		"tool_choice":            {Messages: hi, ToolChoice: &codec.ToolChoice{Raw: json.RawMessage(`{"type":"file_search"}`)}},
		"messages[0].content[0]": {Messages: []codec.Message{user(media(codec.Image, codec.Media{FileID: "file-1"}))}},
		"messages[0].content[1]": {Messages: []codec.Message{user(text("x"), media(codec.Image, codec.Media{URL: "https://x.test/image"}))}},
		"messages[0].content[2]": {Messages: []codec.Message{user(text("x"), text("y"), media(codec.File, codec.Media{Data: "AAAA"}))}},
		"messages[1].content[0]": {Messages: []codec.Message{user(text("x")), model(opaque(`{"type":"item_reference"}`))}},
		"messages[1].tool_calls[0].function.arguments": {Messages: []codec.Message{user(text("x")), model(call("1", "f", "{"))}},
		"messages[1].tool_calls[1]":                    {Messages: []codec.Message{user(text("x")), model(text("x"), codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{Custom: true}})}},
		"messages[1].tool_call_id":                     {Messages: []codec.Message{user(text("x")), tool(result("nobody's"))}},
		"messages[2].content[0].content[0]":            {Messages: []codec.Message{user(text("x")), model(call("1", "f", "")), tool(result("1", media(codec.Image, codec.Media{FileID: "file-1"})))}},
		"system[0]":                                    {Messages: hi, System: []codec.Part{media(codec.Image, codec.Media{FileID: "file-1"})}},
	} {
		r.From = llm.OpenAIResponses
		_, err := Codec.EncodeRequest(&r, codec.Target{}, nil)
		var e *llm.Error
		require.ErrorAs(t, err, &e, param)
		require.Equal(t, llm.CodeInvalidRequest, e.Code)
		require.Equal(t, param, e.Param)
	}
}

func TestReasoning(t *testing.T) {
	show := ptr(true)
	for _, c := range []struct {
		r     codec.Reasoning
		caps  llm.Capabilities
		max   int64
		want  string
		drops string
	}{
		{codec.Reasoning{Effort: "low"}, gemini3, 0, `{"thinkingLevel":"LOW"}`, ""},
		{codec.Reasoning{Effort: "xhigh"}, gemini3, 0, `{"thinkingLevel":"HIGH"}`, ""},
		{codec.Reasoning{Effort: "none"}, gemini3, 0, `{"thinkingLevel":"MINIMAL"}`, "reasoning_effort"},
		{codec.Reasoning{Effort: "minimal"}, llm.Capabilities{ThinkingLevel: true, Efforts: []string{"low", "high"}}, 0, `{"thinkingLevel":"LOW"}`, ""},
		{codec.Reasoning{Effort: "none"}, llm.Capabilities{ThinkingLevel: true, Efforts: []string{"none", "high"}}, 0, `{"thinkingBudget":0}`, ""},
		{codec.Reasoning{Budget: ptr(int64(8000)), Type: "enabled", Show: show}, gemini3, 0, `{"thinkingLevel":"MEDIUM","includeThoughts":true}`, ""},
		{codec.Reasoning{Effort: "low", Summary: "detailed"}, llm.Capabilities{}, 0, `{"thinkingBudget":2048}`, "reasoning.summary"},
		{codec.Reasoning{Effort: "max"}, llm.Capabilities{}, 0, `{"thinkingBudget":24576}`, ""},
		{codec.Reasoning{Effort: "high"}, llm.Capabilities{}, 4000, `{"thinkingBudget":3999}`, ""},
		{codec.Reasoning{Effort: "none"}, llm.Capabilities{}, 0, `{"thinkingBudget":0}`, ""},
		{codec.Reasoning{Type: "disabled"}, llm.Capabilities{RejectsThinkingDisabled: true}, 0, `{"thinkingBudget":128}`, "reasoning_effort"},
		{codec.Reasoning{Budget: ptr(int64(31999)), Type: "enabled"}, llm.Capabilities{}, 0, `{"thinkingBudget":24576}`, "thinking.budget_tokens"},
		{codec.Reasoning{Budget: ptr(int64(5000)), Type: "enabled"}, llm.Capabilities{}, 0, `{"thinkingBudget":5000}`, ""},
		{codec.Reasoning{Type: "adaptive"}, llm.Capabilities{}, 0, `{"thinkingBudget":-1}`, ""},
		{codec.Reasoning{Show: show}, llm.Capabilities{}, 0, `{"includeThoughts":true}`, ""},
		{codec.Reasoning{Effort: "none"}, llm.Capabilities{NoThinking: true}, 0, "", ""},
		{codec.Reasoning{Effort: "low"}, llm.Capabilities{NoThinking: true}, 0, "", "reasoning_effort"},
	} {
		r := &codec.Request{From: llm.OpenAIChat, Messages: []codec.Message{user(text("Hi"))}, Reasoning: c.r}
		if c.max > 0 {
			r.MaxTokens = &c.max
		}
		var lost codec.Losses
		out, err := Codec.EncodeRequest(r, codec.Target{Caps: c.caps}, &lost)
		require.NoError(t, err)
		got := ""
		if s := between(string(out), `"thinkingConfig":{`, "}"); s != "" {
			got = "{" + s + "}"
		}
		require.Equal(t, c.want, got, "%+v", c.r)
		require.Equal(t, c.drops, lostText(&lost), "%+v", c.r)
	}
}
