package llmproxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func TestLookup(t *testing.T) {
	tests := []struct {
		protocol, method, path string
		operation              llm.Operation // "" none
		allow                  string
	}{
		{"openai", "POST", "/v1/chat/completions", llm.OpenAIChat, ""},
		{"openai", "POST", "/v1/responses/input_tokens", llm.OpenAIInputTokens, ""},
		{"openai", "GET", "/v1/responses/input_tokens", llm.OpenAIResponse, ""}, // an id like another
		{"openai", "GET", "/v1/models/a/b/c", llm.OpenAIModels, ""},
		{"anthropic", "GET", "/v1/models/a/b", "", ""},
		{"anthropic", "POST", "/v1/messages/batches", llm.AnthropicBatches, ""},
		{"openai", "POST", "/v1/messages", "", ""},
		{"anthropic", "POST", "/v1/chat/completions", "", ""},
		{"openai", "DELETE", "/v1/chat/completions", "", "POST"},
		{"openai", "PUT", "/v1/files/f", "", "GET DELETE"},
		{"openai", "POST", "/v1/chat", "", ""},
		{"openai", "POST", "/v1/chat/completions/x", "", ""},
		{"openai", "GET", "/v1/files//content", "", ""},
		{"openai", "GET", "/v2/models", "", ""},
		{"gemini", "GET", "/v1/models", "", ""},
	}
	for _, tt := range tests {
		e, allow := Lookup(tt.protocol, tt.method, tt.path)
		require.Equal(t, tt.allow, strings.Join(allow, " "), tt.path)
		if tt.operation == "" {
			require.Nil(t, e, tt.path)
			continue
		}
		require.NotNil(t, e, tt.path)
		require.Equal(t, tt.operation, e.Operation)
	}
}

// Every row can be found, and no two rows take the same request.
func TestEndpointsAreDistinct(t *testing.T) {
	for protocol, rows := range endpoints {
		seen := map[string]bool{}
		for i := range rows {
			name := rows[i].Method + " " + rows[i].Path + ":" + rows[i].Action
			require.False(t, seen[name], name)
			seen[name] = true
			path := "/v1/" + strings.NewReplacer("{id...}", "a/b", "{id}", "x").Replace(rows[i].Path)
			wire := protocol
			switch protocol {
			case "gemini":
				path = "/v1beta/" + strings.TrimPrefix(path, "/v1/")
			case "cc":
				wire = "anthropic"
			}
			if rows[i].Action != "" {
				path += ":" + rows[i].Action
			}
			e, _ := Lookup(protocol, rows[i].Method, path)
			require.Same(t, &rows[i], e, name)
			require.Equal(t, wire, rows[i].Operation.Protocol())
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"/v1/models": "/v1/models", "/models": "/v1/models", "/v1/": "/v1/v1/", "/v1": "/v1/v1", "/": "", "": "", "models": "", "/v1beta/models": "/v1/v1beta/models",
	} {
		got, ok := Canonical("openai", in)
		require.Equal(t, want != "", ok, in)
		require.Equal(t, want, got, in)
	}
	for in, ok := range map[string]bool{"/v1/messages": true, "/messages": false, "/v1/": false} {
		_, got := Canonical("anthropic", in)
		require.Equal(t, ok, got, in)
	}
}

func TestSafeSegment(t *testing.T) {
	for seg, want := range map[string]bool{
		"a": true, "a%2Fb": true, "a.b": true, "...": true, "%C3%BC": true, "a:b": true, "a%25": true, "a%20b": true,
		"": false, ".": false, "..": false, "%2e": false, "%2E%2e": false, ".%2e": false, "..%2Fa": false, "a%2F..": false, "a%2f.%2fb": false, "a%5c..%5cb": false,
		"%00": false, "a%0A": false, "%7F": false, "a%3Fb": false, "a%23b": false, "%": false, "%zz": false,
	} {
		require.Equal(t, want, safeSegment(seg), seg)
	}
}

func TestRecognizes(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1/chat/completions": true, "/any/where/v1/chat/completions": true, "/team/v1/messages": true, "/chat/completions": true,
		"/": false, "/index.html": false, "/v1": false, "/assets/app.js": false,
	} {
		require.Equal(t, want, Recognizes(httptest.NewRequest("POST", path, nil)), path)
	}
}

func TestCallerHeader(t *testing.T) {
	for name, want := range map[string]policy{
		"Accept": pass, "Anthropic-Beta": pass, "X-Anything": pass, "X-Stainless-Helper-Method": pass, "X-Codex-Turn": pass,
		"Authorization": drop, "X-Authorization": drop, "X-My-Token": drop, "My-Secret": drop, "X-Api-Key": drop, "Apikey": drop, "X-Jwt-Claims": drop,
		"X-Forwarded-Client-Cert": drop, "Ssl-Client-Cert": drop, "Cf-Connecting-Ip": drop, "X-Amzn-Trace-Id": drop, "X-Ms-Client-Principal": drop, "Sec-Ch-Ua": drop,
	} {
		require.Equal(t, want, callerHeader(name), name)
	}
}

func TestUpstreamHeader(t *testing.T) {
	in := http.Header{"Connection": {"close, x-one", "X-Two"}, "X-One": {"1"}, "X-Two": {"2"}, "X-Three": {"3"}}
	out := upstreamHeader(in)
	require.Equal(t, http.Header{"X-Three": {"3"}, "User-Agent": {""}}, out)
	out.Set("X-Three", "changed")
	require.Equal(t, "3", in.Get("X-Three"), "the caller's headers stay as they are")
}
