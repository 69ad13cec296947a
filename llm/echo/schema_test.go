package echo

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSample(t *testing.T) {
	for schema, want := range map[string]string{
		``:                            `{}`,
		`null`:                        `{}`,
		`true`:                        `{}`,
		`"nonsense"`:                  `{}`,
		`{}`:                          `{}`,
		`{"type":"string"}`:           `"value"`,
		`{"type":"number"}`:           `1`,
		`{"type":["null","integer"]}`: `1`,
		`{"type":"null"}`:             `null`,
		`{"type":"array","items":{"type":"string"}}`: `[]`,
		`{"const":null}`: `null`,
		`{"const":"x"}`:  `"x"`,
		`{"enum":[3,4]}`: `3`,
		`{"anyOf":[{"type":"null"},{"type":"boolean"}]}`:         `true`,
		`{"oneOf":[{"type":"integer"},{"type":"null"}]}`:         `1`,
		`{"allOf":[{"type":"boolean"}]}`:                         `true`,
		`{"type":"object","properties":{"a":{"type":"string"}}}`: `{}`,
		`{"type":"object","required":["b","a","b"],"properties":{"a":{"type":"string"},"b":{"type":"object","required":["c.d"],"properties":{"c.d":{"type":"boolean"}}}}}`: `{"b":{"c.d":true},"a":"a"}`,
		`{"required":["not \"declared\""]}`: `{"not \"declared\"":"not \"declared\""}`,
		`{"type":"object","required":["city"],"properties":{"city":{"$ref":"#/$defs/a~1b"}},"$defs":{"a/b":{"type":"string"}}}`: `{"city":"city"}`,
		`{"$ref":"#/definitions/x","definitions":{"x":{"type":"integer"}}}`:                                                     `1`,
		`{"$ref":"#/$defs/missing"}`:       `{}`,
		`{"$ref":"https://example.com/x"}`: `{}`,
	} {
		require.Equal(t, want, sample(json.RawMessage(schema)), schema)
	}
}

// A schema that refers to itself twice would double at every level.
func TestSampleOfRecursiveSchemaIsBounded(t *testing.T) {
	got := sample(json.RawMessage(`{"type":"object","required":["l","r"],"properties":{"l":{"$ref":"#"},"r":{"$ref":"#"}}}`))
	require.True(t, json.Valid([]byte(got)))
	require.Less(t, len(got), 20*maxSampleNodes)
}
