package echo

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// fixed is a provider with a stopped clock and ids that can be foretold.
func fixed() *Provider {
	return &Provider{id: "demo", prefix: "x", now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
}

func send(t *testing.T, op llm.Operation, body string) *llm.Response {
	t.Helper()
	resp, err := fixed().Send(t.Context(), &llm.Call{Operation: op, Method: "POST", Body: llm.BytesBody([]byte(body))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, resp.Body.Close()) })
	return resp
}

// ask sends body and returns the status and the answer's JSON.
func ask(t *testing.T, op llm.Operation, body string) (int, gjson.Result) {
	t.Helper()
	resp := send(t, op, body)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.EqualValues(t, len(b), resp.ContentLength)
	require.True(t, json.Valid(b), "%s", b)
	return resp.Status, gjson.ParseBytes(b)
}

// wants maps paths in an answer to the raw JSON that is expected there; "" for
// a path that must not exist.
type wants map[string]string

func (w wants) check(t *testing.T, got gjson.Result) {
	t.Helper()
	for path, want := range w {
		require.Equal(t, want, got.Get(path).Raw, "%s in %s", path, got.Raw)
	}
}

func TestGoldenStreams(t *testing.T) {
	const chatTools = `"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object"}}},{"type":"function","function":{"name":"now"}}]`
	for name, c := range map[string]struct {
		op   llm.Operation
		body string
	}{
		"chat": {llm.OpenAIChat, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Grüße  an <alle>"}]}`},
		"chat_tools": {llm.OpenAIChat, `{"model":"m","stream":true,` + chatTools + `,
			"messages":[{"role":"user","content":"get_weather {\"city\": \"Paris\"} and now"}]}`},
		"completions": {llm.OpenAICompletions, `{"model":"m","stream":true,"prompt":["one two","three"]}`},
		"responses":   {llm.OpenAIResponses, `{"model":"m","stream":true,"input":"one two three","max_output_tokens":2}`},
		"responses_tools": {llm.OpenAIResponses, `{"model":"m","stream":true,"instructions":"be kind","input":"get_weather {\"city\": \"Paris\"} and now",
			"tools":[{"type":"function","name":"get_weather"},{"type":"function","name":"now","parameters":null}]}`},
		"messages": {llm.AnthropicMessages, `{"model":"m","max_tokens":9,"stream":true,"stop_sequences":["END"],"messages":[{"role":"user","content":"one two END three"}]}`},
		"messages_tools": {llm.AnthropicMessages, `{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"get_weather {\"city\": \"Paris\"} and now"}],
			"tools":[{"name":"get_weather","input_schema":{"type":"object"}},{"name":"now","input_schema":{"type":"object"}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			resp := send(t, c.op, c.body)
			require.Equal(t, 200, resp.Status)
			require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			require.EqualValues(t, -1, resp.ContentLength)
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)

			file := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, got, 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		})
	}
}

func TestNative(t *testing.T) {
	p, err := New(llm.Config{ID: "demo", Type: "echo"})
	require.NoError(t, err)
	require.Equal(t, []llm.Operation{llm.OpenAIChat}, p.Native(llm.GeminiGenerate, "any"), "stands in")
	for _, op := range []llm.Operation{
		llm.OpenAIChat, llm.OpenAICompletions, llm.OpenAIResponses, llm.OpenAIEmbeddings, llm.OpenAIModerations,
		llm.OpenAIModels, llm.OpenAIInputTokens, llm.AnthropicMessages, llm.AnthropicCountTokens, llm.AnthropicModels,
	} {
		require.Equal(t, []llm.Operation{op}, p.Native(op, "any"), op)
	}
	for _, op := range []llm.Operation{
		llm.OpenAIResponse, llm.OpenAIImages, llm.OpenAIAudio, llm.OpenAIFiles, llm.OpenAIBatches, llm.OpenAIRerank,
		llm.AnthropicBatches, llm.AnthropicFiles, llm.GeminiEmbed, "",
	} {
		require.Empty(t, p.Native(op, "any"), op)
		_, err := p.Send(t.Context(), &llm.Call{Operation: op})
		var e *llm.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, llm.CodeUnsupported, e.Code)
		require.True(t, e.Final)
		require.Contains(t, e.Message, `"demo"`)
	}
}

func TestNewMakesDistinctIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		p, err := New(llm.Config{})
		require.NoError(t, err)
		for range 2 {
			resp, err := p.Send(t.Context(), &llm.Call{
				Operation: llm.OpenAIChat, Body: llm.BytesBody([]byte(`{"messages":[{"role":"user","content":"hi"}]}`)),
			})
			require.NoError(t, err)
			b, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			id := gjson.GetBytes(b, "id").Str
			require.True(t, strings.HasPrefix(id, "chatcmpl-echo-"), id)
			require.False(t, seen[id], id)
			require.InDelta(t, time.Now().Unix(), gjson.GetBytes(b, "created").Int(), 60)
			seen[id] = true
		}
	}
}

func TestModelName(t *testing.T) {
	for _, c := range []struct{ inCall, inBody, want string }{
		{"upstream", "asked", "upstream"},
		{"", "asked", "asked"},
		{"", "", "echo"},
	} {
		resp, err := fixed().Send(t.Context(), &llm.Call{
			Operation: llm.OpenAIChat, Model: c.inCall,
			Body: llm.BytesBody([]byte(`{"model":"` + c.inBody + `","messages":[{"role":"user","content":"hi"}]}`)),
		})
		require.NoError(t, err)
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, c.want, gjson.GetBytes(b, "model").Str)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		op     llm.Operation
		body   string
		status int
		want   wants
	}{
		"not JSON, OpenAI":       {llm.OpenAIChat, `{"messages":`, 400, wants{"error.type": `"invalid_request_error"`, "error.param": `null`}},
		"not JSON, Anthropic":    {llm.AnthropicMessages, `nope`, 400, wants{"type": `"error"`, "error.type": `"invalid_request_error"`}},
		"wrong type":             {llm.OpenAIChat, `{"messages":[{"role":5}]}`, 400, wants{"error.param": `"messages.role"`}},
		"content of a number":    {llm.OpenAIChat, `{"messages":[{"role":"user","content":5}]}`, 400, nil},
		"chat without messages":  {llm.OpenAIChat, `{}`, 400, wants{"error.param": `"messages"`}},
		"no messages, Anthropic": {llm.AnthropicMessages, `{"messages":[]}`, 400, wants{"error.message": `"messages: it is missing or empty; send at least one message"`}},
		"responses input":        {llm.OpenAIResponses, `{"input":null}`, 400, wants{"error.param": `"input"`}},
		"responses state":        {llm.OpenAIResponses, `{"input":"x","previous_response_id":"resp_1"}`, 400, wants{"error.param": `"previous_response_id"`}},
		"responses conversation": {llm.OpenAIResponses, `{"input":"x","conversation":{"id":"c"}}`, 400, wants{"error.param": `"conversation"`}},
		"responses tools":        {llm.OpenAIResponses, `{"input":"x","tools":5}`, 400, wants{"error.param": `"tools"`}},
		"responses tool choice":  {llm.OpenAIResponses, `{"input":"x","tool_choice":{"type":"web_search"}}`, 400, wants{"error.param": `"tool_choice"`}},
		"input tokens":           {llm.OpenAIInputTokens, `{}`, 400, wants{"error.param": `"input"`}},
		"count tokens":           {llm.AnthropicCountTokens, `{}`, 400, wants{"type": `"error"`}},
		"completions prompt":     {llm.OpenAICompletions, `{}`, 400, wants{"error.param": `"prompt"`}},
		"completions mixed":      {llm.OpenAICompletions, `{"prompt":["a",1]}`, 400, nil},
		"embeddings input":       {llm.OpenAIEmbeddings, `{"input":[]}`, 400, wants{"error.param": `"input"`}},
		"embeddings too many":    {llm.OpenAIEmbeddings, `{"input":["` + strings.Repeat(`x","`, maxPrompts) + `x"]}`, 400, wants{"error.param": `"input"`}},
		"embeddings dimensions":  {llm.OpenAIEmbeddings, `{"input":"x","dimensions":0}`, 400, wants{"error.param": `"dimensions"`}},
		"embeddings format":      {llm.OpenAIEmbeddings, `{"input":"x","encoding_format":"hex"}`, 400, wants{"error.param": `"encoding_format"`}},
		"moderations input":      {llm.OpenAIModerations, `{"input":[]}`, 400, wants{"error.param": `"input"`}},
		"n":                      {llm.OpenAIChat, `{"n":0,"messages":[{"role":"user","content":"x"}]}`, 400, wants{"error.param": `"n"`}},
		"n of a long text":       {llm.OpenAIChat, `{"n":128,"messages":[{"role":"user","content":"` + strings.Repeat("x", 1<<20) + `"}]}`, 400, wants{"error.param": `"n"`}},
		"forced tool is missing": {llm.OpenAIChat, `{"tool_choice":{"type":"function","function":{"name":"f"}},"messages":[{"role":"user","content":"x"}]}`, 400, wants{"error.param": `"tool_choice"`}},
		"marker 429":             {llm.OpenAIChat, `{"stream":true,"messages":[{"role":"user","content":"[[echo:status=429]]"}]}`, 429, wants{"error.code": `"rate_limit_exceeded"`}},
		"marker 401":             {llm.OpenAIResponses, `{"input":"[[echo:status=401]]"}`, 401, wants{"error.code": `"invalid_api_key"`}},
		"marker 529, Anthropic":  {llm.AnthropicMessages, `{"messages":[{"role":"user","content":"a [[echo:status=529]] b"}]}`, 529, wants{"error.type": `"overloaded_error"`}},
		"marker 403, Anthropic":  {llm.AnthropicMessages, `{"messages":[{"role":"user","content":"[[echo:status=403]]"}]}`, 403, wants{"error.type": `"permission_error"`}},
		"marker 529, OpenAI":     {llm.OpenAIChat, `{"messages":[{"role":"user","content":"[[echo:status=529]]"}]}`, 529, wants{"error.code": `"overloaded"`}},
		"marker 500":             {llm.OpenAICompletions, `{"prompt":"[[echo:status=500]]"}`, 500, wants{"error.type": `"server_error"`}},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := ask(t, c.op, c.body)
			require.Equal(t, c.status, status, got.Raw)
			require.NotEmpty(t, got.Get("error.message").Str)
			c.want.check(t, got)
		})
	}
}

// body is a request body that is read from r.
type body struct{ r io.Reader }

func (b body) Open() (io.ReadCloser, error) { return io.NopCloser(b.r), nil }
func (b body) Len() int64                   { return -1 }
func (b body) Replayable() bool             { return false }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestBodies(t *testing.T) {
	p := fixed()
	resp, err := p.Send(t.Context(), &llm.Call{Operation: llm.OpenAIChat})
	require.NoError(t, err)
	require.Equal(t, 400, resp.Status)

	big := io.LimitReader(neverEnding('x'), maxBody+1)
	resp, err = p.Send(t.Context(), &llm.Call{Operation: llm.AnthropicMessages, Body: body{big}})
	require.NoError(t, err)
	require.Equal(t, 413, resp.Status)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "request_too_large", gjson.GetBytes(b, "error.type").Str)

	broken := errors.New("the caller hung up")
	_, err = p.Send(t.Context(), &llm.Call{Operation: llm.OpenAIChat, Body: body{failing{broken}}})
	require.ErrorIs(t, err, broken)
}

type neverEnding byte

func (n neverEnding) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte{byte(n)}, len(p)))
	return len(p), nil
}
