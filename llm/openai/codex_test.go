package openai_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// sentByCodex is what the backend receives of a body without the parameters that it
// refuses.
func sentByCodex(op llm.Operation, body []byte) []byte {
	if op != llm.OpenAIResponses {
		return body
	}
	add := `,"store":false,"instructions":""`
	if !gjson.GetBytes(body, "stream").Exists() {
		add = `,"stream":true` + add
	}
	end := bytes.LastIndexByte(body, '}')
	return slices.Concat(body[:end], []byte(add), body[end:])
}

// What goes to the ChatGPT backend is streamed and not stored, and a caller who asked
// for no stream gets none.
func TestCodex(t *testing.T) {
	up := llmtest.NewUpstream(t)
	up.Key = key
	p := start(t, llm.Config{Type: "codex", BaseURL: up.URL + "/v1"})

	c := call(llm.OpenAIResponses, false)
	c.Header["Chatgpt-Account-Id"] = []string{"the caller's"}
	c.Header["User-Agent"] = []string{"mine"}
	c.Body = llm.BytesBody([]byte(`{"model":"llmtest", "temperature":1,"input":"hi","max_output_tokens":5,"store":true,"x":1.0e+2,"user":"u"}`))
	status, body := send(t, p, c)
	require.Equal(t, 200, status)
	require.Equal(t, "completed", gjson.Get(body, "status").Str, body)
	require.Contains(t, gjson.Get(body, "output.0.content.0.text").Str, "hi")
	got := up.Last()
	require.Equal(t, `{"model":"llmtest","input":"hi","store":false,"x":1.0e+2,"stream":true,"instructions":""}`, string(got.Body))
	require.Equal(t, []string{"Bearer " + key}, got.Header["Authorization"])
	require.NotContains(t, got.Header, "Chatgpt-Account-Id")
	require.Equal(t, []string{"mine"}, got.Header["User-Agent"])
	require.NotContains(t, got.Header, "Originator")

	c = call(llm.OpenAIResponses, true)
	c.Credential.AccountID = "acct"
	status, body = send(t, p, c)
	require.Equal(t, 200, status)
	require.Contains(t, body, "event: response.completed")
	require.Equal(t, []string{"acct"}, up.Last().Header["Chatgpt-Account-Id"])

	// Compaction is no stream.
	c = call(llm.OpenAIResponses, false)
	c.Path = "/v1/responses/compact"
	up.Reply(200, nil, []byte("{}"))
	_, _ = send(t, p, c)
	require.JSONEq(t, `{"model":"llmtest","input":"hi"}`, string(up.Last().Body))

	up.Enqueue(llmtest.Fault{Status: 429, RetryAfter: "7"})
	status, body = send(t, p, call(llm.OpenAIResponses, false))
	require.Equal(t, 429, status)
	require.Contains(t, body, "rate_limit")
}

func TestCollect(t *testing.T) {
	up := llmtest.NewUpstream(t)
	p := start(t, llm.Config{Type: "codex", BaseURL: up.URL})
	reply := func(events ...string) {
		up.Reply(200, http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}, "X-Own": {"1"}}, []byte("data: "+strings.Join(events, "\n\ndata: ")+"\n\n"))
	}

	reply(`{"type":"response.output_item.done","item":{"id":"a","n":1.0e+2}}`, `{"type":"response.output_item.done","item":{"id":"b"}}`,
		`{"type":"response.completed","response":{"id":"r","output":[],"usage":{}}}`)
	resp, err := p.Send(t.Context(), call(llm.OpenAIResponses, false))
	require.NoError(t, err)
	require.Equal(t, "1", resp.Header.Get("X-Own"))
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	b := make([]byte, resp.ContentLength)
	_, _ = resp.Body.Read(b)
	require.Equal(t, `{"id":"r","output":[{"id":"a","n":1.0e+2},{"id":"b"}],"usage":{}}`, string(b))
	require.NoError(t, resp.Body.Close())

	for event, want := range map[string]int{
		`{"type":"response.incomplete","response":{"id":"r","output":[{}]}}`:                              200,
		`{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"slow"}}}`: 429,
		`{"type":"error","code":"context_length_exceeded","message":"long"}`:                              400,
		`{"type":"error","error":{"code":"server_is_overloaded","message":"busy"}}`:                       503,
		`{"type":"response.failed","response":{"error":null}}`:                                            500,
	} {
		reply(`{"type":"response.created"}`, event)
		status, body := send(t, p, call(llm.OpenAIResponses, false))
		require.Equal(t, want, status, event)
		require.True(t, gjson.Valid(body) && gjson.Parse(body).IsObject(), body)
		require.Equal(t, want != 200, gjson.Get(body, "error.message").String() != "", body)
	}

	for _, events := range []string{`{"type":"response.created"}`, `{"type":"response.completed"}`} {
		reply(events)
		_, err = p.Send(t.Context(), call(llm.OpenAIResponses, false))
		require.Equal(t, llm.CodeUpstream, llm.AsError(err).Code)
		require.ErrorContains(t, err, "provider p gave no answer")
	}
}

// A caller who leaves while the answer is collected is not the upstream's failure.
func TestCollectCanceled(t *testing.T) {
	up := llmtest.NewUpstream(t)
	p := start(t, llm.Config{Type: "codex", BaseURL: up.URL + "/v1"})
	steps := make(chan struct{})
	comment := []byte(":" + strings.Repeat("x", 1<<20) + "\n\n")
	f := llmtest.Raw(200, http.Header{"Content-Type": {"text/event-stream"}}, slices.Repeat([][]byte{comment}, 17)...)
	f.Step = steps
	up.Enqueue(*f)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for range 16 { // more than fits between here and there: part of it is read
			select {
			case steps <- struct{}{}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	_, err := p.Send(ctx, call(llm.OpenAIResponses, false))
	require.Equal(t, llm.CodeCanceled, llm.AsError(err).Code)
	require.True(t, llm.AsError(err).Final)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, up.WaitCanceled(t.Context()))
}
