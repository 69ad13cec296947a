package responses

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// seeds are the inputs of the golden files.
func seeds(f *testing.F, folder string) {
	names, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	require.NoError(f, err)
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		require.NoError(f, err)
		f.Add(a.Files[0].Data)
	}
}

// What was read, written and read again is the same, and nothing is reported lost
// but the thoughts of others.
func FuzzRequest(f *testing.F) {
	seeds(f, "request")
	for _, s := range []string{
		`{"input":[{"type":"message","role":"assistant","content":[]},{"type":"reasoning","summary":[]},{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]}`,
		`{"input":[{"type":"reasoning","encrypted_content":"agw-sig1.gemini.generate.cw"},{"type":"function_call","call_id":"c","name":"f"}]}`,
		`{"input":[{"type":"input_x"},{"type":"y"}],"user":"u","tools":[{"type":"namespace","name":"n"}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) || !utf8.Valid(body) {
			return
		}
		r, err := Codec.DecodeRequest(body, "", false)
		if err != nil {
			return
		}
		var lost codec.Losses
		b, err := Codec.EncodeRequest(r, codec.Target{Model: r.Model}, &lost)
		require.NoError(t, err)
		require.True(t, json.Valid(b), "%s", b)
		r2, err := Codec.DecodeRequest(b, "", false)
		require.NoError(t, err, "%s", b)
		if len(lost.Fields()) > 0 {
			require.Equal(t, []string{"thinking"}, lost.Fields())
			return
		}
		require.Equal(t, r, r2, "%s", b)
	})
}

// Whatever an upstream streams, the events keep to the grammar, and so does what is
// written of them.
func FuzzStream(f *testing.F) {
	seeds(f, "stream")
	f.Fuzz(func(t *testing.T, text []byte) {
		events, _ := decodeAll(string(text))
		checkEvents(t, events)
		for i := range events {
			if e := &events[i]; e.Part != nil && e.Part.Kind == codec.Opaque {
				return // it has an id of its own, which may be anything
			} else if e.Response != nil {
				e.Response.From = llm.OpenAIChat // so that ids are made
			}
		}
		if out := encodeAll(t, events, caller(true)); len(events) > 0 {
			sseEvents(t, out)
		}
	})
}

// FuzzResponse holds that what was read of an answer can be written, and read again as
// an answer.
func FuzzResponse(f *testing.F) {
	seeds(f, "response")
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) || !utf8.Valid(body) {
			return
		}
		r, err := Codec.DecodeResponse(body)
		if err != nil {
			return
		}
		out, err := Codec.EncodeResponse(r, caller(false), nil)
		require.NoError(t, err)
		require.True(t, json.Valid(out), "%s", out)
		_, err = Codec.DecodeResponse(out)
		require.NoError(t, err, "%s", out)
	})
}
