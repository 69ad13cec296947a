package chat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

// An upstream's stream is decoded, and encoded again for a caller of the same
// protocol who asked for usage.
func TestStreams(t *testing.T) {
	each(t, "stream", func(t *testing.T, a *archive) {
		events, err := decodeStream(a.get("in"))
		message := ""
		if err != nil {
			message = err.Error()
		}
		require.NoError(t, codectest.Grammar(events, err == nil))
		a.result("error", message)
		a.result("events", dumpEvents(events))
		if err == nil {
			out, _ := encodeStream(events, &codec.Request{From: op, IncludeUsage: true}, nil)
			a.result("out", out)
		}
	})
}

// A stream and the complete answer that it makes say the same to the caller.
func TestStreamIsWhole(t *testing.T) {
	for name, c := range foreignAnswers {
		if len(c.r.Choices) != 1 || name == "refusal" || name == "legacy_caller" {
			continue
		}
		text, err := encodeStream(codec.Events(&c.r), &codec.Request{From: op, IncludeUsage: true}, nil)
		require.NoError(t, err)
		events, err := decodeStream(text)
		require.NoError(t, err)
		var all codec.Collector
		for i := range events {
			require.NoError(t, all.Add(&events[i]))
		}
		whole, err := Codec.EncodeResponse(&c.r, nil, nil)
		require.NoError(t, err)
		want, err := Codec.DecodeResponse(whole)
		require.NoError(t, err)
		got := all.Response()
		require.Equal(t, want.Usage.Total().N, got.Usage.Total().N) // unknown ones are 0 in a stream
		require.Equal(t, want.Choices[0].Finish, got.Choices[0].Finish)
		text1, text2 := "", ""
		for _, p := range want.Choices[0].Parts {
			if p.Kind == codec.Text {
				text1 += p.Text
			}
		}
		for _, p := range got.Choices[0].Parts {
			if p.Kind == codec.Text {
				text2 += p.Text
			}
		}
		require.Equal(t, text1, text2)
	}
}

func TestFail(t *testing.T) {
	e := Codec.NewStreamEncoder(nil, nil)
	out := e.Fail(nil, llm.Errorf(llm.CodeOverloaded, "busy"), "r")
	require.Equal(t, `data: {"error":{"message":"busy","type":"server_error","param":null,"code":"overloaded"}}`+"\n\n", string(out))
	out, err := e.Encode(nil, &codec.Event{Kind: codec.End})
	require.NoError(t, err)
	require.Empty(t, out)

	_, err = encodeStream([]codec.Event{{Kind: codec.Begin, Response: &codec.Response{}},
		{Kind: codec.FinishEvent, Finish: codec.Finish{Reason: codec.ReasonError, Raw: "MALFORMED_FUNCTION_CALL"}}}, nil, nil)
	require.ErrorContains(t, err, "MALFORMED_FUNCTION_CALL")
}

func TestNoUsageUnasked(t *testing.T) {
	out, err := encodeStream(codec.Events(&codec.Response{From: anthropic, ID: "a", Model: "m", Created: 1, Usage: llm.Usage{Input: llm.Known(1)},
		Choices: []codec.Choice{{Parts: []codec.Part{textPart("hi")}, Finish: codec.Finish{Reason: codec.ReasonStop}}}}), &codec.Request{From: op}, nil)
	require.NoError(t, err)
	const head = `data: {"id":"chatcmpl-a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":`
	require.Equal(t, head+`{"role":"assistant","content":""},"finish_reason":null}]}`+"\n\n"+
		head+`{"content":"hi"},"finish_reason":null}]}`+"\n\n"+
		head+`{},"finish_reason":"stop"}]}`+"\n\n"+
		"data: [DONE]\n\n", out)
}

// textStream is a stream of n chunks of text, as OpenAI sends it.
func textStream(n int) string {
	chunk := func(delta, finish string) string {
		return `data: {"id":"chatcmpl-CKq0aYb3","object":"chat.completion.chunk","created":1759400000,"model":"gpt-5.2-2026-08-01","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":` +
			delta + `,"logprobs":null,"finish_reason":` + finish + `}],"usage":null,"obfuscation":"aB3dE5"}` + "\n\n"
	}
	return chunk(`{"role":"assistant","content":"","refusal":null}`, "null") +
		strings.Repeat(chunk(`{"content":" some words"}`, "null"), n) +
		chunk(`{}`, `"stop"`) + "data: [DONE]\n\n"
}

func BenchmarkStreamDecode(b *testing.B) {
	var data [][]byte
	for text := []byte(textStream(200)); len(text) > 0; {
		n := sse.Next(text)
		data = append(data, sse.Parse(text[:n]).Data)
		text = text[n:]
	}
	b.ReportAllocs()
	var events []codec.Event
	for b.Loop() {
		d := Codec.NewStreamDecoder()
		for _, x := range data {
			var err error
			if events, err = d.Decode(events[:0], nil, x); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(data)), "ns/event")
}

func BenchmarkStreamEncode(b *testing.B) {
	events, err := decodeStream(textStream(200))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		e := Codec.NewStreamEncoder(&codec.Request{From: op}, nil)
		for i := range events {
			if out, err = e.Encode(out[:0], &events[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}

// A thought whose text its provider keeps to itself is not a redacted one, which has
// another form on the way back.
func TestThoughtWithoutText(t *testing.T) {
	p := thoughtPart("", anthropic, "sig")
	p.Thought.Redacted = false
	r := &codec.Response{From: anthropic, Choices: []codec.Choice{{Parts: []codec.Part{p, textPart("hi")}, Finish: codec.Finish{Reason: codec.ReasonStop}}}}
	out, err := encodeStream(codec.Events(r), nil, nil)
	require.NoError(t, err)
	const block = `"thinking_blocks":[{"type":"thinking","thinking":"","signature":"agw-sig1.anthropic.messages.c2ln"}]`
	require.Contains(t, out, block)
	whole, err := Codec.EncodeResponse(r, nil, nil)
	require.NoError(t, err)
	require.Contains(t, string(whole), block)
}
