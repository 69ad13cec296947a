package responses

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

var suite = codectest.Suite{
	Codec:    Codec,
	Caller:   caller(true),
	Response: canonical,
	Stream:   streamed,
	Failure:  failed,
	Written:  func(t testing.TB, text []byte) { sseEvents(t, string(text), false) },
}

// What was read, written and read again is the same, and nothing is reported lost
// but the thoughts of others.
func FuzzRequest(f *testing.F) {
	codectest.Seeds(f, "testdata/request/*.txtar", "request")
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
		codectest.Same(t, r, r2)
	})
}

// What was read of an answer, a stream or an error can be written, and is the same when
// it is read again; see [codectest.Suite].

func FuzzResponse(f *testing.F) {
	suite.Answers(f, "testdata/*response/*.txtar", "response", "again")
}

func FuzzStream(f *testing.F) {
	suite.Streams(f, "testdata/*stream/*.txtar", "stream", "again")
}

func FuzzError(f *testing.F) {
	suite.Errors(f)
}
