package messages

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/sse"
)

// checkStream holds a stream to Anthropic's grammar.
func checkStream(t testing.TB, text []byte) {
	t.Helper()
	begun, open, delta, over, index := false, false, false, false, int64(0)
	for len(text) > 0 {
		n := sse.Next(text)
		require.NotZero(t, n, "the stream ends within an event: %q", text)
		e := sse.Parse(text[:n])
		text = text[n:]
		require.True(t, json.Valid(e.Data), "%s", e.Data)
		v := gjson.ParseBytes(e.Data)
		kind := v.Get("type").Str
		require.Equal(t, kind, string(e.Name))
		require.False(t, over, "%s behind the end", kind)
		if kind == "error" {
			over = true
			continue
		}
		if kind == "ping" {
			continue
		}
		require.Equal(t, !begun, kind == "message_start", kind)
		begun = true
		switch kind {
		case "message_start":
			require.NotEmpty(t, v.Get("message.id").Str)
			require.Equal(t, "[]", v.Get("message.content").Raw)
			require.True(t, v.Get("message.usage.input_tokens").Exists())
		case "content_block_start":
			require.False(t, open || delta)
			require.Equal(t, index, v.Get("index").Int())
			require.NotEmpty(t, v.Get("content_block.type").Str)
			open = true
		case "content_block_delta", "content_block_stop":
			require.True(t, open)
			require.Equal(t, index, v.Get("index").Int())
			if kind == "content_block_stop" {
				open = false
				index++
			}
		case "message_delta":
			require.False(t, open || delta)
			require.NotEmpty(t, v.Get("delta.stop_reason").Str)
			require.True(t, v.Get("usage.output_tokens").Exists())
			delta = true
		case "message_stop":
			require.True(t, delta)
			over = true
		default:
			t.Fatalf("an event of the kind %q", kind)
		}
	}
}
