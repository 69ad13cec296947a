package gemini

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

var suite = codectest.Suite{Codec: Codec, Caller: &codec.Request{}, Response: canonical, Stream: canonical}

// What is decoded, encoded and decoded again is what it was.
func FuzzRequest(f *testing.F) {
	codectest.Seeds(f, "testdata/requests/*.txtar", "in.json")
	f.Add([]byte(`{"contents":[{"parts":[{"text":"a"},{"functionResponse":{"name":"f"}},{"functionCall":{"name":"f"}}],"x":1},{"role":"model"}]}`))
	f.Add([]byte(`{"systemInstruction":"x","contents":{"parts":{"functionResponse":{"id":"1","name":"f","parts":{"fileData":{"fileUri":"u"}}}}},"generationConfig.a":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !gjson.ValidBytes(body) || !utf8.Valid(body) {
			return
		}
		r, err := Codec.DecodeRequest(body, "m", false)
		if err != nil {
			return
		}
		var lost codec.Losses
		out, err := Codec.EncodeRequest(r, codec.Target{Model: "m"}, &lost)
		if err != nil || len(lost.Fields()) > 0 {
			return
		}
		require.True(t, gjson.ValidBytes(out), "%s", out)
		again, err := Codec.DecodeRequest(out, "m", false)
		require.NoError(t, err, "%s", out)
		require.Equal(t, dump(r), dump(again), "%s", out)

		r.From = llm.OpenAIChat // as one of another protocol
		if out, err = Codec.EncodeRequest(r, codec.Target{Caps: llm.Capabilities{ThinkingLevel: true}}, &lost); err == nil {
			require.True(t, gjson.ValidBytes(out), "%s", out)
		}
	})
}

// What was read of an answer, a stream or an error can be written, and is the same when
// it is read again; see [codectest.Suite].

func FuzzResponse(f *testing.F) {
	suite.Answers(f, "testdata/*responses/*.txtar", "in.json", "out.json")
}

func FuzzStream(f *testing.F) {
	suite.Streams(f, "testdata/streams/*.txtar", "in.sse", "out.sse")
}

func FuzzError(f *testing.F) {
	suite.Errors(f)
}
