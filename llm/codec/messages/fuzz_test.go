package messages

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

var suite = codectest.Suite{
	Codec:    Codec,
	Caller:   &codec.Request{Model: "asked-for"},
	Response: canonical,
	Stream:   canonical,
	Written:  checkStream,
}

// What was decoded and encoded once stays what it is: only what the encoder joins
// or must leave out differs the first time.
func FuzzRequest(f *testing.F) {
	codectest.Seeds(f, "testdata/*/*.txtar", "request.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := jsonscan.Object(body, nil, nil); err != nil || !json.Valid(body) {
			return // the gateway refuses it before
		}
		first, err := Codec.DecodeRequest(body, "", false)
		if err != nil {
			return
		}
		target := codec.Target{Model: first.Model}
		once, err := Codec.EncodeRequest(first, target, nil)
		if err != nil {
			return
		}
		require.True(t, json.Valid(once), "%s", once)
		second, err := Codec.DecodeRequest(once, "", false)
		require.NoError(t, err, "%s", once)
		again, err := Codec.EncodeRequest(second, target, nil)
		require.NoError(t, err)
		require.Equal(t, string(once), string(again))
		third, err := Codec.DecodeRequest(again, "", false)
		require.NoError(t, err)
		require.Equal(t, dump(second), dump(third))

		foreign := *first // the same, as if it were another protocol's
		foreign.From = "openai.chat"
		if out, err := Codec.EncodeRequest(&foreign, target, &codec.Losses{}); err == nil {
			require.True(t, json.Valid(out), "%s", out)
		}
	})
}

// What was read of an answer, a stream or an error can be written, and is the same when
// it is read again; see [codectest.Suite].

func FuzzResponse(f *testing.F) {
	suite.Answers(f, "testdata/*/*.txtar", "response.json", "again.json")
}

func FuzzStream(f *testing.F) {
	suite.Streams(f, "testdata/*/*.txtar", "stream.sse", "again.sse")
}

func FuzzError(f *testing.F) {
	suite.Errors(f)
}

func FuzzSchema(f *testing.F) {
	f.Add(`{"$ref":"#/$defs/a","$defs":{"a":{"oneOf":[{"type":["object","null"],"properties":{"b":{"enum":[1]}}}]}}}`)
	f.Fuzz(func(t *testing.T, schema string) {
		if !json.Valid([]byte(schema)) {
			return
		}
		if out, _, err := sanitise(schema); err == nil {
			require.True(t, json.Valid(out), "%s", out)
		}
	})
}
