package llmtest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/agent-gateway/agent-gateway/llm"
)

// relay is the least provider that keeps every promise, unless mutant names one
// that it breaks.
type relay struct {
	base      string
	keyHeader string // where the key goes; empty for where the protocol wants it
	client    *http.Client
	mutant    string
}

func newRelay(base, mutant string) *relay {
	r := &relay{base: base, mutant: mutant, client: &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if mutant == "Redirect" {
		r.client.CheckRedirect = nil
	}
	return r
}

func (r *relay) Native(op llm.Operation, _ string) []llm.Operation {
	if r.mutant == "Native" || slices.Contains(everything, op) {
		return []llm.Operation{op}
	}
	return nil
}

func (r *relay) Close() error {
	if r.mutant != "Goroutines" {
		r.client.CloseIdleConnections()
	}
	return nil
}

func (r *relay) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	if r.mutant == "CancelBeforeResponse" || r.mutant == "CanceledContext" {
		ctx = context.WithoutCancel(ctx)
	}
	base := r.base
	if call.Credential.BaseURL != "" {
		base = call.Credential.BaseURL
	}
	var body io.Reader
	if call.Body != nil {
		rc, err := call.Body.Open()
		if err != nil {
			return nil, err
		}
		body = rc
		if r.mutant == "EarlyResponse" {
			b, _ := io.ReadAll(rc)
			_ = rc.Close()
			body = bytes.NewReader(b)
		}
		if r.mutant == "RequestBody" {
			body = struct{ io.Reader }{rc}
		}
		if r.mutant == "InMemoryBody" {
			if m, ok := call.Body.(llm.InMemory); ok {
				b, done := m.Bytes()
				body = bytes.NewReader(b)
				done()
			}
		}
	}
	path := strings.TrimPrefix(call.Path, "/v1") // the base has it; "beta" stays
	if r.mutant == "Request" {
		path, _ = url.PathUnescape(path)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, base+path, body)
	if err != nil {
		return nil, err
	}
	if call.Body != nil {
		req.ContentLength = call.Body.Len()
	}
	query := maps.Clone(call.Query)
	if call.Operation.Protocol() == "gemini" && r.mutant != "KeyInQuery" {
		query.Del("key")
	}
	req.URL.RawQuery = query.Encode()
	req.Header = call.Header.Clone()
	if r.mutant == "CallIsNotChanged" {
		req.Header = call.Header
	}
	if r.mutant != "Encoding" {
		req.Header.Set("Accept-Encoding", "identity")
	}
	switch {
	case r.keyHeader != "":
		req.Header.Set(r.keyHeader, call.Credential.APIKey)
	case call.Operation.Protocol() == "gemini":
		req.Header.Set("X-Goog-Api-Key", call.Credential.APIKey)
	case call.Operation.Protocol() == "openai":
		req.Header.Set("Authorization", "Bearer "+call.Credential.APIKey)
	case r.mutant == "Credential":
		req.Header.Add("X-Api-Key", call.Credential.APIKey)
	default:
		req.Header.Set("X-Api-Key", call.Credential.APIKey)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		if r.mutant == "NoResponse" {
			return nil, err
		}
		return nil, &llm.Error{Code: llm.CodeUpstream, Message: "no answer", Cause: err}
	}
	return r.response(resp)
}

func (r *relay) response(resp *http.Response) (*llm.Response, error) {
	out := &llm.Response{Status: resp.StatusCode, Header: resp.Header, Body: resp.Body, ContentLength: resp.ContentLength}
	switch r.mutant {
	case "Encoding":
		out.Header.Del("Content-Encoding")
	case "Response":
		out.Header.Del("X-Own")
	case "Statuses":
		if resp.StatusCode >= 500 {
			return nil, llm.Errorf(llm.CodeUpstream, "the upstream failed")
		}
	case "Unbuffered", "BrokenResponse", "CancelInResponse", "CloseInResponse":
		out.Body = &swallowing{ReadCloser: resp.Body, mutant: r.mutant}
	}
	return out, nil
}

// swallowing is a body that keeps bad news to itself.
type swallowing struct {
	io.ReadCloser
	mutant string
	ahead  *bufio.Reader
}

func (s *swallowing) Read(p []byte) (n int, err error) {
	if s.mutant == "Unbuffered" {
		if s.ahead == nil {
			s.ahead = bufio.NewReaderSize(s.ReadCloser, 64)
		}
		_, _ = s.ahead.Peek(20)
		return s.ahead.Read(p)
	}
	if n, err = s.ReadCloser.Read(p); err != nil && s.mutant != "CloseInResponse" {
		err = io.EOF
	}
	return n, err
}

func (s *swallowing) Close() error {
	if s.mutant == "CloseInResponse" {
		return nil
	}
	return s.ReadCloser.Close()
}

var everything = []llm.Operation{
	llm.OpenAIChat, llm.OpenAIResponses, llm.OpenAIResponse, llm.OpenAIInputTokens, llm.OpenAIEmbeddings,
	llm.OpenAICompletions, llm.OpenAIModerations, llm.OpenAIImages, llm.OpenAIAudio, llm.OpenAIFiles,
	llm.OpenAIBatches, llm.OpenAIRerank, llm.OpenAIModels,
	llm.AnthropicMessages, llm.AnthropicCountTokens, llm.AnthropicModels, llm.AnthropicBatches, llm.AnthropicFiles,
	llm.GeminiGenerate, llm.GeminiCountTokens, llm.GeminiEmbed, llm.GeminiBatchEmbed, llm.GeminiModels,
}

// TestProvider runs the suite over a provider that keeps all promises; in a
// child of TestMutants, over one that breaks one.
func TestProvider(t *testing.T) {
	name := mutant()
	RunProvider(t, func(t *testing.T, baseURL string) llm.Provider {
		return newRelay(baseURL, name)
	}, ProviderOptions{Operations: everything, Unserved: []llm.Operation{"gemini.files"}, BasePath: "/v1"})
}

// canned is a provider without an upstream.
type canned struct{}

func (canned) Native(op llm.Operation, _ string) []llm.Operation {
	if op != llm.OpenAIChat {
		return nil
	}
	return []llm.Operation{op}
}

func (canned) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if call.Stream {
		resp := llm.JSONResponse(200, []byte("data: {}\n\ndata: [DONE]\n\n"))
		resp.Header.Set("Content-Type", "text/event-stream")
		return resp, nil
	}
	return llm.JSONResponse(200, []byte(`{}`)), nil
}

func (canned) ListModels(context.Context, llm.Credential) ([]llm.Model, error) {
	return []llm.Model{{ID: "canned"}}, nil
}

func TestInProcess(t *testing.T) {
	RunProvider(t, func(*testing.T, string) llm.Provider { return canned{} },
		ProviderOptions{Operations: []llm.Operation{llm.OpenAIChat}, InProcess: true})
}
