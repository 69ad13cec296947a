package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// wire is one protocol as a caller and as an upstream speak it.
type wire struct {
	protocol, provider, base string // base: what base_url has besides the host
	path, streamPath         string // of the caller
	upstreamPath             string
	request                  string // %s: more members
	tools                    string
	plain, stream            string // upstream answers "Hello" and a tool call get_weather {"city":"Paris"}
	failure                  string // as an upstream says it with 400
	streamFailure            string // in the middle of a stream
	// Where an answer has what was said, and where a stream has each piece of it.
	text, call, args, usage string
	deltas, end             string
	errorText               string
}

const sse = "text/event-stream"

var wires = map[string]wire{
	"chat": {
		protocol: "openai", provider: "openai_compatible", base: "/v1", path: "/v1/chat/completions", upstreamPath: "/v1/chat/completions",
		request: `{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]%s}`,
		tools:   `,"tools":[{"type":"function","function":{"name":"get_weather","description":"d","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`,
		plain:   `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`,
		stream: `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}]},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Paris\"}"}}]},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}

data: [DONE]

`,
		failure: `{"error":{"message":"too hot","type":"invalid_request_error","param":"temperature","code":null}}`, streamFailure: "data: {\"error\":{\"message\":\"busy now\",\"type\":\"server_error\",\"code\":\"overloaded\"}}\n\n",
		text: "choices.0.message.content", call: "choices.0.message.tool_calls.0.function.name", args: "choices.0.message.tool_calls.0.function.arguments", usage: "usage.total_tokens",
		deltas: "choices.0.delta.content", end: "[DONE]", errorText: "error.message",
	},
	"responses": {
		protocol: "openai", provider: "openai_compatible", base: "/v1", path: "/v1/responses", upstreamPath: "/v1/responses",
		request: `{"model":"m","instructions":"Be brief.","input":"Hi"%s}`,
		tools:   `,"tools":[{"type":"function","name":"get_weather","description":"d","parameters":{"type":"object","properties":{"city":{"type":"string"}}},"strict":false}]`,
		plain:   `{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello","annotations":[]}]},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"get_weather","arguments":"{\"city\":\"Paris\"}","status":"completed"}],"usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15,"input_tokens_details":{"cached_tokens":0},"output_tokens_details":{"reasoning_tokens":0}}}`,
		stream: `event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","model":"m","output":[]}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","status":"in_progress","content":[]}}

event: response.content_part.added
data: {"type":"response.content_part.added","sequence_number":2,"output_index":0,"content_index":0,"item_id":"msg_1","part":{"type":"output_text","text":"","annotations":[]}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":3,"output_index":0,"content_index":0,"item_id":"msg_1","delta":"Hel"}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":4,"output_index":0,"content_index":0,"item_id":"msg_1","delta":"lo"}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":5,"output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello","annotations":[]}]}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":6,"output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"get_weather","arguments":"","status":"in_progress"}}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","sequence_number":7,"output_index":1,"item_id":"fc_1","delta":"{\"city\":\"Paris\"}"}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":8,"output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"get_weather","arguments":"{\"city\":\"Paris\"}","status":"completed"}}

event: response.completed
data: {"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[],"usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15}}}

`,
		failure: `{"error":{"message":"too hot","type":"invalid_request_error","param":"temperature","code":null}}`, streamFailure: "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"busy now\",\"param\":null,\"sequence_number\":5}\n\n",
		text: `output.#(type=="message").content.0.text`, call: `output.#(type=="function_call").name`, args: `output.#(type=="function_call").arguments`, usage: "usage.total_tokens",
		deltas: "delta", end: "response.completed", errorText: "error.message",
	},
	"messages": {
		protocol: "anthropic", provider: "anthropic", path: "/v1/messages", upstreamPath: "/v1/messages",
		request: `{"model":"m","max_tokens":100,"system":"Be brief.","messages":[{"role":"user","content":"Hi"}]%s}`,
		tools:   `,"tools":[{"name":"get_weather","description":"d","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]`,
		plain:   `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"},{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"city":"Paris"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}`,
		stream: `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\":\"Paris\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}}

event: message_stop
data: {"type":"message_stop"}

`,
		failure: `{"type":"error","error":{"type":"invalid_request_error","message":"too hot"}}`, streamFailure: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy now\"}}\n\n",
		text: `content.#(type=="text").text`, call: `content.#(type=="tool_use").name`, args: `content.#(type=="tool_use").input|@ugly`, usage: "usage.output_tokens",
		deltas: "delta.text", end: "message_stop", errorText: "error.message",
	},
	"gemini": {
		protocol: "gemini", provider: "gemini", path: "/v1beta/models/m:generateContent", streamPath: "/v1beta/models/m:streamGenerateContent?alt=sse", upstreamPath: "/v1beta/models/m:",
		request: `{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"}]}]%s}`,
		tools:   `,"tools":[{"functionDeclarations":[{"name":"get_weather","description":"d","parametersJsonSchema":{"type":"object","properties":{"city":{"type":"string"}}}}]}]`,
		plain:   `{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"},{"functionCall":{"name":"get_weather","args":{"city":"Paris"}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15},"modelVersion":"m","responseId":"r1"}`,
		stream: `data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]},"index":0}],"modelVersion":"m","responseId":"r1"}

data: {"candidates":[{"content":{"role":"model","parts":[{"text":"lo"}]},"index":0}],"modelVersion":"m","responseId":"r1"}

data: {"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Paris"}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15},"modelVersion":"m","responseId":"r1"}

`,
		failure: `{"error":{"code":400,"message":"too hot","status":"INVALID_ARGUMENT"}}`, streamFailure: "data: {\"error\":{\"code\":503,\"message\":\"busy now\",\"status\":\"UNAVAILABLE\"}}\n\n",
		text: "candidates.0.content.parts.#(text).text", call: "candidates.0.content.parts.#(functionCall).functionCall.name", args: "candidates.0.content.parts.#(functionCall).functionCall.args|@ugly", usage: "usageMetadata.totalTokenCount",
		deltas: "candidates.0.content.parts.0.text", end: "STOP", errorText: "error.message",
	},
}

// canned is an upstream of one protocol that says what it is told to.
type canned struct {
	*httptest.Server
	status       int
	kind, answer string
	path, body   string
	calls        atomic.Int64
}

func newCanned(t *testing.T) *canned {
	s := &canned{status: 200, kind: "application/json"}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		b, _ := io.ReadAll(r.Body)
		s.path, s.body = r.URL.Path, string(b)
		w.Header().Set("Content-Type", s.kind)
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func (w wire) bundle(up *wire, url, api string) string {
	return fmt.Sprintf(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: up, provider_type: %s, base_url: "%s", api_key: %s, options: {api: "%s"}}
llmRoutes:
- {id: r, protocol: %s, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: up}}}
`, up.provider, url+up.base, upstreamKey, api, w.protocol)
}

// apiOf is which of OpenAI's two ways to generate the upstream has.
func apiOf(name string) string {
	if name == "chat" || name == "responses" {
		return name
	}
	return ""
}

// Each protocol's caller gets what each protocol's upstream says.
func TestEveryProtocolToEvery(t *testing.T) {
	for from, caller := range wires {
		for to, up := range wires {
			t.Run(from+" to "+to, func(t *testing.T) {
				upstream := newCanned(t)
				s := newGateway(t, caller.bundle(&up, upstream.URL, apiOf(to)))
				streamPath, streamed := caller.streamPath, ""
				if streamPath == "" {
					streamPath, streamed = caller.path, `,"stream":true`
				}

				upstream.answer = up.plain
				got := s.do(t, "POST", caller.path, fmt.Sprintf(caller.request, caller.tools))
				require.Equal(t, 200, got.Status, got.Body)
				require.True(t, strings.HasPrefix(upstream.path, up.upstreamPath), upstream.path)
				require.Contains(t, upstream.body, "Be brief.")
				require.Contains(t, upstream.body, "get_weather")
				require.Contains(t, upstream.body, "city")
				require.Equal(t, "Hello", gjson.Get(got.Body, caller.text).Str, got.Body)
				require.Equal(t, "get_weather", gjson.Get(got.Body, caller.call).Str, got.Body)
				require.JSONEq(t, `{"city":"Paris"}`, gjson.Get(got.Body, caller.args).String(), got.Body)
				require.Contains(t, []int64{15, 5}, gjson.Get(got.Body, caller.usage).Int(), got.Body)
				e := s.event(t)
				require.True(t, e.Success)
				require.EqualValues(t, 15, e.LLM.TotalTokens.N)
				require.True(t, e.LLM.UsageFinalized)
				require.Equal(t, []string{"get_weather"}, e.LLM.ToolNames)

				upstream.kind, upstream.answer = sse, up.stream
				got = s.do(t, "POST", streamPath, fmt.Sprintf(caller.request, caller.tools+streamed))
				require.Equal(t, 200, got.Status, got.Body)
				require.Equal(t, sse, strings.Split(got.Header.Get("Content-Type"), ";")[0])
				text := ""
				for _, line := range strings.Split(got.Body, "\n") {
					if data, ok := strings.CutPrefix(line, "data: "); ok && (from != "responses" || strings.Contains(data, "response.output_text.delta")) {
						text += gjson.Get(data, caller.deltas).Str
					}
				}
				require.Equal(t, "Hello", text, got.Body)
				require.Contains(t, got.Body, "get_weather")
				require.Contains(t, got.Body, "Paris")
				require.Contains(t, got.Body, caller.end)
				e = s.event(t)
				require.True(t, e.Success)
				require.EqualValues(t, 15, e.LLM.TotalTokens.N)
				require.True(t, e.LLM.UsageFinalized)

				// A stream that fails ends in an error, and in nothing that looks like an end.
				upstream.answer = up.stream[:strings.Index(up.stream, "lo\"")]
				upstream.answer = upstream.answer[:strings.LastIndex(upstream.answer, "\n\n")+2] + up.streamFailure
				got = s.do(t, "POST", streamPath, fmt.Sprintf(caller.request, streamed))
				require.Contains(t, got.Body, "busy now", got.Body)
				require.NotContains(t, got.Body, caller.end)
				require.False(t, s.event(t).Success)

				// So does one that just ends.
				upstream.answer = upstream.answer[:strings.LastIndex(strings.TrimSuffix(upstream.answer, "\n\n"), "\n\n")+2]
				got = s.do(t, "POST", streamPath, fmt.Sprintf(caller.request, streamed))
				require.Contains(t, got.Body, "broke off", got.Body)
				require.NotContains(t, got.Body, caller.end)
				require.False(t, s.event(t).Success)

				upstream.status, upstream.kind, upstream.answer = 400, "application/json", up.failure
				got = s.do(t, "POST", caller.path, fmt.Sprintf(caller.request, ""))
				require.Equal(t, 400, got.Status, got.Body)
				require.Equal(t, "too hot", gjson.Get(got.Body, caller.errorText).Str, got.Body)
				s.event(t)
			})
		}
	}
}

// Tokens are counted by the upstream where it can, in its own protocol, and estimated
// where it cannot, which a header says.
func TestTokensAreCountedAcrossProtocols(t *testing.T) {
	anthropic, chat, gemini := wires["messages"], wires["chat"], wires["gemini"]

	up := newCanned(t)
	s := newGateway(t, anthropic.bundle(&gemini, up.URL, ""))
	up.answer = `{"totalTokens":42}`
	got := s.do(t, "POST", "/v1/messages/count_tokens", fmt.Sprintf(anthropic.request, anthropic.tools))
	require.JSONEq(t, `{"input_tokens":42}`, got.Body)
	require.Empty(t, got.Header.Get("X-Agw-Estimated"))
	require.Equal(t, "/v1beta/models/m:countTokens", up.path)
	require.Equal(t, "models/m", gjson.Get(up.body, "generateContentRequest.model").Str)
	require.Equal(t, "Be brief.", gjson.Get(up.body, "generateContentRequest.systemInstruction.parts.0.text").Str)
	s.event(t)

	up.status, up.answer = 500, `{}`
	got = s.do(t, "POST", "/v1/messages/count_tokens", fmt.Sprintf(anthropic.request, ""))
	require.Positive(t, gjson.Get(got.Body, "input_tokens").Int())
	require.Equal(t, "true", got.Header.Get("X-Agw-Estimated"))
	s.event(t)

	up = newCanned(t)
	s = newGateway(t, gemini.bundle(&anthropic, up.URL, ""))
	up.answer = `{"input_tokens":7}`
	got = s.do(t, "POST", "/v1beta/models/m:countTokens", `{"generateContentRequest":`+fmt.Sprintf(gemini.request, `,"generationConfig":{"maxOutputTokens":5}`)+`}`)
	require.JSONEq(t, `{"totalTokens":7}`, got.Body)
	require.Equal(t, "/v1/messages/count_tokens", up.path)
	require.False(t, gjson.Get(up.body, "max_tokens").Exists(), "Anthropic refuses it there")
	s.event(t)

	up = newCanned(t)
	s = newGateway(t, anthropic.bundle(&chat, up.URL, "chat"))
	got = s.do(t, "POST", "/v1/messages/count_tokens", fmt.Sprintf(anthropic.request, ""))
	require.Positive(t, gjson.Get(got.Body, "input_tokens").Int())
	require.Equal(t, "true", got.Header.Get("X-Agw-Estimated"))
	require.Zero(t, up.calls.Load())
	s.event(t)

	up = newCanned(t)
	s = newGateway(t, `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers: [{id: g, provider_type: gemini, base_url: "`+up.URL+`", api_key: upstream-key}]
llmRoutes:
- id: r
  protocol: anthropic
  match_policy: {path_prefix: /}
  target_policy: {model_targets: [{name: "own-*", candidates: [{provider_id: g, upstream_model: "gemini-*"}]}]}
`)
	up.answer = `{"totalTokens":42}`
	got = s.do(t, "POST", "/v1/messages/count_tokens", `{"model":"own-flash","messages":[{"role":"user","content":"hello"}]}`)
	require.JSONEq(t, `{"input_tokens":42}`, got.Body)
	require.Equal(t, "/v1beta/models/gemini-flash:countTokens", up.path)
	s.event(t)
}
