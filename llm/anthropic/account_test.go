package anthropic_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

const messages = `{"model":"llmtest","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}`

func post(h http.Header, key, body string) *llm.Call {
	h["Content-Type"] = []string{"application/json"}
	return &llm.Call{
		Operation: llm.AnthropicMessages, Method: "POST", Path: "/v1/messages", Model: "llmtest", Header: h,
		Credential: llm.Credential{APIKey: key}, Body: llm.BytesBody([]byte(body)),
	}
}

func send(t *testing.T, p llm.Provider, c *llm.Call) (int, string) {
	t.Helper()
	resp, err := p.Send(t.Context(), c)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Status, string(b)
}

// An account's token goes where it belongs, with the beta that it needs among the
// caller's.
func TestClaudeCode(t *testing.T) {
	up := llmtest.NewUpstream(t)
	p := start(t, llm.Config{Type: "claudecode", BaseURL: up.URL})
	for name, tt := range map[string]struct {
		key          string
		betas        []string
		bearer, xkey []string
		want         []string
	}{
		"token":         {"sk-ant-oat01-x", nil, []string{"Bearer sk-ant-oat01-x"}, nil, []string{"oauth-2025-04-20"}},
		"with others":   {"t", []string{"a, b", "c"}, []string{"Bearer t"}, nil, []string{"a,b,c,oauth-2025-04-20"}},
		"there already": {"t", []string{"oauth-2025-04-20,a"}, []string{"Bearer t"}, nil, []string{"oauth-2025-04-20,a"}},
		"API key":       {"sk-ant-api03-x", []string{"a, b"}, nil, []string{"sk-ant-api03-x"}, []string{"a, b"}},
		"none":          {"", nil, nil, nil, nil},
	} {
		h := http.Header{"X-Api-Key": {"the caller's"}, "Authorization": {"Bearer the caller's"}, "User-Agent": {"mine"}}
		if tt.betas != nil {
			h["Anthropic-Beta"] = tt.betas
		}
		before := h.Clone()
		status, body := send(t, p, post(h, tt.key, messages))
		require.Equal(t, 200, status, name)
		require.Contains(t, body, "hi", name)
		got := up.Last()
		require.Equal(t, tt.bearer, got.Header["Authorization"], name)
		require.Equal(t, tt.xkey, got.Header["X-Api-Key"], name)
		require.Equal(t, tt.want, got.Header["Anthropic-Beta"], name)
		require.Equal(t, []string{"2023-06-01"}, got.Header["Anthropic-Version"], name)
		require.Equal(t, []string{"mine"}, got.Header["User-Agent"], name)
		require.Equal(t, messages, string(got.Body), name)
		before["Content-Type"] = h["Content-Type"]
		require.Equal(t, before, h, "%s: the call is not changed", name)
	}
	list, err := p.ListModels(t.Context(), llm.Credential{APIKey: "t"})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	up.Enqueue(llmtest.Fault{Status: 529})
	status, _ := send(t, p, post(http.Header{}, "t", messages))
	require.Equal(t, 529, status)
}

func TestListModels(t *testing.T) {
	up := llmtest.NewUpstream(t)
	p := start(t, llm.Config{BaseURL: up.URL})
	up.Script(func(r llmtest.Recorded) *llmtest.Fault {
		switch after := r.Query.Get("after_id"); {
		case r.Query.Get("limit") != "1000":
			return &llmtest.Fault{Status: 400}
		case after == "":
			return llmtest.Raw(200, nil, []byte(`{"data":[{"id":"a","display_name":"A","created_at":"2026-01-02T03:04:05Z"}],"has_more":true,"last_id":"a"}`))
		case after == "a":
			return llmtest.Raw(200, nil, []byte(`{"data":[{"id":"b","created_at":"1970-01-01T00:00:00Z"}],"has_more":false,"last_id":"b"}`))
		}
		return &llmtest.Fault{Status: 404}
	})
	list, err := p.ListModels(t.Context(), llm.Credential{})
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "A", list[0].DisplayName)
	require.Equal(t, 2026, list[0].Created.Year())
	require.Equal(t, llm.Model{ID: "b", OwnedBy: "anthropic"}, list[1])

	pages := up.Count()
	up.Script(func(llmtest.Recorded) *llmtest.Fault {
		return llmtest.Raw(200, nil, []byte(`{"data":[],"has_more":true,"last_id":"a"}`))
	})
	_, err = p.ListModels(t.Context(), llm.Credential{})
	require.ErrorContains(t, err, "does not end")
	require.Equal(t, 100, up.Count()-pages)
}

func TestCountTokens(t *testing.T) {
	up := llmtest.NewUpstream(t)
	p := start(t, llm.Config{BaseURL: up.URL})
	c := post(http.Header{}, "", messages)
	_, err := p.CountTokens(t.Context(), c)
	require.Equal(t, llm.CodeUnsupported, llm.AsError(err).Code)
	c.Operation, c.Path = llm.AnthropicCountTokens, "/v1/messages/count_tokens"
	n, err := p.CountTokens(t.Context(), c)
	require.NoError(t, err)
	require.Positive(t, n)
}
