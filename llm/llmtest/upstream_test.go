package llmtest

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// ask sends one request with the headers of the protocol that fits the path.
func ask(t *testing.T, u *Upstream, method, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, u.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "identity")
	if strings.HasPrefix(path, "/v1/messages") {
		req.Header.Set("anthropic-version", "2023-06-01")
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

const (
	chatBody      = `{"model":"gpt-test","messages":[{"role":"user","content":"hi %s"}],"stream":%t}`
	messagesBody  = `{"model":"claude-test","max_tokens":9,"messages":[{"role":"user","content":"hi %s"}],"stream":%t}`
	responsesBody = `{"model":"gpt-test","input":"hi %s","stream":%t}`
	generateBody  = `{"contents":[{"parts":[{"text":"hi %[1]s"}]}]}` // the path says what is streamed
	generate      = "/v1beta/models/m:generateContent"
	generateSSE   = "/v1beta/models/m:streamGenerateContent?alt=sse"
)

// dialect is a protocol that answers in streams. Where whole is empty, the body says
// what is streamed.
type dialect struct{ path, whole, body, terminator, limited string }

var protocols = []dialect{
	{"/v1/chat/completions", "", chatBody, "data: [DONE]", "rate_limit_exceeded"},
	{"/v1/responses", "", responsesBody, "event: response.completed", "rate_limit_exceeded"},
	{"/v1/messages", "", messagesBody, "event: message_stop", "rate_limit_error"},
	{generateSSE, generate, generateBody, `"finishReason":"STOP"`, "RESOURCE_EXHAUSTED"},
	{"/v1beta/models/m:streamGenerateContent", generate, generateBody, "]\r\n", "RESOURCE_EXHAUSTED"},
}

func (d dialect) ask(t *testing.T, u *Upstream, text string, stream bool) *http.Response {
	t.Helper()
	path := d.path
	if !stream && d.whole != "" {
		path = d.whole
	}
	return ask(t, u, "POST", path, fmt.Sprintf(d.body, text, stream))
}

func TestAnswers(t *testing.T) {
	u := NewUpstream(t)
	const tools = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`
	for _, tt := range []struct{ method, path, body, want, value string }{
		{"POST", "/v1/chat/completions", fmt.Sprintf(chatBody, "", false), "usage.total_tokens", "49"},
		{"POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user"}],` + tools + `}`, "choices.0.message.tool_calls.0.function.arguments", `{"city":"Zürich"}`},
		{"POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"tool"}],` + tools + `}`, "choices.0.finish_reason", "stop"},
		{"POST", "/v1/chat/completions", `{"model":"m"}`, "error.type", "invalid_request_error"},
		{"POST", "/v1/chat/completions", `{"model":"no-such-model","messages":[1]}`, "error.code", "model_not_found"},
		{"POST", "/v1/completions", `{"model":"m","prompt":"x"}`, "object", "text_completion"},
		{"POST", "/v1/responses", fmt.Sprintf(responsesBody, "", false), "output.0.type", "message"},
		{"GET", "/v1/responses/resp_none", "", "error.type", "invalid_request_error"},
		{"POST", "/v1/responses/input_tokens", `{"model":"m","input":"x"}`, "input_tokens", "37"},
		{"POST", "/v1/embeddings", `{"model":"m","input":["a","b"]}`, "data.1.embedding.#", "8"},
		{"POST", "/v1/embeddings", `{"model":"m","input":[1,2],"encoding_format":"base64"}`, "data.0.embedding", "AAAAP6uqqj4AAIA+zcxMPquqKj4lSRI+AAAAPjmO4z0="},
		{"POST", "/v1/moderations", `{"input":"x"}`, "results.0.flagged", "false"},
		{"POST", "/v1/images/generations", `{"prompt":"x"}`, "data.0.b64_json", pixel},
		{"POST", "/v1/rerank", `{"model":"m","query":"x","documents":["a","b"]}`, "results.1.relevance_score", "0.5"},
		{"POST", "/v1/batches", `{"input_file_id":"f","endpoint":"/v1/x","completion_window":"24h"}`, "status", "validating"},
		{"GET", "/v1/models", "", "data.0.object", "model"},
		{"GET", "/v1/models/absent", "", "error.code", "model_not_found"},
		{"POST", "/v1/messages", fmt.Sprintf(messagesBody, "", false), "usage.cache_read_input_tokens", "8"},
		{"POST", "/v1/messages/count_tokens", `{"model":"m","messages":[1]}`, "input_tokens", "37"},
		{"POST", "/v1/messages/batches", `{"requests":[{"custom_id":"1","params":{}}]}`, "processing_status", "ended"},
		{"GET", "/v1/messages/batches", "", "data.#", "1"},
		{"POST", generate, fmt.Sprintf(generateBody, "there"), "candidates.0.content.parts.0.text", "Grüße 🌍 from the fake upstream. You said: hi there"},
		{"POST", generate, `{}`, "error.status", "INVALID_ARGUMENT"},
		{"POST", "/v1beta/models/no-such-model:generateContent", fmt.Sprintf(generateBody, ""), "error.status", "NOT_FOUND"},
		{"GET", "/v1beta/models/gemini-test", "", "name", "models/gemini-test"},
		{"GET", "/v1beta/models/absent", "", "error.code", "404"},
		{"POST", "/v1beta/models/m:none", "{}", "error.status", "NOT_FOUND"},
		{"POST", "/v1/models/m:countTokens", `{"contents":[1]}`, "totalTokens", "37"},
		{"POST", "/v1beta/models/m:countTokens", `{"generateContentRequest":{"model":"models/m","contents":[1]}}`, "totalTokens", "37"},
		{"POST", "/v1beta/models/m:countTokens", `{"generateContentRequest":{"contents":[1]}}`, "error.status", "INVALID_ARGUMENT"},
		{"POST", "/v1beta/models/m:embedContent", `{"content":{"parts":[1]},"outputDimensionality":3}`, "embedding.values.#", "3"},
		{"POST", "/v1beta/models/m:batchEmbedContents", `{"requests":[{"model":"models/m"},{"model":"models/m"}]}`, "embeddings.1.values.0", "1"},
		{"POST", "/v1beta/models/m:batchEmbedContents", `{"requests":[{"model":"models/alias"}]}`, "error.status", "INVALID_ARGUMENT"},
	} {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			got := text(t, ask(t, u, tt.method, tt.path, tt.body))
			require.Equal(t, tt.value, gjson.Get(got, tt.want).String(), got)
		})
	}
}

func TestStreamsEndWithTheirTerminator(t *testing.T) {
	u := NewUpstream(t)
	for _, p := range protocols {
		resp := p.ask(t, u, "", true)
		got := text(t, resp)
		require.Contains(t, got, p.terminator)
		if resp.Header.Get("Content-Type") == "application/json" {
			require.True(t, gjson.Valid(got), got)
		} else {
			require.Equal(t, "text/event-stream; charset=utf-8", resp.Header.Get("Content-Type"))
			require.True(t, strings.HasSuffix(strings.ReplaceAll(got, "\r", ""), "\n\n"), got)
		}
		require.Contains(t, got, "Grüße", "%s", p.path)
	}
}

func TestStoredResponse(t *testing.T) {
	u := NewUpstream(t)
	made := text(t, ask(t, u, "POST", "/v1/responses", fmt.Sprintf(responsesBody, "", false)))
	path := "/v1/responses/" + gjson.Get(made, "id").Str
	require.JSONEq(t, made, text(t, ask(t, u, "GET", path, "")))
	require.Contains(t, text(t, ask(t, u, "DELETE", path, "")), `"deleted":true`)
	require.Equal(t, 404, ask(t, u, "GET", path, "").StatusCode)
}

func TestFiles(t *testing.T) {
	u := NewUpstream(t)
	for _, version := range []string{"", "2023-06-01"} {
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		require.NoError(t, form.WriteField("purpose", "batch"))
		part, err := form.CreateFormFile("file", "a.bin")
		require.NoError(t, err)
		_, _ = part.Write([]byte{0, 255, 10, 13})
		require.NoError(t, form.Close())
		send := func(method, path string, body io.Reader) string {
			req, err := http.NewRequestWithContext(t.Context(), method, u.URL+path, body)
			require.NoError(t, err)
			req.Header.Set("Content-Type", form.FormDataContentType())
			if version != "" {
				req.Header.Set("anthropic-version", version)
			}
			return text(t, do(t, req))
		}
		made := send("POST", "/v1/files", &b)
		id := gjson.Get(made, "id").Str
		require.Equal(t, "a.bin", gjson.Get(made, "filename").Str, made)
		require.Equal(t, "\x00\xff\n\r", send("GET", "/v1/files/"+id+"/content", nil))
		require.Equal(t, "1", gjson.Get(send("GET", "/v1/files", nil), "data.#").String())
		require.NotContains(t, send("DELETE", "/v1/files/"+id, nil), "error")
		require.Equal(t, "0", gjson.Get(send("GET", "/v1/files", nil), "data.#").String())
	}
}

func TestKey(t *testing.T) {
	u := NewUpstream(t)
	u.Key = "right"
	for _, tt := range []struct {
		path, header, value, want string
	}{
		{"/v1/chat/completions", "Authorization", "Bearer right", ""},
		{"/v1/chat/completions", "Authorization", "Bearer wrong", "invalid_api_key"},
		{"/v1/chat/completions", "x-api-key", "right", "invalid_api_key"},
		{"/v1/messages", "x-api-key", "right", ""},
		{"/v1/messages", "Authorization", "Bearer right", ""},
		{"/v1/messages", "Authorization", "Bearer wrong", "authentication_error"},
		{"/v1/messages", "x-none", "right", "authentication_error"},
	} {
		body := chatBody
		if tt.path == "/v1/messages" {
			body = messagesBody
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", u.URL+tt.path, strings.NewReader(fmt.Sprintf(body, "", false)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("anthropic-version", "2023-06-01")
		if tt.path != "/v1/messages" {
			req.Header.Del("anthropic-version")
		}
		req.Header.Set(tt.header, tt.value)
		resp := do(t, req)
		if tt.want == "" {
			require.Equal(t, 200, resp.StatusCode)
			continue
		}
		require.Equal(t, 401, resp.StatusCode)
		require.Contains(t, text(t, resp), tt.want)
	}
}

func TestRecorded(t *testing.T) {
	u := NewUpstream(t)
	ask(t, u, "POST", "/v1/a%2Fb?x=1", `{"a":1}`)
	got := u.Last()
	require.Equal(t, []string{"POST", "/v1/a%2Fb", "1", `{"a":1}`}, []string{got.Method, got.Path, got.Query.Get("x"), string(got.Body)})
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Len(t, u.Requests(), 1)
}

// The zero value serves elsewhere too.
func TestZeroValue(t *testing.T) {
	u := &Upstream{}
	srv := httptest.NewServer(u)
	defer srv.Close()
	defer u.Close()
	resp, err := http.Get(srv.URL + "/v1/models")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, 200, resp.StatusCode)
}
