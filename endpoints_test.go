package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

const boundary = "b0undary"

// multipartBody is a form with these fields and a file that is no text.
func multipartBody(fields ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(fields); i += 2 {
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"\r\n\r\n" + fields[i+1] + "\r\n")
	}
	for _, name := range []string{"file", "image"} {
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n")
		b.WriteString("\x00\xff\r\n\r\n--b0\r\n" + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.String()
}

const fileContent = "\x00\xff\r\n\r\n--b0\r\n"

// TestEndpoints asks for everything that the contract lists, the way to the
// upstream and back. {name} in a path is an id that an earlier call returned.
func TestEndpoints(t *testing.T) {
	form := multipartBody("purpose", "batch", "model", "m")
	tests := map[string][]struct{ method, path, body, want string }{ // want: a part of the answer
		"openai": {
			{"POST", "/v1/chat/completions", chatBody, `"chat.completion"`},
			{"POST", "/v1/responses", `{"model":"m","input":"hi"}`, `"response"`},
			{"GET", "/v1/responses/{id}", "", `"response"`},
			{"GET", "/v1/responses/{id}/input_items?limit=1", "", `"list"`},
			{"POST", "/v1/responses/{id}/cancel", "", `"response"`},
			{"DELETE", "/v1/responses/{id}", "", `"deleted":true`},
			{"POST", "/v1/responses/input_tokens", `{"model":"m","input":"hi"}`, `"input_tokens"`},
			{"POST", "/v1/embeddings", `{"model":"m","input":"hi"}`, `"embedding"`},
			{"POST", "/v1/completions", `{"model":"m","prompt":"hi"}`, `"text_completion"`},
			{"POST", "/v1/moderations", `{"input":"hi"}`, `"flagged"`},
			{"POST", "/v1/images/generations", `{"model":"m","prompt":"hi"}`, `"b64_json"`},
			{"POST", "/v1/images/edits", form, `"b64_json"`},
			{"POST", "/v1/images/variations", form, `"b64_json"`},
			{"POST", "/v1/audio/speech", `{"model":"m","input":"hi","voice":"v"}`, "\x00\x07\x0e\x15"},
			{"POST", "/v1/audio/transcriptions", form, "Grüße"},
			{"POST", "/v1/audio/translations", form, "Grüße"},
			{"POST", "/v1/rerank", `{"model":"m","query":"q","documents":["a"]}`, `"relevance_score"`},
			{"POST", "/v1/files", form, `"file"`},
			{"GET", "/v1/files", "", `"list"`},
			{"GET", "/v1/files/{id}", "", `"file"`},
			{"GET", "/v1/files/{id}/content", "", fileContent},
			{"DELETE", "/v1/files/{id}", "", `"deleted":true`},
			{"POST", "/v1/batches", `{"input_file_id":"f","endpoint":"/v1/responses","completion_window":"24h"}`, `"batch"`},
			{"GET", "/v1/batches?limit=2", "", `"list"`},
			{"GET", "/v1/batches/{id}", "", `"batch"`},
			{"POST", "/v1/batches/{id}/cancel", "", `"batch"`},
			{"GET", "/v1/models", "", `"owned_by"`},
			{"GET", "/v1/models/gpt-test", "", `"owned_by"`},
		},
		"anthropic": {
			{"POST", "/v1/messages", messageBody, `"message"`},
			{"POST", "/v1/messages/count_tokens", messageBody, `"input_tokens"`},
			{"GET", "/v1/models", "", `"first_id"`},
			{"GET", "/v1/models/claude-test", "", `"display_name"`},
			{"POST", "/v1/messages/batches", `{"requests":[{"custom_id":"c","params":` + messageBody + `}]}`, `"message_batch"`},
			{"GET", "/v1/messages/batches", "", `"has_more"`},
			{"GET", "/v1/messages/batches/{id}", "", `"message_batch"`},
			{"GET", "/v1/messages/batches/{id}/results", "", `"custom_id":"c"`},
			{"POST", "/v1/messages/batches/{id}/cancel", "", `"message_batch"`},
			{"DELETE", "/v1/messages/batches/{id}", "", `"message_batch_deleted"`},
			{"POST", "/v1/files", form, `"file"`},
			{"GET", "/v1/files", "", `"has_more"`},
			{"GET", "/v1/files/{id}", "", `"mime_type"`},
			{"GET", "/v1/files/{id}/content", "", fileContent},
			{"DELETE", "/v1/files/{id}", "", `"file_deleted"`},
		},
	}
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for protocol, calls := range tests {
		ids := map[string]string{} // by collection
		for _, c := range calls {
			t.Run(protocol+" "+c.method+" "+strings.ReplaceAll(c.path, "/", "∕"), func(t *testing.T) {
				collection := strings.Split(strings.TrimPrefix(c.path, "/v1/"), "/")[0]
				path := strings.ReplaceAll(c.path, "{id}", ids[collection])
				headers := []string{}
				if c.body == form {
					headers = append(headers, "Content-Type", "multipart/form-data; boundary="+boundary)
				}
				if protocol == "anthropic" {
					headers = append(headers, "Anthropic-Version", "2023-06-01")
				}
				got := s.do(t, c.method, path, c.body, headers...)
				require.NoError(t, got.err)
				require.Equal(t, 200, got.Status, got.Body)
				require.Contains(t, got.Body, c.want)
				if id := gjson.Get(got.Body, "id"); c.method == "POST" && !strings.Contains(c.path, "{id}") && id.Exists() {
					ids[collection] = id.Str
				}
				rec := up.Last()
				upstreamPath, _, _ := strings.Cut(path, "?")
				require.Equal(t, c.method, rec.Method)
				require.Equal(t, upstreamPath, rec.Path)
				require.Equal(t, c.body, string(rec.Body))
				e := s.event(t)
				require.True(t, e.Success)
				require.Equal(t, protocol, e.RouteProtocol)
				if protocol == "openai" { // its /v1 is optional
					got := s.do(t, c.method, strings.TrimPrefix(path, "/v1"), c.body, headers...)
					require.NotContains(t, got.Body, "no route takes")
					require.Equal(t, upstreamPath, up.Last().Path)
					s.event(t)
					if c.method == "DELETE" {
						require.Equal(t, 404, got.Status)
					}
				}
			})
		}
	}
}

// An upload is handed on while it comes in, and is tried once.
func TestUploadIsStreamed(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {max_retries: 3, retry_delay_seconds: 0.001}"))
	form := multipartBody("purpose", "x", "model", "m")
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", s.URL+"/v1/files", r)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	up.Enqueue(llmtest.Fault{Early: true, Status: 400, Message: "seen before its end"})
	done := make(chan answer, 1)
	s.beside(req, done)
	_, err = io.WriteString(w, form[:len(form)/2])
	require.NoError(t, err)
	require.NoError(t, up.WaitCount(t.Context(), 1), "the upstream sees the beginning before the end is there")
	_, err = io.WriteString(w, form[len(form)/2:])
	require.NoError(t, err)
	_ = w.Close()
	got := <-done
	require.NoError(t, got.err)
	require.Equal(t, 400, got.Status)
	require.Contains(t, got.Body, "seen before its end")
	s.event(t)

	up.Reset()
	up.Enqueue(llmtest.Fault{Status: 503})
	got = s.do(t, "POST", "/v1/files", form, "Content-Type", "multipart/form-data; boundary="+boundary)
	require.Equal(t, 503, got.Status)
	require.Equal(t, 1, up.Count())
	s.event(t)
}

// A large upload and a large download pass unchanged.
func TestLargeBodies(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB
	body := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nx\r\n--" + boundary +
		"\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" + string(big) + "\r\n--" + boundary + "--\r\n"
	got := s.do(t, "POST", "/v1/files", body, "Content-Type", "multipart/form-data; boundary="+boundary)
	require.Equal(t, 200, got.Status, got.Body)
	require.Equal(t, body, string(up.Last().Body))
	got = s.do(t, "GET", "/v1/files/"+gjson.Get(got.Body, "id").Str+"/content", "")
	require.Equal(t, 200, got.Status)
	require.True(t, got.Body == string(big))
	s.event(t)
	s.event(t)
}
