package responses

import (
	"fmt"
	"strings"
	"testing"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

const chunks = 200

// chunkedAnswer is a streamed text of 200 chunks.
func chunkedAnswer() []codec.Event {
	events := []codec.Event{
		{Kind: codec.Begin, Response: &codec.Response{From: llm.AnthropicMessages, ID: "msg_1", Model: "m", Created: 1}},
		{Kind: codec.PartStart, Part: &codec.Part{Kind: codec.Text}},
	}
	for i := range chunks {
		events = append(events, codec.Event{Kind: codec.PartDelta, Delta: fmt.Sprintf(" chunk %d of text", i)})
	}
	return append(events, codec.Event{Kind: codec.PartStop}, codec.Event{Kind: codec.FinishEvent, Finish: codec.Finish{Reason: codec.ReasonStop}},
		codec.Event{Kind: codec.End, Response: &codec.Response{Usage: llm.Usage{Input: llm.Known(10), Output: llm.Known(200), Final: true}}})
}

func BenchmarkStreamEncode(b *testing.B) {
	events, req := chunkedAnswer(), caller(true)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		e := Codec.NewStreamEncoder(req, nil)
		for i := range events {
			out, _ = e.Encode(out[:0], &events[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunks, "ns/chunk")
}

func BenchmarkStreamDecode(b *testing.B) {
	text := encodeAll(b, chunkedAnswer(), caller(true))
	var names, data [][]byte
	for _, part := range strings.SplitAfter(text, "\n\n") {
		if e := sse.Parse([]byte(part)); e.HasData {
			names, data = append(names, e.Name), append(data, e.Data)
		}
	}
	var out []codec.Event
	b.ReportAllocs()
	for b.Loop() {
		d := Codec.NewStreamDecoder()
		for i := range data {
			var err error
			if out, err = d.Decode(out[:0], names[i], data[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/chunks, "ns/chunk")
}

func BenchmarkRequest(b *testing.B) {
	body := []byte(`{"input":[` + strings.Repeat(`{"type":"message","role":"user","content":[{"type":"input_text","text":"`+strings.Repeat("some words ", 100)+`"}]},
		{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"},{"type":"function_call_output","call_id":"c","output":"done"},`, 30) + `{"role":"user","content":"x"}]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := Codec.DecodeRequest(body, "", false)
		if err != nil {
			b.Fatal(err)
		}
		if _, err = Codec.EncodeRequest(r, codec.Target{Model: "m"}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
