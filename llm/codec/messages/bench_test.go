package messages

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// textStream is the data of a stream of 200 pieces of text, with their names.
func textStream() (names, data [][]byte) {
	add := func(name, d string) { names, data = append(names, []byte(name)), append(data, []byte(d)) }
	add("message_start", `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}`)
	add("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`)
	for i := range 200 {
		add("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"some words, piece `+strconv.Itoa(i)+`"}}`)
	}
	add("content_block_stop", `{"type":"content_block_stop","index":0}`)
	add("message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":400}}`)
	add("message_stop", `{"type":"message_stop"}`)
	return names, data
}

func BenchmarkDecodeStream(b *testing.B) {
	names, data := textStream()
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
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(data)), "ns/event")
}

func BenchmarkEncodeStream(b *testing.B) {
	names, data := textStream()
	var events []codec.Event
	d := Codec.NewStreamDecoder()
	for i := range data {
		var err error
		events, err = d.Decode(events, names[i], data[i])
		require.NoError(b, err)
	}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		s := Codec.NewStreamEncoder(&codec.Request{}, nil)
		for i := range events {
			var err error
			if out, err = s.Encode(out[:0], &events[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}
