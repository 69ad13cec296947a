package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// agwctl runs the program in this process with exactly that environment.
func agwctl(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	lookup := func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
	code = run(args, strings.NewReader(""), &out, &errOut, lookup)
	return code, out.String(), errOut.String()
}

// events makes a stream of the lines of text, each the data of one event.
func events(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("data: " + strings.TrimSpace(line) + "\n\n")
	}
	return b.String()
}

func TestAnswers(t *testing.T) {
	for _, tt := range answers {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(tt.body, "data:") {
					w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
				}
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(max(tt.status, 200))
				io.WriteString(w, tt.body)
			}))
			defer s.Close()
			code, stdout, stderr := agwctl(t, map[string]string{"AGW_BASE_URL": s.URL + "/v1", "AGW_API_KEY": "vk-secret-1"}, strings.Fields(tt.args)...)
			require.Equal(t, tt.stdout, stdout)
			require.Equal(t, tt.code, code)
			if tt.stderr == "" {
				require.Empty(t, stderr)
			}
			require.Contains(t, stderr, tt.stderr)
		})
	}
}

func TestQuestions(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		env    map[string]string
		path   string
		header map[string]string
		body   string
	}{
		{"chat", []string{"chat", "hi"}, nil, "/v1/chat/completions", map[string]string{"Authorization": ""}, `{"messages":[{"role":"user","content":"hi"}]}`},
		{"chat, all flags", []string{"chat", "hi", "--stream", "--model", "m", "--system", "s", "--max-tokens", "5", "--api-key", "k"}, map[string]string{"AGW_MODEL": "other", "AGW_API_KEY": "other"},
			"/v1/chat/completions", map[string]string{"Authorization": "Bearer k"}, `{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],"max_completion_tokens":5,"stream":true}`},
		{"environment", []string{"chat", "hi"}, map[string]string{"AGW_MODEL": "m", "AGW_API_KEY": "k", "AGW_API": "anthropic"},
			"/v1/messages", map[string]string{"X-Api-Key": "k", "Anthropic-Version": "2023-06-01", "Authorization": ""}, `{"model":"m","max_tokens":1024,"messages":[{"role":"user","content":"hi"}]}`},
		{"messages, all flags", []string{"chat", "hi", "--api=anthropic", "--stream", "--system", "s", "--max-tokens", "5"}, nil,
			"/v1/messages", map[string]string{"X-Api-Key": ""}, `{"max_tokens":5,"system":"s","messages":[{"role":"user","content":"hi"}],"stream":true}`},
		{"responses", []string{"responses", "hi", "--stream", "--system", "s", "--max-tokens", "5"}, map[string]string{"AGW_API": "anthropic"},
			"/v1/responses", nil, `{"instructions":"s","input":"hi","max_output_tokens":5,"stream":true}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
			}))
			defer s.Close()
			agwctl(t, tt.env, append(tt.args, "--base-url", s.URL+"/v1/")...)
			require.Equal(t, tt.path, got.URL.Path)
			require.JSONEq(t, tt.body, string(body))
			for name, want := range tt.header {
				require.Equal(t, want, got.Header.Get(name), name)
			}
		})
	}
}

func TestEndpoint(t *testing.T) {
	tests := []struct {
		base string
		d    dialect
		want string // empty: refused
	}{
		{"http://h/v1", new(openAIChat), "http://h/v1/chat/completions"},
		{"http://h/a/v1/", new(openAIChat), "http://h/a/v1/chat/completions"},
		{"http://h/a", new(openAIChat), "http://h/a/chat/completions"},
		{"http://h/v1", new(anthropicMessages), "http://h/v1/messages"},
		{"http://h", new(anthropicMessages), "http://h/v1/messages"},
		{"https://h/a%2Fb/", new(anthropicMessages), "https://h/a%2Fb/v1/messages"},
		{"http://h/v1", new(openAIResponses), "http://h/v1/responses"},
		{"h:80/v1", new(openAIChat), ""},
		{"http://:80", new(openAIChat), ""},
		{"http://u:hunter22@h/v1", new(openAIChat), ""},
		{"http://h/v1?key=hunter22", new(openAIChat), ""},
	}
	for _, tt := range tests {
		got, err := endpoint(tt.base, tt.d)
		require.Equal(t, tt.want, got)
		if tt.want == "" {
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hunter22")
		}
	}
}

// The pieces must not wait for the end, and a model may be slow as long as it
// says something.
func TestStreamingIsNotBuffered(t *testing.T) {
	next := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, piece := range []string{"one", " two", " three"} {
			io.WriteString(w, events(`{"choices":[{"delta":{"content":"`+piece+`"}}]}`))
			w.(http.Flusher).Flush()
			<-next
		}
		io.WriteString(w, "data: [DONE]\n\n")
	}))
	defer s.Close()
	out := &notifyingWriter{wrote: next}
	code := run([]string{"chat", "hi", "--stream", "--base-url", s.URL}, nil, out, io.Discard, func(string) (string, bool) { return "", false })
	require.Zero(t, code)
	require.Equal(t, []string{"one", " two", " three", "\n"}, out.pieces)
}

// notifyingWriter tells of each piece of text, so that the server sends the next
// one only then.
type notifyingWriter struct {
	wrote  chan<- struct{}
	pieces []string
}

func (w *notifyingWriter) Write(b []byte) (int, error) {
	w.pieces = append(w.pieces, string(b))
	if string(b) != "\n" {
		w.wrote <- struct{}{}
	}
	return len(b), nil
}

func TestASilentModelIsGivenUp(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, events(`{"choices":[{"delta":{"content":"one"}}]}`))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	code, stdout, stderr := agwctl(t, nil, "chat", "hi", "--stream", "--base-url", s.URL, "--timeout", (100 * time.Millisecond).String())
	require.Equal(t, exitError, code)
	require.Equal(t, "one\n", stdout)
	require.Contains(t, stderr, "has said nothing for 100ms")
}
