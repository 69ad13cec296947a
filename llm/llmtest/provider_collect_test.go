package llmtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

// collector is the least provider that needs the options of paths, keys and bodies of its
// own, and keeps every promise, unless mutant names one that it breaks.
type collector struct{ *relay }

func newCollector(origin, mutant string) collector {
	c := collector{newRelay(origin+"/fake/v1", mutant)}
	c.keyHeader = "X-Fake-Key"
	switch mutant {
	case "PathPrefix":
		c.base = origin + "/v1"
	case "KeyHeader":
		c.keyHeader = ""
	}
	return c
}

// asStream makes a request for Responses one for a stream.
func asStream(op llm.Operation, body []byte) []byte {
	if op != llm.OpenAIResponses || gjson.GetBytes(body, "stream").Exists() {
		return body
	}
	start := bytes.IndexByte(body, '{') + 1
	return bytes.Join([][]byte{body[:start], body[start:]}, []byte(`"stream":true,`))
}

func (c collector) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	sent := *call
	if sent.Credential.BaseURL != "" {
		sent.Credential.BaseURL += "/fake/v1"
	}
	if m, ok := call.Body.(llm.InMemory); ok && c.mutant != "SentBody" {
		b, done := m.Bytes()
		sent.Body = llm.BytesBody(asStream(call.Operation, bytes.Clone(b)))
		if done != nil {
			done()
		}
	}
	if c.mutant == "TwoKeys" {
		sent.Header = call.Header.Clone()
		sent.Header.Set("Authorization", "Bearer "+call.Credential.APIKey)
	}
	if c.mutant == "CancelCollecting" && !call.Stream {
		ctx = context.WithoutCancel(ctx)
	}
	resp, err := c.relay.Send(ctx, &sent)
	if err != nil || call.Stream || resp.Status != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp, err
	}
	defer func() { _ = resp.Body.Close() }()
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" { // though identity was asked for
		if body, err = gzip.NewReader(body); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(body)
	for event := range strings.SplitSeq(string(b), "\n\n") {
		_, data, _ := strings.Cut(event, "data: ")
		whole := gjson.Get(data, "type").Str == "response.completed"
		if whole || c.mutant == "CollectedError" && gjson.Get(data, "type").Str == "error" {
			return llm.JSONResponse(200, []byte(gjson.Get(data, "response").Raw)), nil
		}
	}
	if c.mutant == "Collecting" {
		return llm.JSONResponse(200, []byte("{}")), nil
	}
	return nil, &llm.Error{Code: llm.CodeUpstream, Message: "no whole answer", Cause: err}
}

// TestCollector is as TestProvider.
func TestCollector(t *testing.T) {
	name := mutant()
	RunProvider(t, func(t *testing.T, baseURL string) llm.Provider {
		return newCollector(baseURL, name)
	}, ProviderOptions{
		Operations: []llm.Operation{llm.OpenAIResponses, llm.OpenAIModels}, PathPrefix: "/fake", KeyHeader: "X-Fake-Key",
		SentBody: asStream, Collects: true,
	})
}
