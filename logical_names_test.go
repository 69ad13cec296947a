package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// Only the model's value is another; every other byte is the caller's.
func TestModelIsRewritten(t *testing.T) {
	ups := several(t, 1)
	up := ups[0]
	target := func(name, upstream string) string {
		return `{default_model: "` + strings.ReplaceAll(name, "*", "x") + `", model_targets: [{name: "` + name + `", candidates: [{provider_id: a, upstream_model: "` + upstream + `"}]}]}`
	}
	s := newGateway(t, logical("openai", target("claude-*", `vendor/\"claude-*\"`), ups))
	for _, tt := range [][2]string{
		{`{ "b" :1e2,"model" : "claude-opus" ,"messages":[ ],"é\u00e9":"\/"}`, `{ "b" :1e2,"model" : "vendor/\"claude-opus\"" ,"messages":[ ],"é\u00e9":"\/"}`},
		{`{"messages":[{"role":"user","content":"\"model\":\"claude-opus\""}],"model":"claude-opus"}`, `{"messages":[{"role":"user","content":"\"model\":\"claude-opus\""}],"model":"vendor/\"claude-opus\""}`},
		{`{"messages":[], "n":10000000000000000000000, "metadata":{"model":"claude-opus"} }` + "\n", `{"messages":[], "n":10000000000000000000000, "metadata":{"model":"claude-opus"} ,"model":"vendor/\"claude-x\""}` + "\n"},
	} {
		s.do(t, "POST", "/v1/chat/completions", tt[0])
		s.event(t)
		require.Equal(t, tt[1], string(up.Last().Body))
	}
	// The same body goes to the next candidate with that one's name.
	pair := several(t, 2)
	s = newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: a-long-name, priority: 1}, {provider_id: b, upstream_model: b}]}]}`, pair))
	pair[0].Enqueue(llmtest.Fault{Status: 503})
	body := `{"stream":true, "model":"m" ,"messages":[{"role":"user","content":"ü"}]}`
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", body).Status)
	s.event(t)
	require.Equal(t, `{"stream":true, "model":"a-long-name" ,"messages":[{"role":"user","content":"ü"}],"stream_options":{"include_usage":true}}`, string(pair[0].Last().Body))
	require.Equal(t, `{"stream":true, "model":"b" ,"messages":[{"role":"user","content":"ü"}],"stream_options":{"include_usage":true}}`, string(pair[1].Last().Body))
}

// Gemini's model stands in the path; the body is the caller's, byte by byte.
func TestModelIsRewrittenInPath(t *testing.T) {
	var path, query, body atomic.Value
	up := newCanned(t)
	inner := up.Config.Handler
	up.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.URL.EscapedPath())
		query.Store(r.URL.RawQuery)
		inner.ServeHTTP(w, r)
		body.Store(up.body)
	})
	up.answer = wires["gemini"].plain
	s := newGateway(t, fmt.Sprintf(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: g, provider_type: gemini, base_url: "%s", api_key: %s}
llmRoutes:
- {id: r, protocol: gemini, match_policy: {path_prefix: /}, target_policy: {model_targets: [{name: "gem-*", candidates: [{provider_id: g, upstream_model: "tuned/a b-*"}]}]}}
`, up.URL, upstreamKey))
	const text = `{ "contents" : [{"parts":[{"text":"hi"}]}],"x":1e400}`
	for _, tt := range [][4]string{
		{"/v1beta/models/gem-1:generateContent", "application/json", "/v1beta/models/tuned%2Fa%20b-1:generateContent", ""},
		{"/v1/models/gem-1:streamGenerateContent?alt=sse", sse, "/v1beta/models/tuned%2Fa%20b-1:streamGenerateContent", "alt=sse"},
		{"/v1/models/gem-1:streamGenerateContent", sse, "/v1beta/models/tuned%2Fa%20b-1:streamGenerateContent", "alt=sse"},
	} {
		up.kind, up.answer = tt[1], wires["gemini"].plain
		if tt[1] == sse {
			up.answer = wires["gemini"].stream
		}
		got := s.do(t, "POST", tt[0], text)
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, tt[2], path.Load())
		require.Equal(t, tt[3], query.Load())
		require.Equal(t, text, body.Load())
		e := s.event(t)
		require.Equal(t, "gem-1", e.LLM.LogicalModel)
		require.Equal(t, "tuned/a b-1", e.LLM.Model)
		require.True(t, gjson.Valid(got.Body) || strings.HasPrefix(got.Body, "data: "), got.Body)
	}
}

// The most specific pattern takes a name, and an exact name before any.
func TestPatterns(t *testing.T) {
	ups := several(t, 1)
	s := newGateway(t, logical("openai", `{model_targets: [
    {name: "*", candidates: [{provider_id: a, upstream_model: "any/*"}]},
    {name: "claude-*", candidates: [{provider_id: a, upstream_model: "anthropic/claude-*"}]},
    {name: "claude-*-fast", candidates: [{provider_id: a, upstream_model: fixed}]},
    {name: claude-opus, candidates: [{provider_id: a, upstream_model: exact}]}]}`, ups))
	for model, want := range map[string]string{
		"claude-opus": "exact", "claude-haiku": "anthropic/claude-haiku", "claude-x-fast": "fixed", "gpt": "any/gpt", "claude-*": "anthropic/claude-*", "claude-fast": "anthropic/claude-fast",
	} {
		require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", strings.Replace(chatBody, `"m"`, `"`+model+`"`, 1)).Status)
		e := s.event(t)
		require.Equal(t, want, e.LLM.Model)
		require.Equal(t, model, e.LLM.LogicalModel)
		require.Equal(t, want, gjson.GetBytes(ups[0].Last().Body, "model").Str)
	}
}

// A * stands for nothing too; a default model that is accepted is served.
func TestPatternOfNothing(t *testing.T) {
	ups := several(t, 1)
	s := newGateway(t, logical("openai", `{default_model: "gpt-", model_targets: [
    {name: "gpt-*", candidates: [{provider_id: a, upstream_model: "gpt-*"}]},
    {name: "gpt-4o*", candidates: [{provider_id: a, upstream_model: "vendor/4o*"}]},
    {name: "own/*", candidates: [{provider_id: a, upstream_model: "*"}]}]}`, ups))
	for model, want := range map[string]string{`"gpt-4o"`: "vendor/4o", `"gpt-4o-mini"`: "vendor/4o-mini", `"gpt-"`: "gpt-", "null": "gpt-", `"own/x"`: "x"} {
		got := s.do(t, "POST", "/v1/chat/completions", strings.Replace(chatBody, `"m"`, model, 1))
		require.Equal(t, 200, got.Status, got.Body)
		s.event(t)
		require.Equal(t, want, gjson.GetBytes(ups[0].Last().Body, "model").Str)
	}
	require.Equal(t, 404, s.do(t, "POST", "/v1/chat/completions", strings.Replace(chatBody, `"m"`, `"own/"`, 1)).Status, "the upstream's model would have no name")
	s.event(t)
}
