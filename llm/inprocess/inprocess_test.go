package inprocess_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/inprocess"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parrot says what it was told last.
func parrot(_ context.Context, r *codec.Request, emit func(codec.Event) error) error {
	last := ""
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			last = p.Text
		}
	}
	return inprocess.Text(emit, r.Model, last, llm.Usage{Input: llm.Known(3), Output: llm.Known(2), Final: true})
}

func TestConformance(t *testing.T) {
	llmtest.RunProvider(t, func(*testing.T, string) llm.Provider { return inprocess.New(parrot) }, llmtest.ProviderOptions{
		Operations: []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages},
		Unserved:   []llm.Operation{llm.OpenAIEmbeddings, llm.AnthropicCountTokens},
		InProcess:  true,
	})
}

func call(op llm.Operation, body string, stream bool) *llm.Call {
	return &llm.Call{Operation: op, Method: "POST", Model: "m", Stream: stream, Body: llm.BytesBody([]byte(body))}
}

const hello = `{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":9}`

func send(t *testing.T, g inprocess.Generator, c *llm.Call) (int, string) {
	t.Helper()
	resp, err := inprocess.New(g).Send(t.Context(), c)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Status, string(b)
}

func TestAnswers(t *testing.T) {
	status, body := send(t, parrot, call(llm.OpenAIChat, hello, false))
	require.Equal(t, 200, status)
	require.Equal(t, "hello", gjson.Get(body, "choices.0.message.content").Str)
	require.EqualValues(t, 5, gjson.Get(body, "usage.total_tokens").Int())

	_, body = send(t, parrot, call(llm.AnthropicMessages, hello, true))
	require.Contains(t, body, `"text":"hello"`)
	require.True(t, strings.HasSuffix(body, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"), body)

	_, body = send(t, parrot, call(llm.GeminiGenerate, `{"contents":[{"parts":[{"text":"hello"}]}]}`, false))
	require.Equal(t, "hello", gjson.Get(body, "candidates.0.content.parts.0.text").Str)
}

// A refusal is an answer with the error's status; a failure in the middle of a stream
// is its last event.
func TestErrors(t *testing.T) {
	refuse := func(context.Context, *codec.Request, func(codec.Event) error) error {
		return llm.Errorf(llm.CodeOverloaded, "busy")
	}
	for _, stream := range []bool{false, true} {
		status, body := send(t, refuse, call(llm.AnthropicMessages, hello, stream))
		require.Equal(t, 529, status)
		require.Equal(t, "busy", gjson.Get(body, "error.message").Str)
	}
	breaks := func(ctx context.Context, r *codec.Request, emit func(codec.Event) error) error {
		if err := emit(codec.Event{Kind: codec.Begin, Response: &codec.Response{ID: "1", Model: r.Model}}); err != nil {
			return err
		}
		return llm.Errorf(llm.CodeUpstream, "out of memory")
	}
	status, body := send(t, breaks, call(llm.OpenAIChat, hello, true))
	require.Equal(t, 200, status)
	require.Contains(t, body, "out of memory")
	require.NotContains(t, body, "[DONE]")
	status, _ = send(t, breaks, call(llm.OpenAIChat, hello, false))
	require.Equal(t, 502, status)
	status, body = send(t, parrot, call(llm.OpenAIChat, `{"messages":7}`, false))
	require.Equal(t, 400, status)
	require.Equal(t, "messages", gjson.Get(body, "error.param").Str)
}

// A stream whose reader leaves ends its generator.
func TestReaderLeaves(t *testing.T) {
	ended := make(chan error, 1)
	endless := func(_ context.Context, r *codec.Request, emit func(codec.Event) error) (err error) {
		defer func() { ended <- err }()
		err = emit(codec.Event{Kind: codec.Begin, Response: &codec.Response{ID: "1", Model: r.Model}})
		if err == nil {
			err = emit(codec.Event{Kind: codec.PartStart, Part: &codec.Part{Kind: codec.Text}})
		}
		for err == nil {
			err = emit(codec.Event{Kind: codec.PartDelta, Delta: "more "})
		}
		return err
	}
	resp, err := inprocess.New(endless).Send(t.Context(), call(llm.OpenAIChat, hello, true))
	require.NoError(t, err)
	_, err = io.ReadFull(resp.Body, make([]byte, 100))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Error(t, <-ended)

	ctx, cancel := context.WithCancel(t.Context())
	resp, err = inprocess.New(endless).Send(ctx, call(llm.OpenAIChat, hello, true))
	require.NoError(t, err)
	cancel()
	_, err = io.ReadAll(resp.Body)
	require.Error(t, err)
	require.NoError(t, resp.Body.Close())
	require.Error(t, <-ended)
}
