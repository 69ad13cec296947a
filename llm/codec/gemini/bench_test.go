package gemini

import (
	"fmt"
	"testing"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

const benchChunks = 200

func BenchmarkDecodeStream(b *testing.B) {
	chunks := make([][]byte, benchChunks)
	for i := range chunks {
		end := ""
		if i == benchChunks-1 {
			end = `"finishReason":"STOP",`
		}
		chunks[i] = fmt.Appendf(nil, `{"candidates":[{"content":{"parts":[{"text":" some words of an answer"}],"role":"model"},%s"index":0}],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":%d,"totalTokenCount":%d,"promptTokensDetails":[{"modality":"TEXT","tokenCount":100}]},"modelVersion":"gemini-3-pro","responseId":"abcdefgh"}`, end, i*5, 100+i*5)
	}
	b.ReportAllocs()
	var out []codec.Event
	for b.Loop() {
		d := Codec.NewStreamDecoder()
		for _, c := range chunks {
			var err error
			if out, err = d.Decode(out[:0], nil, c); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := d.Close(out[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchChunks, "ns/event")
}

func BenchmarkEncodeStream(b *testing.B) {
	begin := codec.Event{Kind: codec.Begin, Response: &codec.Response{From: llm.OpenAIChat, ID: "chatcmpl-1", Model: "m"}}
	start := codec.Event{Kind: codec.PartStart, Part: &codec.Part{}}
	delta := codec.Event{Kind: codec.PartDelta, Delta: " some words of an answer"}
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		e := Codec.NewStreamEncoder(nil, nil)
		dst, _ = e.Encode(dst[:0], &begin)
		dst, _ = e.Encode(dst, &start)
		for range benchChunks {
			dst, _ = e.Encode(dst[:0], &delta)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchChunks, "ns/event")
}
