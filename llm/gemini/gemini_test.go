package gemini_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/gemini"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// serve starts an upstream and a provider in front of it.
func serve(t *testing.T, h http.HandlerFunc) *gemini.Provider {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	p, err := gemini.New(llm.Config{ID: "p", BaseURL: server.URL})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestConformance(t *testing.T) {
	llmtest.RunProvider(t, func(t *testing.T, baseURL string) llm.Provider {
		p, err := gemini.New(llm.Config{ID: "p", BaseURL: baseURL})
		require.NoError(t, err)
		return p
	}, llmtest.ProviderOptions{
		Operations: []llm.Operation{llm.GeminiGenerate, llm.GeminiCountTokens, llm.GeminiEmbed, llm.GeminiBatchEmbed, llm.GeminiModels},
		Unserved:   []llm.Operation{llm.OpenAIModels, llm.OpenAIEmbeddings, llm.AnthropicFiles, llm.AnthropicCountTokens},
	})
}

func TestNew(t *testing.T) {
	p, err := gemini.New(llm.Config{ID: "p"})
	require.NoError(t, err)
	require.NoError(t, p.Close())
	_, err = gemini.New(llm.Config{ID: "p", BaseURL: "ftp://x"})
	require.ErrorContains(t, err, "provider p: base_url")
}

func TestNative(t *testing.T) {
	p, err := gemini.New(llm.Config{ID: "p"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	for _, op := range []llm.Operation{llm.GeminiGenerate, llm.GeminiCountTokens, llm.GeminiEmbed, llm.GeminiBatchEmbed, llm.GeminiModels} {
		require.Equal(t, []llm.Operation{op}, p.Native(op, "gemini-3-pro"))
	}
	for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages} {
		require.Equal(t, []llm.Operation{llm.GeminiGenerate}, p.Native(op, "gemini-3-pro"))
	}
	require.Empty(t, p.Native(llm.OpenAIModels, "gemini-3-pro"))
}

// The key goes into its header and nowhere else; the rest of the query goes on.
func TestSend(t *testing.T) {
	var got *http.Request
	var body []byte
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "ok")
	})
	query := url.Values{"alt": {"sse"}, "key": {"callers"}}
	resp, err := p.Send(t.Context(), &llm.Call{
		Operation: llm.GeminiGenerate, Method: "POST", Path: "/v1beta/models/gemini-3-pro:streamGenerateContent", Query: query,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: llm.BytesBody([]byte(`{"contents":[]}`)), Credential: llm.Credential{APIKey: "secret"},
	})
	require.NoError(t, err)
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "ok", string(answer))
	require.Equal(t, http.StatusTeapot, resp.Status)
	require.Equal(t, "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse", got.URL.RequestURI())
	require.Equal(t, "secret", got.Header.Get("X-Goog-Api-Key"))
	require.Empty(t, got.Header.Get("Authorization"))
	require.Equal(t, `{"contents":[]}`, string(body))
	require.Equal(t, "callers", query.Get("key"), "the call is not changed")
}

func TestListModels(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/v1beta/models", r.URL.Path)
		require.Equal(t, "secret", r.Header.Get("X-Goog-Api-Key"))
		page := `{"models":[{"name":"models/gemini-3-pro","displayName":"Gemini 3 Pro"}],"nextPageToken":"2"}`
		if r.URL.Query().Get("pageToken") == "2" {
			page = `{"models":[{"name":"models/gemini-embedding-001"}]}`
		}
		_, _ = io.WriteString(w, page)
	})
	models, err := p.ListModels(t.Context(), llm.Credential{APIKey: "secret"})
	require.NoError(t, err)
	require.Equal(t, []llm.Model{
		{ID: "gemini-3-pro", DisplayName: "Gemini 3 Pro", OwnedBy: "google"},
		{ID: "gemini-embedding-001", OwnedBy: "google"},
	}, models)
}

// A list that turns in circles ends.
func TestListModelsEnds(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"nextPageToken":"again"}`) })
	_, err := p.ListModels(t.Context(), llm.Credential{})
	require.ErrorContains(t, err, "does not end")
}

// A model without a name is none, and there are not endlessly many.
func TestListModelsIsBounded(t *testing.T) {
	page := strings.Repeat(`{"name":"models/m"},`, 999) + `{"displayName":"nameless"},{"name":"models/last"}`
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		token, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
		_, _ = fmt.Fprintf(w, `{"models":[%s],"nextPageToken":"%d"}`, page, token+1)
	})
	_, err := p.ListModels(t.Context(), llm.Credential{})
	require.ErrorContains(t, err, "more than 10000")

	p = serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"models":[%s]}`, page) })
	models, err := p.ListModels(t.Context(), llm.Credential{})
	require.NoError(t, err)
	require.Len(t, models, 1000)
}

func TestCountTokens(t *testing.T) {
	answers := map[string]string{
		"/v1beta/models/less:countTokens": `{"totalTokens":-1}`,
		"/v1beta/models/m:countTokens":    `{"totalTokens":31,"cachedContentTokenCount":4}`,
		"/v1beta/models/none:countTokens": `{}`,
		"/v1beta/models/html:countTokens": `<html>`,
	}
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
			answer = `{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}`
		}
		_, _ = io.WriteString(w, answer)
	})
	call := func(model string) *llm.Call {
		return &llm.Call{Operation: llm.GeminiCountTokens, Method: "POST", Path: "/v1beta/models/" + model + ":countTokens", Body: llm.BytesBody([]byte(`{"contents":[]}`))}
	}
	n, err := p.CountTokens(t.Context(), call("m"))
	require.NoError(t, err)
	require.EqualValues(t, 31, n)

	for model, want := range map[string]string{"none": "has no totalTokens", "less": "has no totalTokens", "html": "is not JSON", "busy": "slow down"} {
		_, err = p.CountTokens(t.Context(), call(model))
		require.ErrorContains(t, err, want)
	}
	var e *llm.Error
	_, err = p.CountTokens(t.Context(), call("busy"))
	require.ErrorAs(t, err, &e)
	require.Equal(t, llm.CodeRateLimited, e.Code)
	require.Equal(t, 7*time.Second, e.RetryAfter)

	_, err = p.CountTokens(t.Context(), &llm.Call{Operation: llm.OpenAIInputTokens})
	require.ErrorContains(t, err, "openai.input_tokens")
}

// Google refuses a key with status 400, and says in the body alone when to come again.
func TestErrors(t *testing.T) {
	up := llmtest.NewUpstream(t)
	up.Key = "secret"
	p, err := gemini.New(llm.Config{ID: "p", BaseURL: up.URL})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	for _, key := range []string{"wrong", ""} {
		_, err = p.ListModels(t.Context(), llm.Credential{APIKey: key})
		require.Equal(t, llm.CodeUpstreamAuth, llm.AsError(err).Code, err)
	}
	up.Enqueue(llmtest.Fault{Status: 429, RetryAfter: "1500ms"})
	_, err = p.ListModels(t.Context(), llm.Credential{APIKey: "secret"})
	require.Equal(t, llm.CodeRateLimited, llm.AsError(err).Code)
	require.Equal(t, 1500*time.Millisecond, llm.AsError(err).RetryAfter)

	_, err = p.CountTokens(t.Context(), &llm.Call{
		Operation: llm.GeminiCountTokens, Method: "POST", Path: "/v1beta/models/" + llmtest.UnknownModel + ":countTokens",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: llm.BytesBody([]byte(`{"contents":[1]}`)), Credential: llm.Credential{APIKey: "secret"},
	})
	require.Equal(t, llm.CodeModelNotFound, llm.AsError(err).Code)
}
