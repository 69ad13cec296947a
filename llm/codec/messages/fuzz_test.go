package messages

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// seeds are the files of that name in the golden archives.
func seeds(f *testing.F, name string) {
	paths, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(f, err)
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		require.NoError(f, err)
		for _, file := range a.Files {
			if file.Name == name {
				f.Add([]byte(strings.TrimSpace(string(file.Data)) + "\n\n"))
			}
		}
	}
}

// What was decoded and encoded once stays what it is: only what the encoder joins
// or must leave out differs the first time.
func FuzzRequest(f *testing.F) {
	seeds(f, "request.json")
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

func FuzzStream(f *testing.F) {
	seeds(f, "stream.sse")
	f.Fuzz(func(t *testing.T, text []byte) {
		events, _ := decodeStream(text)
		checkEvents(t, events)
		out, err := encodeStream(events, nil)
		if err == nil {
			checkStream(t, out)
		}
	})
}

func FuzzResponse(f *testing.F) {
	seeds(f, "response.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Codec.DecodeResponse(body)
		if err != nil {
			return
		}
		out, err := Codec.EncodeResponse(r, &codec.Request{}, nil)
		require.NoError(t, err)
		require.True(t, json.Valid(out), "%s", out)
	})
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
