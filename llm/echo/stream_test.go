package echo

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

func chatStreamOf(t *testing.T, ctx context.Context, text string) io.ReadCloser {
	t.Helper()
	resp, err := fixed().Send(ctx, &llm.Call{
		Operation: llm.OpenAIChat, Stream: true,
		Body: llm.BytesBody([]byte(`{"stream":true,"messages":[{"role":"user","content":` + string(encode(text)) + `}]}`)),
	})
	require.NoError(t, err)
	return resp.Body
}

// deltas are the texts of a chat stream's chunks that bring one.
func deltas(t *testing.T, r io.Reader) []string {
	t.Helper()
	var texts []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		data, _ := strings.CutPrefix(lines.Text(), "data: ")
		if s := gjson.Get(data, "choices.0.delta.content").Str; s != "" {
			texts = append(texts, s)
		}
	}
	require.NoError(t, lines.Err())
	return texts
}

func TestDeltas(t *testing.T) {
	for text, want := range map[string][]string{
		"":                    nil,
		" ":                   {" "},
		"one":                 {"one"},
		" one  two\nthree \n": {" one", "  two", "\nthree \n"},
		"日本語 текст\u00a0é👩‍👩‍👧": {"日本語", " текст", "\u00a0é👩‍👩‍👧"},
	} {
		got := deltas(t, chatStreamOf(t, t.Context(), text))
		require.Equal(t, want, got)
		require.Equal(t, text, strings.Join(got, ""))
	}
	require.Len(t, deltas(t, chatStreamOf(t, t.Context(), "[[echo:chunks=200]]")), 200)
}

func TestFragmentsKeepCharactersWhole(t *testing.T) {
	text := strings.Repeat(`{"é":"日"}`, 5)
	for rest := text; rest != ""; {
		n := fragment(rest)
		require.Positive(t, n)
		require.True(t, strings.ToValidUTF8(rest[:n], "") == rest[:n])
		rest = rest[n:]
	}
}

func TestSmallReads(t *testing.T) {
	whole, err := io.ReadAll(chatStreamOf(t, t.Context(), "one two"))
	require.NoError(t, err)
	var slow strings.Builder
	buf := make([]byte, 3)
	for body := chatStreamOf(t, t.Context(), "one two"); ; {
		n, err := body.Read(buf)
		slow.Write(buf[:n])
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.Equal(t, string(whole), slow.String())
}

func TestDelayIsBetweenDeltas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		body := chatStreamOf(t, t.Context(), "[[echo:delay=20ms]] one two three")
		require.Equal(t, []string{"one", " two", " three"}, deltas(t, body))
		require.Equal(t, 40*time.Millisecond, time.Since(start))
	})
}

func TestDelayOfAWholeAnswer(t *testing.T) {
	const body = `{"messages":[{"role":"user","content":"[[echo:delay=20ms]] one two"}]}`
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, got := ask(t, llm.OpenAIChat, body)
		require.Equal(t, "one two", got.Get("choices.0.message.content").Str)
		require.Equal(t, 20*time.Millisecond, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := fixed().Send(ctx, &llm.Call{Operation: llm.OpenAIChat, Body: llm.BytesBody([]byte(body))})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestCancelEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		got, err := io.ReadAll(chatStreamOf(t, ctx, "[[echo:delay=1s]] one two three"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Contains(t, string(got), " two")
		require.NotContains(t, string(got), "three")
		require.NotContains(t, string(got), "[DONE]")
	})
}

func TestCancelledBeforeSend(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := fixed().Send(ctx, &llm.Call{Operation: llm.OpenAIChat})
	require.ErrorIs(t, err, context.Canceled)
	_, err = fixed().CountTokens(ctx, &llm.Call{Operation: llm.AnthropicCountTokens})
	require.ErrorIs(t, err, context.Canceled)
	_, err = fixed().ListModels(ctx, llm.Credential{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestCloseWakesAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := chatStreamOf(t, t.Context(), "[[echo:delay=1s]] one two")
		start := time.Now()
		var failure error
		go func() { _, failure = io.ReadAll(body) }()
		synctest.Wait()
		require.NoError(t, body.Close())
		require.NoError(t, body.Close())
		synctest.Wait()
		require.ErrorIs(t, failure, errClosed)
		require.Zero(t, time.Since(start))
		_, err := body.Read(make([]byte, 1))
		require.ErrorIs(t, err, errClosed)
	})
}

func TestConcurrentCalls(t *testing.T) {
	p := fixed()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			resp, err := p.Send(t.Context(), &llm.Call{
				Operation: llm.OpenAIResponses, Body: llm.BytesBody([]byte(`{"stream":true,"input":"one two"}`)),
			})
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(b), "response.completed") {
				t.Errorf("%v: %s", err, b)
			}
		})
	}
	wg.Wait()
}
