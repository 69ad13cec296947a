package mcpproxy

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

func TestWithhold(t *testing.T) {
	w := Withheld{"roots", "sampling"}
	for text, want := range map[string]string{
		`{}`:                             `{}`,
		`{"a": 1.0}`:                     `{"a": 1.0}`,
		`{ "roots" : {} , "a" : [ 1 ] }`: `{"a":[ 1 ]}`,
		`{"a":1,"\u0072oots":null,"sampling":{}}`:              `{"a":1}`,
		`{"tasks":{"requests":{"sampling":{}}}}`:               `{"tasks":{"requests":{}}}`,
		`{"tasks":{"roots":1, "requests":{"tools":{}}},"x":2}`: `{"tasks":{"roots":1, "requests":{"tools":{}}},"x":2}`,
		`{"tasks":[{"requests":{"sampling":1}}]}`:              `{"tasks":[{"requests":{"sampling":1}}]}`,
		`[{"roots":1}]`: `[{"roots":1}]`,
		`"roots"`:       `"roots"`,
	} {
		got, err := w.without([]byte(text), "tasks", "requests")
		require.NoError(t, err, text)
		require.Equal(t, want, string(got), text)
	}
	for _, text := range []string{`{"roots":1,"roots":2}`, `{"roots":1,"Roots":2}`, `{"ROOTS":1}`, `{"tasks":{"requests":{"sampling":1,"sampling":1}}}`} {
		_, err := w.without([]byte(text), "tasks", "requests")
		require.Error(t, err, text)
	}
}

// Whatever is withheld from, what is left is JSON, and says nothing of it.
func FuzzWithhold(f *testing.F) {
	for _, seed := range []string{`{}`, `{"roots":{},"a":[1,{"roots":2}]}`, `{"tasks":{"requests":{"sampling":{"x":"\ud83d\ude00"}},"roots":0}}`, `{"\u0072oots":1 , "b":"\\\"" }`, `[]`, `1`} {
		f.Add(seed)
	}
	w := Withheld{"roots", "sampling"}
	f.Fuzz(func(t *testing.T, text string) {
		if !jsonscan.Valid([]byte(text)) {
			return // which no request gets past
		}
		got, err := w.without([]byte(text), "tasks", "requests")
		if err != nil {
			return
		}
		require.True(t, json.Valid(got), "%s", got)
		var left map[string]json.RawMessage
		if json.Unmarshal(got, &left) != nil {
			return
		}
		in := jsonrpc.Message{Data: got}
		found, err := in.Members(jsonrpc.Span{End: len(got)}, w...)
		require.NoError(t, err)
		require.False(t, found[0].OK() || found[1].OK(), "%s", got)
	})
}
