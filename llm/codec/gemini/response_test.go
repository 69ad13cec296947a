package gemini

import (
	"encoding/json"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// An answer of the protocol, in the neutral form, and written again.
func TestResponses(t *testing.T) {
	golden(t, "responses", func(t *testing.T, in map[string]string) []txtar.File {
		r, err := Codec.DecodeResponse([]byte(in["in.json"]))
		require.NoError(t, err)
		var lost codec.Losses
		out, err := Codec.EncodeResponse(r, nil, &lost)
		require.NoError(t, err)
		require.Empty(t, lost.Fields())
		again, err := Codec.DecodeResponse(out)
		require.NoError(t, err)
		require.Equal(t, dump(r), dump(again), "it is the same when it is read again")
		return []txtar.File{file("neutral", dump(r)), file("out.json", pretty(t, out))}
	})
}

// Answers of other protocols.
var answers = map[string]codec.Response{
	"text": {
		ID: "chatcmpl-1", Model: "m", Created: 1_800_000_000, ServiceTier: "default",
		Choices: []codec.Choice{{
			Parts:    []codec.Part{text("Hello"), text("")},
			Finish:   codec.Finish{Reason: codec.ReasonStop, Raw: "stop"},
			Logprobs: json.RawMessage(`{"content":[{"token":"Hello","logprob":-0.1,"bytes":null,"top_logprobs":[{"token":"Hello","logprob":-0.1,"bytes":null}]}],"refusal":null}`),
		}},
		Usage: llm.Usage{Input: llm.Known(50), CacheRead: llm.Known(40), CacheWrite: llm.Known(10), Output: llm.Known(30), Reasoning: llm.Known(20), Final: true},
		Extra: []codec.Field{{Name: "system_fingerprint", Value: json.RawMessage(`"x"`)}},
	},
	"thoughts": {
		ID: "msg_1", Model: "m",
		Choices: []codec.Choice{{
			Parts: []codec.Part{
				{Kind: codec.Thinking, Text: "Hm", Thought: &codec.Thought{Signature: &codec.Signature{Of: llm.AnthropicMessages, Value: "s"}}},
				redactedOf(llm.AnthropicMessages, "r"),
				{Kind: codec.Thinking, Thought: &codec.Thought{ID: "rs_1", Signature: &codec.Signature{Of: llm.OpenAIResponses, Value: "e"}}},
				{Kind: codec.Thinking},
				{Kind: codec.Refusal, Text: "No"},
				{Kind: codec.Opaque, Origin: llm.AnthropicMessages, Raw: json.RawMessage(`{"type":"server_tool_use"}`)},
			},
			Finish: codec.Finish{Reason: codec.ReasonFilter, Message: "unsafe"},
		}},
		Usage: llm.Usage{Input: llm.Known(5)},
	},
	"calls": {
		ID: "resp_1", Model: "m",
		Choices: []codec.Choice{{
			Parts:  []codec.Part{call("call_1", "f", "{\n\"z\": 1}"), call("call_2", "g", ""), {Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "c", Name: "patch", Custom: true, Arguments: "*** \"x\""}}},
			Finish: codec.Finish{Reason: codec.ReasonToolCalls, Raw: "completed"},
		}},
	},
	"cut_off": {
		ID: "chatcmpl-2", Model: "m",
		Choices: []codec.Choice{{Parts: []codec.Part{call("call_1", "f", `{"a":`)}, Finish: codec.Finish{Reason: codec.ReasonLength, Raw: "length"}}},
	},
	"bad_arguments": {
		ID: "chatcmpl-2", Model: "m",
		Choices: []codec.Choice{{Parts: []codec.Part{text("x"), call("call_1", "f", `[]`)}, Finish: codec.Finish{Reason: codec.ReasonToolCalls, Raw: "tool_calls"}}},
	},
	"sources": {
		ID: "msg_2", Model: "m",
		Choices: []codec.Choice{{
			Parts: []codec.Part{
				text("So: "),
				{Text: "Köln is old.", Annotations: []codec.Annotation{{URL: "https://a.test", Title: "A", Start: 0, End: 4}, {URL: "https://b.test", Title: "B"}, {URL: "https://a.test", Start: 5, End: 12}, {}}},
				media(codec.Image, codec.Media{MIME: "image/png", Data: "iVBO", Name: "x.png"}),
				media(codec.Image, codec.Media{FileID: "file_1"}),
			},
			Finish: codec.Finish{Reason: codec.ReasonPause},
		}},
	},
	"choices": {
		ID: "chatcmpl-3", Model: "m",
		Choices: []codec.Choice{{Index: 0, Parts: []codec.Part{text("a")}, Finish: codec.Finish{Reason: codec.ReasonStop}}, {Index: 1, Finish: codec.Finish{Reason: codec.ReasonError}}},
	},
	"blocked": {ID: "x", Model: "m", Blocked: "JAILBREAK", Usage: llm.Usage{Input: llm.Known(3)}},
}

func TestEncodeResponse(t *testing.T) {
	for name, r := range answers {
		t.Run(name, func(t *testing.T) {
			r.From = llm.OpenAIChat
			var lost codec.Losses
			out, err := Codec.EncodeResponse(&r, &codec.Request{}, &lost)
			require.NoError(t, err)
			compare(t, "answers/"+name, pretty(t, out)+"\n-- lost --\n"+lostText(&lost)+"\n")
			_, err = Codec.DecodeResponse(out)
			require.NoError(t, err)
		})
	}
}

func TestFinishReasons(t *testing.T) {
	for word, want := range map[string]codec.Reason{
		"STOP": codec.ReasonStop, "MAX_TOKENS": codec.ReasonLength, "SAFETY": codec.ReasonFilter, "RECITATION": codec.ReasonFilter,
		"BLOCKLIST": codec.ReasonFilter, "PROHIBITED_CONTENT": codec.ReasonFilter, "SPII": codec.ReasonFilter, "IMAGE_SAFETY": codec.ReasonFilter,
		"MALFORMED_FUNCTION_CALL": codec.ReasonError, "UNEXPECTED_TOOL_CALL": codec.ReasonError, "OTHER": codec.ReasonStop, "BRAND_NEW": codec.ReasonStop,
	} {
		f := finishOf(word, "", false)
		require.Equal(t, codec.Finish{Reason: want, Raw: word}, f)
		require.Equal(t, word, finishReason(f, true))
	}
	require.Equal(t, codec.ReasonToolCalls, finishOf("STOP", "", true).Reason)
	require.Equal(t, codec.ReasonLength, finishOf("MAX_TOKENS", "", true).Reason)
	for reason, want := range map[codec.Reason]string{
		codec.ReasonStop: "STOP", codec.ReasonToolCalls: "STOP", codec.ReasonLength: "MAX_TOKENS", codec.ReasonFilter: "SAFETY", codec.ReasonPause: "STOP", codec.ReasonError: "OTHER",
	} {
		require.Equal(t, want, finishReason(codec.Finish{Reason: reason, Raw: "their word"}, false))
	}
}

func TestMalformedResponses(t *testing.T) {
	for body, message := range map[string]string{
		`[]`:                 "not a JSON object",
		`{}`:                 "no candidates",
		`{"candidates":[1]}`: "candidates[0] is not an object",
		`{"candidates":[{"content":{"parts":[{"functionCall":1}]}}]}`:          "cannot be understood",
		`{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}`: "overloaded",
	} {
		_, err := Codec.DecodeResponse([]byte(body))
		require.ErrorContains(t, err, message)
		var e *llm.Error
		require.ErrorAs(t, err, &e)
		require.NotEqual(t, llm.CodeInvalidRequest, e.Code, "it is not the caller's fault")
	}
}
