package messages

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// A malformed request is refused, and its field named.
func TestMalformed(t *testing.T) {
	message := func(s string) string { return `{"messages":[` + s + `]}` }
	user := func(s string) string {
		return message(`{"role":"user","content":[{"type":"text","text":"a"},` + s + `]}`)
	}
	assistant := func(s string) string { return message(`{"role":"assistant","content":[` + s + `]}`) }
	tool := func(s string) string { return `{"messages":[],"tools":[` + s + `]}` }
	for _, c := range []struct{ param, body string }{
		{"", `[]`},
		{"", `"x"`},
		{"messages", `{}`},
		{"messages", `{"messages":{}}`},
		{"messages", `{"messages":"hi"}`},
		{"messages[0]", message(`1`)},
		{"messages[0].role", message(`{"content":"a"}`)},
		{"messages[0].role", message(`{"role":1,"content":"a"}`)},
		{"messages[0].role", message(`{"role":"tool","content":"a"}`)},
		{"messages[0].content", message(`{"role":"user"}`)},
		{"messages[0].content", message(`{"role":"user","content":null}`)},
		{"messages[0].content", message(`{"role":"user","content":{}}`)},
		{"messages[0].content[1]", user(`null`)},
		{"messages[0].content[1]", user(`[]`)},
		{"messages[0].content[1].type", user(`{}`)},
		{"messages[0].content[1].type", user(`{"type":1}`)},
		{"messages[0].content[1].text", user(`{"type":"text"}`)},
		{"messages[0].content[1].text", user(`{"type":"text","text":1}`)},
		{"messages[0].content[1].citations", user(`{"type":"text","text":"","citations":{}}`)},
		{"messages[0].content[1].citations[0]", user(`{"type":"text","text":"","citations":[1]}`)},
		{"messages[0].content[1].cache_control", user(`{"type":"text","text":"","cache_control":1}`)},
		{"messages[0].content[1].cache_control.ttl", user(`{"type":"text","text":"","cache_control":{"ttl":5}}`)},
		{"messages[0].content[1].source", user(`{"type":"image"}`)},
		{"messages[0].content[1].source", user(`{"type":"image","source":"x"}`)},
		{"messages[0].content[1].source.type", user(`{"type":"image","source":{}}`)},
		{"messages[0].content[1].source.data", user(`{"type":"image","source":{"type":"base64"}}`)},
		{"messages[0].content[1].source.data", user(`{"type":"image","source":{"type":"base64","data":1}}`)},
		{"messages[0].content[1].source.media_type", user(`{"type":"image","source":{"type":"base64","data":"","media_type":1}}`)},
		{"messages[0].content[1].source.url", user(`{"type":"document","source":{"type":"url"}}`)},
		{"messages[0].content[1].source.file_id", user(`{"type":"document","source":{"type":"file"}}`)},
		{"messages[0].content[1].source.content[0].text", user(`{"type":"document","source":{"type":"content","content":[{"type":"text"}]}}`)},
		{"messages[0].content[1].title", user(`{"type":"document","title":1,"source":{"type":"file","file_id":"x"}}`)},
		{"messages[0].content[1].tool_use_id", user(`{"type":"tool_result"}`)},
		{"messages[0].content[1].is_error", user(`{"type":"tool_result","tool_use_id":"a","is_error":"no"}`)},
		{"messages[0].content[1].content", user(`{"type":"tool_result","tool_use_id":"a","content":1}`)},
		{"messages[0].content[1].content[0].type", user(`{"type":"tool_result","tool_use_id":"a","content":[{"type":"tool_result"}]}`)},
		{"messages[0].content[1].content[0].type", user(`{"type":"tool_result","tool_use_id":"a","content":[{}]}`)},
		{"messages[0].content[1].type", user(`{"type":"tool_use","id":"a","name":"f","input":{}}`)},
		{"messages[0].content[1].type", user(`{"type":"thinking","thinking":"a","signature":""}`)},
		{"messages[0].content[0].type", assistant(`{"type":"tool_result","tool_use_id":"a"}`)},
		{"messages[0].content[0].id", assistant(`{"type":"tool_use","name":"f","input":{}}`)},
		{"messages[0].content[0].name", assistant(`{"type":"tool_use","id":"f","input":{}}`)},
		{"messages[0].content[0].input", assistant(`{"type":"tool_use","id":"f","name":"f","input":"{}"}`)},
		{"messages[0].content[0].thinking", assistant(`{"type":"thinking"}`)},
		{"messages[0].content[0].signature", assistant(`{"type":"thinking","thinking":"","signature":1}`)},
		{"messages[0].content[0].data", assistant(`{"type":"redacted_thinking"}`)},
		{"messages[0].content[0].type", message(`{"role":"system","content":[{"type":"image","source":{"type":"url","url":"u"}}]}`)},
		{"system", `{"messages":[],"system":1}`},
		{"system[0].text", `{"messages":[],"system":[{"type":"text"}]}`},
		{"system[0].type", `{"messages":[],"system":[{"type":"image","source":{"type":"url","url":"u"}}]}`},
		{"model", `{"messages":[],"model":1}`},
		{"stream", `{"messages":[],"stream":"yes"}`},
		{"max_tokens", `{"messages":[],"max_tokens":"1"}`},
		{"max_tokens", `{"messages":[],"max_tokens":-1}`},
		{"max_tokens", `{"messages":[],"max_tokens":1.5}`},
		{"temperature", `{"messages":[],"temperature":"hot"}`},
		{"top_p", `{"messages":[],"top_p":{}}`},
		{"top_k", `{"messages":[],"top_k":0.5}`},
		{"stop_sequences", `{"messages":[],"stop_sequences":[1]}`},
		{"service_tier", `{"messages":[],"service_tier":1}`},
		{"metadata", `{"messages":[],"metadata":"u"}`},
		{"metadata.user_id", `{"messages":[],"metadata":{"user_id":1}}`},
		{"thinking", `{"messages":[],"thinking":true}`},
		{"thinking.type", `{"messages":[],"thinking":{}}`},
		{"thinking.budget_tokens", `{"messages":[],"thinking":{"type":"enabled","budget_tokens":"1"}}`},
		{"output_config.effort", `{"messages":[],"output_config":{"effort":1}}`},
		{"output_config.format", `{"messages":[],"output_config":{"format":1}}`},
		{"output_config.format.type", `{"messages":[],"output_config":{"format":{}}}`},
		{"output_config.format.schema", `{"messages":[],"output_config":{"format":{"type":"json_schema"}}}`},
		{"output_format.schema", `{"messages":[],"output_format":{"type":"json_schema","schema":1}}`},
		{"tools", `{"messages":[],"tools":{}}`},
		{"tools[0]", tool(`1`)},
		{"tools[0].type", tool(`{"type":1}`)},
		{"tools[0].name", tool(`{}`)},
		{"tools[0].input_schema", tool(`{"name":"f","input_schema":true}`)},
		{"tools[0].strict", tool(`{"name":"f","strict":1}`)},
		{"tool_choice", `{"messages":[],"tool_choice":"auto"}`},
		{"tool_choice.type", `{"messages":[],"tool_choice":{}}`},
		{"tool_choice.name", `{"messages":[],"tool_choice":{"type":"tool"}}`},
		{"tool_choice.disable_parallel_tool_use", `{"messages":[],"tool_choice":{"type":"auto","disable_parallel_tool_use":1}}`},
		{"thinking.type", `{"messages":[],"thinking.type":1}`},
	} {
		require.True(t, json.Valid([]byte(c.body)), c.body)
		_, err := Codec.DecodeRequest([]byte(c.body), "", false)
		var e *llm.Error
		require.ErrorAs(t, err, &e, c.body)
		require.Equal(t, llm.CodeInvalidRequest, e.Code, c.body)
		require.Equal(t, c.param, e.Param, "%s: %s", c.body, e.Message)
		if c.param != "" {
			require.True(t, strings.HasPrefix(e.Message, c.param+": "), e.Message)
		}
	}
}

// null counts as absent, and the URL overrides the body.
func TestAbsent(t *testing.T) {
	r, err := Codec.DecodeRequest([]byte(`{"model":"a","max_tokens":null,"system":null,"temperature":null,"top_p":null,"top_k":null,"stop_sequences":null,
		"tools":null,"tool_choice":null,"thinking":null,"output_config":null,"metadata":null,"service_tier":null,"stream":null,
		"messages":[{"role":"user","content":[{"type":"text","text":"x","citations":null,"cache_control":null}]}]}`), "b", true)
	require.NoError(t, err)
	require.Equal(t, &codec.Request{From: op, Model: "b", Stream: true,
		Messages: []codec.Message{{Role: codec.RoleUser, Parts: []codec.Part{{Text: "x"}}}}}, r)
}

func TestBillingHeader(t *testing.T) {
	r, err := Codec.DecodeRequest([]byte(`{"messages":[],"system":"x-anthropic-billing-header: a"}`), "", false)
	require.NoError(t, err)
	require.Equal(t, []codec.Part{{Kind: codec.Opaque, Origin: op, Raw: json.RawMessage(`{"type":"text","text":"x-anthropic-billing-header: a"}`)}}, r.System)
}

func TestDecodeError(t *testing.T) {
	body := func(kind, message string) string {
		return `{"type":"error","error":{"type":"` + kind + `","message":"` + message + `"},"request_id":"r"}`
	}
	for _, c := range []struct {
		status int
		body   string
		code   llm.Code
		text   string
	}{
		{400, body("invalid_request_error", "prompt is too long"), llm.CodeContextLength, "prompt is too long"},
		{401, body("authentication_error", "no"), llm.CodeUpstreamAuth, "no"},
		{402, body("billing_error", "no"), llm.CodeBilling, "no"},
		{403, body("permission_error", "no"), llm.CodeUpstreamAuth, "no"},
		{404, body("not_found_error", "no"), llm.CodeNotFound, "no"},
		{404, body("not_found_error", "model: x"), llm.CodeModelNotFound, "model: x"},
		{409, body("invalid_request_error", "no"), llm.CodeConflict, "no"},
		{413, body("request_too_large", "no"), llm.CodeTooLarge, "no"},
		{429, body("rate_limit_error", "no"), llm.CodeRateLimited, "no"},
		{429, body("billing_error", "no"), llm.CodeBilling, "no"},
		{500, body("api_error", "no"), llm.CodeInternal, "no"},
		{502, body("api_error", "no"), llm.CodeUpstream, "no"},
		{504, body("timeout_error", "no"), llm.CodeUpstreamTimeout, "no"},
		{529, body("overloaded_error", "no"), llm.CodeOverloaded, "no"},
		{501, body("not_supported", "no"), llm.CodeUnsupported, "no"},
		{418, body("tomorrow", "no"), llm.CodeInvalidRequest, "no"},
		{400, `{"error":"plain"}`, llm.CodeInvalidRequest, "plain"},
		{429, `{"error":{"message":"openai","type":"rate_limit_exceeded"}}`, llm.CodeRateLimited, "openai"},
		{503, " busy\n", llm.CodeOverloaded, "busy"},
		{502, "<html>", llm.CodeUpstream, "the upstream answered with status 502 and said no more"},
		{500, "", llm.CodeInternal, "the upstream answered with status 500 and said no more"},
		{500, `{"error":`, llm.CodeInternal, "the upstream answered with status 500 and said no more"},
	} {
		e := Codec.DecodeError(c.status, http.Header{}, []byte(c.body))
		require.Equal(t, &llm.Error{Code: c.code, Status: c.status, Message: c.text}, e, c.body)
	}
	e := Codec.DecodeError(429, http.Header{"Retry-After": {"3"}, "X-Should-Retry": {"false"}}, nil)
	require.Equal(t, 3*time.Second, e.RetryAfter)
	require.True(t, e.NoRetry)
}

func TestFieldName(t *testing.T) {
	require.Equal(t, op, Codec.Operation())
	require.Equal(t, "stop_sequences", Codec.FieldName("stop"))
	require.Equal(t, "seed", Codec.FieldName("seed"))
}

func TestToolID(t *testing.T) {
	require.Equal(t, "toolu_01-A", toolID("toolu_01-A"))
	require.NotEqual(t, toolID("a.b"), toolID("a:b"))
	require.Equal(t, toolID("a.b"), toolID("a.b"))
	require.Regexp(t, `^[a-zA-Z0-9_-]+$`, toolID("é \x00"))
}

// Raw values of an upstream may have line ends, which would end an event's data.
func TestStreamLineEnds(t *testing.T) {
	raw := json.RawMessage("{\"type\":\"mcp_tool_use\",\r\n\"input\":{\n\"a\":1}}")
	events := []codec.Event{
		{Kind: codec.Begin, Response: &codec.Response{From: op, ID: "msg_1"}},
		{Kind: codec.PartStart, Part: &codec.Part{Kind: codec.Opaque, Origin: op, Raw: raw}},
		{Kind: codec.PartStop},
		{Kind: codec.PartStart, Part: &codec.Part{Kind: codec.Text}},
		{Kind: codec.PartDelta, Delta: "a\nb"},
		{Kind: codec.PartStop, Part: &codec.Part{Annotations: []codec.Annotation{{Origin: op, Raw: raw}}}},
		{Kind: codec.PartStart, Part: &codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "a", Name: "b"}, Extra: []codec.Field{{Name: "caller", Value: raw}}}},
		{Kind: codec.PartStop},
		{Kind: codec.FinishEvent, Finish: codec.Finish{Reason: codec.ReasonFilter, Details: raw}},
		{Kind: codec.End, Response: &codec.Response{Extra: []codec.Field{{Name: "usage.x", Value: raw}, {Name: "container", Value: raw}}}},
	}
	out, err := encodeStream(events, nil)
	require.NoError(t, err)
	checkStream(t, out)
	require.Contains(t, string(raw), "\r\n", "the events must not be changed")
}
