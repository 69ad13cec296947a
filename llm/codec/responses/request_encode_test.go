package responses

import (
	"encoding/json"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func ptr[T any](v T) *T { return &v }

func textPart(s string) codec.Part { return codec.Part{Kind: codec.Text, Text: s} }

func user(parts ...codec.Part) codec.Message {
	return codec.Message{Role: codec.RoleUser, Parts: parts}
}

func assistant(parts ...codec.Part) codec.Message {
	return codec.Message{Role: codec.RoleAssistant, Parts: parts}
}

func toolCall(id, name, arguments string) codec.Part {
	return codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: id, Name: name, Arguments: arguments}}
}

func toolResult(id string, content ...codec.Part) codec.Part {
	return codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: id, Content: content}}
}

func thinking(text string, sig *codec.Signature) codec.Part {
	return codec.Part{Kind: codec.Thinking, Text: text, Thought: &codec.Thought{Signature: sig}}
}

func media(kind codec.Kind, m codec.Media) codec.Part { return codec.Part{Kind: kind, Media: &m} }

func cached(p codec.Part, ttl string) codec.Part {
	p.Cache = &codec.Cache{TTL: ttl}
	return p
}

// foreign are requests that callers of other protocols send, by what they show.
var foreign = map[string]*codec.Request{
	"chat": {
		From: llm.OpenAIChat, Stream: true, IncludeUsage: true,
		Messages: []codec.Message{
			{Role: codec.RoleSystem, Parts: []codec.Part{textPart("S")}},
			{Role: codec.RoleDeveloper, Name: "dev", Parts: []codec.Part{textPart("D")}},
			user(textPart("look"), media(codec.Image, codec.Media{URL: "https://e.org/a.png", Detail: "low"}),
				media(codec.Image, codec.Media{MIME: "image/webp", Data: "AA=="}),
				media(codec.File, codec.Media{FileID: "file-1"}), media(codec.Audio, codec.Media{MIME: "audio/mpeg", Data: "BB=="})),
			assistant(thinking("unsigned", nil), textPart("ok"), toolCall("call_1", "f", `{"b":1,"a":[2]}`), toolCall("call_2", "patch", "")),
			{Role: codec.RoleTool, Parts: []codec.Part{toolResult("call_1", textPart("one"))}},
			{Role: codec.RoleTool, Parts: []codec.Part{toolResult("call_2")}},
			assistant(codec.Part{Kind: codec.Refusal, Text: "no"}),
		},
		Tools: []codec.Tool{
			{Name: "f", Description: "does", Schema: json.RawMessage(`{"type":"object","z":1,"a":2}`)},
			{Name: "none", Strict: ptr(true), Extra: []codec.Field{{Name: "odd", Value: json.RawMessage("1")}}},
			{Kind: codec.CustomTool, Name: "patch", Grammar: json.RawMessage(`{"type":"grammar","syntax":"regex","definition":"."}`)},
			{Kind: codec.WebSearchTool, Raw: json.RawMessage(`{"search_context_size":"low","user_location":{"type":"approximate","approximate":{"city":"Rome"}}}`)},
		},
		ToolChoice:        &codec.ToolChoice{Mode: codec.ModeAny, Allowed: []string{"f", "patch"}},
		ParallelToolCalls: ptr(false),
		MaxTokens:         ptr(int64(100)), Temperature: "0.5", TopP: "1", N: ptr(int64(1)), Stop: []string{"x"}, Seed: ptr(int64(7)),
		PresencePenalty: "1", FrequencyPenalty: "1", LogitBias: json.RawMessage(`{"1":2}`), Logprobs: ptr(true), TopLogprobs: ptr(int64(3)),
		Format:    &codec.Format{Type: codec.FormatSchema, Name: "out", Schema: json.RawMessage(`{"type":"object"}`), Strict: ptr(true)},
		Reasoning: codec.Reasoning{Effort: "high"}, Verbosity: "low", ServiceTier: "flex", User: "u", Metadata: json.RawMessage(`{"k":"v"}`),
		PromptCacheKey: "key", PromptCacheRetention: "24h",
		Extra: []codec.Field{{Name: "prediction", Value: json.RawMessage("{}")}, {Name: "prompt_cache_options", Value: json.RawMessage(`{"mode":"implicit"}`)}},
	},
	"messages": {
		From:   llm.AnthropicMessages,
		System: []codec.Part{textPart("one"), cached(textPart("two"), "")},
		Messages: []codec.Message{
			user(cached(textPart("hi"), "1h"), media(codec.File, codec.Media{MIME: "application/pdf", Data: "JVBERi0=", Title: "T", Context: "C"}),
				media(codec.File, codec.Media{Plain: "words"})),
			assistant(thinking("deep", &codec.Signature{Of: llm.AnthropicMessages, Value: "sig"}),
				thinking("own", &codec.Signature{Of: op, Value: "gAAA"}), cached(textPart("saw"), ""), toolCall("toolu_1", "f", "")),
			{Role: codec.RoleTool, Parts: []codec.Part{cached(codec.Part{Kind: codec.ToolResultPart, Result: &codec.ToolResult{
				CallID: "toolu_1", IsError: true, Content: []codec.Part{textPart("bad"), media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO"})}}}, "5m")}},
			assistant(codec.Part{Kind: codec.Opaque, Origin: llm.AnthropicMessages, Raw: json.RawMessage(`{"type":"server_tool_use"}`)}),
		},
		Tools: []codec.Tool{
			{Name: "f", Schema: json.RawMessage(`{"type":"object"}`), Cache: &codec.Cache{}},
			{Kind: codec.WebSearchTool, Raw: json.RawMessage(`{"type":"web_search_20250305","name":"web_search","max_uses":3,"allowed_domains":["e.org"],"user_location":{"type":"approximate","country":"IT"}}`)},
		},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeNamed, Name: "f"},
		MaxTokens:  ptr(int64(1)), TopK: ptr(int64(5)), Stop: []string{"END"},
		Reasoning: codec.Reasoning{Type: "enabled", Budget: ptr(int64(4096))},
		Extra:     []codec.Field{{Name: "context_management", Value: json.RawMessage("{}")}},
	},
	"gemini": {
		From:   llm.GeminiGenerate,
		System: []codec.Part{textPart("a"), textPart("b")},
		Messages: []codec.Message{
			user(textPart("x")),
			assistant(codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "c", Name: "f", Arguments: "{}"}, Signature: &codec.Signature{Of: llm.GeminiGenerate, Value: "s"}}),
			{Role: codec.RoleTool, Parts: []codec.Part{{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "c", Name: "f", Object: json.RawMessage(`{"z":1.0,"a":2}`)}}}},
			assistant(),
		},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeAuto},
		Format:     &codec.Format{Type: codec.FormatSchema, Schema: json.RawMessage(`{"type":"object"}`)},
		Reasoning:  codec.Reasoning{Budget: ptr(int64(0)), Show: ptr(true)},
	},
}

// What another protocol's request becomes, and what is reported to be lost.
func TestForeignRequests(t *testing.T) {
	names := make([]string, 0, len(foreign))
	for name := range foreign {
		names = append(names, name)
	}
	sort.Strings(names)
	var files []txtar.File
	for _, name := range names {
		before := dump(t, foreign[name])
		var lost codec.Losses
		b, err := Codec.EncodeRequest(foreign[name], codec.Target{Model: "gpt"}, &lost)
		require.NoError(t, err)
		require.Equal(t, before, dump(t, foreign[name]), "the encoder changed the request")
		files = append(files, file(name, indent(t, b)), file(name+".lost", lostText(&lost)))
		r, err := Codec.DecodeRequest(b, "", false)
		require.NoError(t, err, "what was written cannot be read")
		require.NotNil(t, r)
	}
	golden(t, "testdata/foreign.txtar", nil, files)
}

func TestForeignRequestsRefused(t *testing.T) {
	one := func(p codec.Part) *codec.Request {
		return &codec.Request{From: llm.AnthropicMessages, Messages: []codec.Message{user(textPart("x"), p)}}
	}
	const second = "messages[0].content[1]"
	for name, c := range map[string]struct {
		r     *codec.Request
		param string
	}{
		"n":             {&codec.Request{From: llm.OpenAIChat, N: ptr(int64(2))}, "n"},
		"stored file":   {one(media(codec.File, codec.Media{FileID: "file_1"})), second},
		"stored image":  {one(media(codec.Image, codec.Media{FileID: "file_1"})), second},
		"bucket":        {one(media(codec.Image, codec.Media{URL: "gs://b/i.png"})), second},
		"file bucket":   {one(media(codec.File, codec.Media{URL: "gs://b/i.pdf"})), second},
		"sound format":  {one(media(codec.Audio, codec.Media{MIME: "audio/ogg", Data: "AA=="})), second},
		"sound at URL":  {one(media(codec.Audio, codec.Media{MIME: "audio/wav", URL: "https://e.org"})), second},
		"sound, result": {one(toolResult("c", media(codec.Audio, codec.Media{MIME: "audio/ogg", Data: "AA=="}))), second + ".content[0]"},
		"call, result":  {one(toolResult("c", toolCall("d", "f", ""))), second + ".content[0]"},
		"answered image": {&codec.Request{From: llm.GeminiGenerate, Messages: []codec.Message{assistant(media(codec.Image, codec.Media{MIME: "image/png", Data: "AA=="}))}},
			"messages[0].content[0]"},
		"hosted tool": {&codec.Request{From: llm.AnthropicMessages, Tools: []codec.Tool{{Name: "f"}, {Kind: codec.HostedTool, Raw: json.RawMessage(`{"type":"bash_20250124"}`)}}}, "tools[1]"},
		"raw choice":  {&codec.Request{From: llm.OpenAIChat, ToolChoice: &codec.ToolChoice{Raw: json.RawMessage("{}")}}, "tool_choice"},
	} {
		_, err := Codec.EncodeRequest(c.r, codec.Target{}, nil)
		var e *llm.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, llm.CodeInvalidRequest, e.Code, name)
		require.Equal(t, c.param, e.Param, name)
	}
}

func TestCapabilities(t *testing.T) {
	r := &codec.Request{
		From: llm.OpenAIChat, Messages: []codec.Message{user(textPart("x"))}, Tools: []codec.Tool{{Name: "f"}},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeAny}, Temperature: "1", TopP: "1", Reasoning: codec.Reasoning{Effort: "max"},
	}
	for name, c := range map[string]struct {
		caps llm.Capabilities
		has  []string
		lost string
	}{
		"none":        {llm.Capabilities{}, []string{`"temperature":1`, `"top_p":1`, `"effort":"max"`, `"tool_choice":"required"`, `"include":["reasoning.encrypted_content"]`}, ""},
		"sampling":    {llm.Capabilities{RejectsSampling: true}, nil, "temperature top_p"},
		"one of both": {llm.Capabilities{OneOfTemperatureTopP: true}, []string{`"temperature":1`}, "top_p"},
		"no thinking": {llm.Capabilities{NoThinking: true}, nil, "reasoning_effort"},
		"efforts":     {llm.Capabilities{Efforts: []string{"low", "high"}}, []string{`"effort":"high"`}, ""},
		"forced":      {llm.Capabilities{RejectsForcedToolUse: true}, []string{`"tool_choice":"auto"`}, "tool_choice"},
	} {
		var lost codec.Losses
		b, err := Codec.EncodeRequest(r, codec.Target{Caps: c.caps}, &lost)
		require.NoError(t, err, name)
		for _, s := range c.has {
			require.Contains(t, string(b), s, name)
		}
		require.Equal(t, c.lost, lostText(&lost), name)
	}
}

// A thought that another provider has signed is left out, and said to be.
func TestForeignThoughtOfOwnCaller(t *testing.T) {
	carried := codec.Carry(op, codec.Signature{Of: llm.AnthropicMessages, Value: "sig"})
	r, err := Codec.DecodeRequest([]byte(`{"input":[{"type":"reasoning","summary":[{"type":"summary_text","text":""}],"encrypted_content":"`+carried+`"},
		{"type":"reasoning","summary":[],"encrypted_content":"`+carried+`"}]}`), "", false)
	require.NoError(t, err)
	parts := r.Messages[0].Parts
	require.Equal(t, &codec.Signature{Of: llm.AnthropicMessages, Value: "sig"}, parts[0].Thought.Signature)
	require.False(t, parts[0].Thought.Redacted)
	require.True(t, parts[1].Thought.Redacted)
	var lost codec.Losses
	b, err := Codec.EncodeRequest(r, codec.Target{Model: "m"}, &lost)
	require.NoError(t, err)
	require.Equal(t, `{"model":"m","input":[]}`, string(b))
	require.Equal(t, "thinking", lostText(&lost))
}
