package responses

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Complete answers are read, and written again with what the neutral form keeps.
func TestResponses(t *testing.T) {
	archives(t, "response", func(t *testing.T, input []byte) []txtar.File {
		r, err := Codec.DecodeResponse(input)
		require.NoError(t, err)
		var lost codec.Losses
		again, err := Codec.EncodeResponse(r, caller(true), &lost)
		require.NoError(t, err)
		r2, err := Codec.DecodeResponse(again)
		require.NoError(t, err)
		require.Equal(t, dump(t, r), dump(t, r2))
		return []txtar.File{file("neutral", dump(t, r)), file("again", indent(t, again)), file("lost", lostText(&lost))}
	})
}

// caller is a request of this protocol.
func caller(include bool) *codec.Request {
	body := `{"model":"asked","instructions":"Be brief.","input":"x","max_output_tokens":50,"temperature":0.5,"metadata":{"k":"v"},
		"reasoning":{"effort":"low","summary":"auto"},"text":{"verbosity":"low"},"store":true,"max_tool_calls":4,
		"tools":[{"type":"function","name":"f","parameters":{"type":"object"}},{"type":"web_search"}]`
	if include {
		body += `,"include":["reasoning.encrypted_content"]`
	}
	r, err := Codec.DecodeRequest([]byte(body+"}"), "", false)
	if err != nil {
		panic(err)
	}
	return r
}

var anthropicSig = &codec.Signature{Of: llm.AnthropicMessages, Value: "sig=="}

// answers are complete answers of other protocols.
var answers = map[string]*codec.Response{
	"messages": {
		From: llm.AnthropicMessages, ID: "msg_abc", Model: "claude", ServiceTier: "priority",
		Usage: llm.Usage{Input: llm.Known(10), CacheRead: llm.Known(5), CacheWrite: llm.Known(2), Output: llm.Known(7), Reasoning: llm.Known(3), Final: true},
		Extra: []codec.Field{{Name: "container", Value: json.RawMessage("{}")}},
		Choices: []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonToolCalls}, Parts: []codec.Part{
			thinking("deep", anthropicSig),
			{Kind: codec.Thinking, Thought: &codec.Thought{Redacted: true, Signature: anthropicSig}},
			thinking("", anthropicSig),
			textPart("one "),
			{Kind: codec.Text, Text: "two", Annotations: []codec.Annotation{{URL: "https://e.org", Title: "E", Start: 0, End: 3}, {CitedText: "of a document"}}},
			{Kind: codec.Opaque, Origin: llm.AnthropicMessages, Raw: json.RawMessage(`{"type":"server_tool_use"}`)},
			toolCall("toolu_1", "f", `{"z":1,"a":2}`), toolCall("toolu_2", "f", ""),
			{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "toolu_3", Name: "patch", Namespace: "ns", Arguments: "***", Custom: true}},
		}}},
	},
	"gemini": {
		From: llm.GeminiGenerate, Model: "gemini", ID: "g1", Created: 1,
		Choices: []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonToolCalls}, Parts: []codec.Part{
			{Kind: codec.ToolCallPart, Signature: &codec.Signature{Of: llm.GeminiGenerate, Value: "s"}, Call: &codec.ToolCall{ID: "c1", Name: "f", Arguments: `{"a":1}`}},
			toolCall("c2", "f", `{}`),
			media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO"}),
			media(codec.Audio, codec.Media{MIME: "audio/wav", Data: "UklG"}),
			{Kind: codec.Text, Text: "t", Signature: &codec.Signature{Of: llm.GeminiGenerate, Value: "s2"}},
		}}},
	},
	"chat-length": {
		From: llm.OpenAIChat, ID: "chatcmpl-1", Model: "m", Created: 2, Extra: []codec.Field{{Name: "system_fingerprint", Value: json.RawMessage(`"fp"`)}},
		Usage: llm.Usage{Input: llm.Known(3), Output: llm.Known(4)},
		Choices: []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonLength}, Parts: []codec.Part{textPart("cut")},
			Logprobs: json.RawMessage(`{"content":[{"token":"cut","bytes":null,"logprob":-1,"top_logprobs":[]}],"refusal":null}`)}},
	},
	"refused": {
		From: llm.AnthropicMessages, ID: "msg_r", Created: 3, Model: "claude",
		Choices: []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonFilter, Message: "I will not."}, Parts: []codec.Part{textPart("Well")}}},
	},
	"blocked": {From: llm.GeminiGenerate, ID: "b", Created: 4, Model: "gemini", Blocked: "SAFETY"},
	"failed": {
		From: llm.GeminiGenerate, ID: "f", Created: 5, Model: "gemini",
		Choices: []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonError, Raw: "MALFORMED_FUNCTION_CALL"}}},
	},
}

func TestForeignResponses(t *testing.T) {
	var files []txtar.File
	for _, name := range []string{"messages", "gemini", "chat-length", "refused", "blocked", "failed"} {
		var lost codec.Losses
		b, err := Codec.EncodeResponse(answers[name], caller(true), &lost)
		require.NoError(t, err)
		files = append(files, file(name, indent(t, b)), file(name+".lost", lostText(&lost)))
	}
	golden(t, "testdata/foreign-responses.txtar", nil, files)
}

// A stream of the same parts ends with the same response.
func TestStreamEndsWithTheResponse(t *testing.T) {
	for name, r := range answers {
		want, err := Codec.EncodeResponse(r, caller(true), nil)
		require.NoError(t, err)
		events := sseEvents(t, encodeAll(t, codec.Events(r), caller(true)), true)
		last := events[len(events)-1]
		if r.Choices != nil && r.Choices[0].Reason == codec.ReasonError {
			last = events[len(events)-2] // the error that SDKs raise comes behind it
		}
		got := gjson.Get(last.data, "response")
		require.Equal(t, gjson.GetBytes(want, "status").Str, got.Get("status").Str, name)
		require.Equal(t, gjson.GetBytes(want, "usage").Raw, got.Get("usage").Raw, name)
		if name != "chat-length" { // whose token probabilities come with no event here
			require.Equal(t, gjson.GetBytes(want, "output").Raw, got.Get("output").Raw, name)
		}
	}
}

// Thoughts carry their proof only when the caller asked for that.
func TestProofOnlyOnRequest(t *testing.T) {
	b, err := Codec.EncodeResponse(answers["messages"], caller(false), nil)
	require.NoError(t, err)
	require.NotContains(t, string(b), "encrypted_content")
	require.Equal(t, int64(1), gjson.GetBytes(b, `output.#(type=="reasoning")#|#`).Int(), "one thought has text")

	b, err = Codec.EncodeResponse(answers["messages"], caller(true), nil)
	require.NoError(t, err)
	input := `{"input":` + gjson.GetBytes(b, "output").Raw + `}`
	r, err := Codec.DecodeRequest([]byte(input), "", false)
	require.NoError(t, err)
	parts := r.Messages[0].Parts
	for i, redacted := range []bool{false, true, false} {
		require.Equal(t, anthropicSig, parts[i].Thought.Signature)
		require.Equal(t, redacted, parts[i].Thought.Redacted)
	}
	require.Equal(t, "deep", parts[0].Text)
}

func TestResponsesThatFailed(t *testing.T) {
	for body, want := range map[string]llm.Code{
		`{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}`: llm.CodeRateLimited,
		`{"status":"failed","error":null}`:                                            llm.CodeUpstream,
		`{"error":{"message":"x","type":"insufficient_quota"}}`:                       llm.CodeBilling,
		`{"status":"cancelled"}`:                                                      llm.CodeCanceled,
		`{"status":"queued","output":[]}`:                                             llm.CodeUpstream,
		`{"choices":[]}`:                                                              llm.CodeUpstream,
		`[]`:                                                                          llm.CodeUpstream,
		`{"status":"completed","output":[5]}`:                                         llm.CodeUpstream,
		`{"status":"completed","output":[{"type":"function_call","id":"x"}]}`: llm.CodeUpstream,
	} {
		_, err := Codec.DecodeResponse([]byte(body))
		var e *llm.Error
		require.ErrorAs(t, err, &e, body)
		require.Equal(t, want, e.Code, body)
		require.NotEmpty(t, e.Message, body)
	}
}

func TestFinish(t *testing.T) {
	for body, want := range map[string]codec.Reason{
		`{"status":"completed"}`: codec.ReasonStop,
		`{}`:                     codec.ReasonStop,
		`{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}`: codec.ReasonLength,
		`{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}`:    codec.ReasonFilter,
		`{"status":"incomplete","incomplete_details":{"reason":"steered"}}`:           codec.ReasonStop,
	} {
		require.Equal(t, want, finish(gjson.Parse(body), false).Reason, body)
	}
	require.Equal(t, codec.ReasonToolCalls, finish(gjson.Parse(`{"status":"completed"}`), true).Reason)
}
