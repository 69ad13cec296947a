package chat

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// An upstream's answer is decoded, and encoded again for a caller of the same
// protocol.
func TestResponses(t *testing.T) {
	each(t, "response", func(t *testing.T, a *archive) {
		r, err := Codec.DecodeResponse([]byte(a.get("in")))
		require.NoError(t, err)
		var lost codec.Losses
		out, err := Codec.EncodeResponse(r, &codec.Request{From: op}, &lost)
		require.NoError(t, err)
		a.result("neutral", dump(r))
		a.result("out", pretty(t, out))
		a.result("lost", lines(&lost))
	})
}

func TestForeignResponses(t *testing.T) {
	for name, c := range foreignAnswers {
		t.Run(name, func(t *testing.T) {
			a := open(t, "testdata/foreign_response/"+name+".txtar")
			var lost codec.Losses
			out, err := Codec.EncodeResponse(&c.r, &c.req, &lost)
			require.NoError(t, err)
			a.result("out", pretty(t, out))
			a.result("lost", lines(&lost))
		})
	}
}

// The same answers as streams, with usage asked for.
func TestForeignStreams(t *testing.T) {
	for name, c := range foreignAnswers {
		t.Run(name, func(t *testing.T) {
			a := open(t, "testdata/foreign_stream/"+name+".txtar")
			var lost codec.Losses
			c.req.IncludeUsage = true
			out, err := encodeStream(codec.Events(&c.r), &c.req, &lost)
			require.NoError(t, err)
			a.result("out", out)
			a.result("lost", lines(&lost))
		})
	}
}

// What a caller is given and sends back is what the upstream gave, as long as the
// form of the caller's protocol has a place for it.
func TestThoughtsComeBack(t *testing.T) {
	for _, sig := range []codec.Signature{{Of: anthropic, Value: "c2ln+/="}, {Of: responses, Value: "enc"}, {Of: op, Value: "own"},
		{Of: op, Value: `[{"type":"reasoning.text","text":"hm","signature":"s"}]`}} {
		parts := []codec.Part{thoughtPart("hm", sig.Of, sig.Value), textPart("yes"),
			{Kind: codec.ToolCallPart, Signature: &codec.Signature{Of: gemini, Value: "dGhv"}, Call: &codec.ToolCall{ID: "1", Name: "f", Arguments: "{}"}}}
		out, err := Codec.EncodeResponse(&codec.Response{From: anthropic, Choices: []codec.Choice{{Parts: parts}}}, nil, nil)
		require.NoError(t, err)
		back := `{"messages":[` + gjson.GetBytes(out, "choices.0.message").Raw + `]}`
		r, err := Codec.DecodeRequest([]byte(back), "", false)
		require.NoError(t, err)
		require.Equal(t, parts, r.Messages[0].Parts, sig.Of)
	}
}

func TestFailedAnswers(t *testing.T) {
	for body, code := range map[string]llm.Code{
		`{"error":{"message":"m","code":429}}`:                llm.CodeRateLimited,
		`{"error":{"message":"m","type":"overloaded_error"}}`: llm.CodeOverloaded,
		`{"error":"m"}`:  llm.CodeUpstream,
		`{"id":"x"}`:     llm.CodeUpstream,
		`{"choices":{}}`: llm.CodeUpstream,
		`[]`:             llm.CodeUpstream,
	} {
		_, err := Codec.DecodeResponse([]byte(body))
		require.Error(t, err, body)
		require.Equal(t, code, llm.AsError(err).Code, body)
	}
	_, err := Codec.EncodeResponse(&codec.Response{Choices: []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonError, Raw: "MALFORMED_FUNCTION_CALL"}}}}, nil, nil)
	require.ErrorContains(t, err, "MALFORMED_FUNCTION_CALL")
}

func TestCreatedNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, err := Codec.EncodeResponse(&codec.Response{From: anthropic}, nil, nil)
		require.NoError(t, err)
		require.Equal(t, time.Now().Unix(), gjson.GetBytes(out, "created").Int())
		require.Regexp(t, `^chatcmpl-[0-9a-f]{24}$`, gjson.GetBytes(out, "id").Str)
	})
}

func TestFinishReasons(t *testing.T) {
	for word, want := range map[string]codec.Reason{"stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls",
		"content_filter": "content_filter", "model_length": "length", "error": "error", "eos": "stop", "": "stop"} {
		require.Equal(t, codec.Finish{Reason: want, Raw: word}, finishOf(word, false))
	}
	require.Equal(t, codec.ReasonToolCalls, finishOf("stop", true).Reason)
	require.Equal(t, codec.ReasonLength, finishOf("length", true).Reason)
}

func TestUsage(t *testing.T) {
	for text, want := range map[string]llm.Usage{
		`null`: {},
		`{"prompt_tokens":35,"completion_tokens":7,"total_tokens":42,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":5},"completion_tokens_details":{"reasoning_tokens":3}}`: {
			Input: llm.Known(10), Output: llm.Known(7), CacheRead: llm.Known(20), CacheWrite: llm.Known(5), Reasoning: llm.Known(3), Final: true},
		`{"prompt_tokens":10,"completion_tokens":7,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}`: {
			Input: llm.Known(2), Output: llm.Known(7), CacheRead: llm.Known(8), Final: true},
		`{"prompt_tokens":10,"completion_tokens":7,"total_tokens":20,"completion_tokens_details":{"reasoning_tokens":3}}`: {
			Input: llm.Known(10), Output: llm.Known(10), Reasoning: llm.Known(3), Final: true},
		`{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":5}}`: {Input: llm.Known(0), CacheRead: llm.Known(5), Final: true},
		`{"prompt_tokens":-1,"completion_tokens":"x"}`:                    {},
	} {
		require.Equal(t, want, readUsage(gjson.Parse(text)), text)
	}
}

func TestDecodeError(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   llm.Error
	}{
		{400, `{"error":{"message":"bad","type":"invalid_request_error","param":"messages","code":null}}`, llm.Error{Code: llm.CodeInvalidRequest, Message: "bad", Param: "messages"}},
		{400, `{"error":{"message":"long","code":"context_length_exceeded"}}`, llm.Error{Code: llm.CodeContextLength, Message: "long"}},
		{401, `{"error":{"message":"key","code":"invalid_api_key"}}`, llm.Error{Code: llm.CodeUpstreamAuth, Message: "key"}},
		{404, `{"error":{"message":"no","code":"model_not_found"}}`, llm.Error{Code: llm.CodeModelNotFound, Message: "no"}},
		{404, `{"error":{"message":"no"}}`, llm.Error{Code: llm.CodeNotFound, Message: "no"}},
		{429, `{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}`, llm.Error{Code: llm.CodeBilling, Message: "pay"}},
		{429, `{"error":{"message":"slow","type":"requests"}}`, llm.Error{Code: llm.CodeRateLimited, Message: "slow"}},
		{500, `{"error":{"message":"x","type":"server_error"}}`, llm.Error{Code: llm.CodeInternal, Message: "x"}},
		{503, `{"error":"busy"}`, llm.Error{Code: llm.CodeOverloaded, Message: "busy"}},
		{502, `<html>`, llm.Error{Code: llm.CodeUpstream, Message: "the upstream answered 502 Bad Gateway"}},
		{502, `gone away`, llm.Error{Code: llm.CodeUpstream, Message: "gone away"}},
		{422, `{"detail":[{"msg":"x"}]}`, llm.Error{Code: llm.CodeInvalidRequest, Message: `[{"msg":"x"}]`}},
		{400, `{"object":"error","message":"vllm","type":"BadRequestError","param":null,"code":400}`, llm.Error{Code: llm.CodeInvalidRequest, Message: "vllm"}},
		{400, `[{"error":{"code":400,"message":"google","status":"INVALID_ARGUMENT"}}]`, llm.Error{Code: llm.CodeInvalidRequest, Message: "google"}},
		{403, `{"error":{"message":"Provider returned error","code":403,"metadata":{"raw":"flagged"}}}`, llm.Error{Code: llm.CodeUpstreamAuth, Message: "Provider returned error (flagged)"}},
		{500, ``, llm.Error{Code: llm.CodeInternal, Message: "the upstream answered 500 Internal Server Error"}},
	} {
		c.want.Status = c.status
		require.Equal(t, &c.want, Codec.DecodeError(c.status, http.Header{}, []byte(c.body)), c.body)
	}
	for name, value := range map[string]string{"Retry-After-Ms": "1500", "Retry-After": "1.5"} {
		require.Equal(t, 1500*time.Millisecond, Codec.DecodeError(429, http.Header{name: {value}}, nil).RetryAfter)
	}
	synctest.Test(t, func(t *testing.T) {
		h := http.Header{"Retry-After": {time.Now().Add(9 * time.Second).UTC().Format(http.TimeFormat)}}
		require.Equal(t, 9*time.Second, Codec.DecodeError(429, h, nil).RetryAfter)
	})
}
