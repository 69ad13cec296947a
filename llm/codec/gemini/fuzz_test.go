package gemini

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// seeds adds the inputs of the golden files.
func seeds(f *testing.F, folder string) {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	require.NoError(f, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(txtar.Parse(b).Files[0].Data))
	}
}

// What is decoded, encoded and decoded again is what it was.
func FuzzRequest(f *testing.F) {
	seeds(f, "requests")
	f.Add(`{"contents":[{"parts":[{"text":"a"},{"functionResponse":{"name":"f"}},{"functionCall":{"name":"f"}}],"x":1},{"role":"model"}]}`)
	f.Add(`{"systemInstruction":"x","contents":{"parts":{"functionResponse":{"id":"1","name":"f","parts":{"fileData":{"fileUri":"u"}}}}},"generationConfig.a":1}`)
	f.Fuzz(func(t *testing.T, body string) {
		if !gjson.Valid(body) || !utf8.ValidString(body) {
			return
		}
		r, err := Codec.DecodeRequest([]byte(body), "m", false)
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

// The events of whatever comes follow the grammar, and become chunks that can be read.
func FuzzStream(f *testing.F) {
	seeds(f, "streams")
	f.Fuzz(func(t *testing.T, text string) {
		events, err := decodeStream(text)
		require.NoError(t, grammar(events, err == nil))
		var lost codec.Losses
		for _, from := range []llm.Operation{op, llm.OpenAIChat} {
			for i := range events {
				if events[i].Response != nil {
					events[i].Response.From = from
				}
			}
			again, broken := decodeStream(encodeStream(t, events, &lost))
			if err == nil {
				require.NoError(t, broken)
			}
			require.NoError(t, grammar(again, broken == nil))
		}
	})
}

func FuzzResponse(f *testing.F) {
	seeds(f, "responses")
	f.Fuzz(func(t *testing.T, body string) {
		if !gjson.Valid(body) || !utf8.ValidString(body) {
			return
		}
		r, err := Codec.DecodeResponse([]byte(body))
		if err != nil {
			return
		}
		out, err := Codec.EncodeResponse(r, nil, nil)
		require.NoError(t, err)
		require.True(t, gjson.ValidBytes(out), "%s", out)
	})
}
