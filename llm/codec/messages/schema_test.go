package messages

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSanitise(t *testing.T) {
	for _, c := range []struct {
		in, want string
		changed  bool
	}{
		{`{"type":"object","properties":{}}`, `{"type":"object","properties":{},"additionalProperties":false}`, false},
		{`{"properties":{"b":{"type":"string"},"a":{"type":"null"}},"required":["a"],"type":"object","additionalProperties":false,"$schema":"x"}`,
			`{"properties":{"b":{"type":"string"},"a":{"type":"null"}},"required":["a"],"type":"object","additionalProperties":false}`, false},
		{`{"properties":{"a":{"items":{"type":"string"}}}}`,
			`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}},"additionalProperties":false}`, false},
		{`{"type":"string","minLength":1,"maxLength":9,"pattern":"^a"}`, `{"type":"string","description":"{minLength: 1, maxLength: 9, pattern: \"^a\"}"}`, true},
		{`{"type":"integer","minimum":1,"description":"d","default":12345678901234567890}`,
			`{"type":"integer","description":"d\n\n{minimum: 1, default: 12345678901234567890}"}`, true},
		{`{"type":"boolean","default":true}`, `{"type":"boolean","description":"{default: true}"}`, false},
		{`{"type":"string","format":"date-time"}`, `{"type":"string","format":"date-time"}`, false},
		{`{"type":"string","format":"phone"}`, `{"type":"string","description":"{format: \"phone\"}"}`, true},
		{`{"type":"array","items":{"type":"string"},"minItems":1}`, `{"type":"array","items":{"type":"string"},"minItems":1}`, false},
		{`{"type":"array","items":{"type":"string"},"minItems":2,"maxItems":3}`, `{"type":"array","items":{"type":"string"},"description":"{minItems: 2, maxItems: 3}"}`, true},
		{`{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`, false},
		{`{"anyOf":[{"type":"string"}],"oneOf":[{"type":"null"}]}`, `{"anyOf":[{"type":"string"}],"description":"{oneOf: [{\"type\":\"null\"}]}"}`, true},
		{`{"allOf":[{"type":"string"}]}`, `{"allOf":[{"type":"string"}]}`, false},
		{`{"enum":["a",1,null]}`, `{"enum":["a",1,null]}`, false},
		{`{"type":"object","properties":{"e":{"type":"string","enum":["a"]},"c":{"const":1},"n":{"type":["string","null"],"format":"uuid"}}}`,
			`{"type":"object","properties":{"e":{"type":"string","enum":["a"]},"c":{"const":1},"n":{"type":["string","null"],"format":"uuid"}},"additionalProperties":false}`, false},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"b":{"$ref":"#/$defs/b","description":"x"}}},"b":{"type":"string"}}}`,
			`{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"b":{"$ref":"#/$defs/b"}},"additionalProperties":false},"b":{"type":"string"}}}`, false},
		{`{"type":"object","properties":{"$ref":{"type":"string"},"a.b":{"type":"string"}}}`,
			`{"type":"object","properties":{"$ref":{"type":"string"},"a.b":{"type":"string"}},"additionalProperties":false}`, false},
	} {
		got, changed, err := sanitise(c.in)
		require.NoError(t, err, c.in)
		require.Equal(t, c.want, string(got))
		require.Equal(t, c.changed, changed, c.in)
	}
	for in, want := range map[string]string{
		`true`:              "must be an object",
		`{}`:                "has no type",
		`{"type":"object"}`: "without properties",
		`{"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"string"},"properties":{}}}}`: ".m allows properties",
		`{"type":"object","properties":{},"additionalProperties":true}`:                                                   "allows properties",
		`{"type":"array","items":true}`: ".items must be an object",
		`{"$ref":"#"}`:                  "none of its definitions",
		`{"$ref":"https://x"}`:          "none of its definitions",
		`{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}}}}}`: "refers to itself",
		`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`:                                            "refers to itself",
		strings.Repeat(`{"type":"array","items":`, 100) + `{"type":"string"}` + strings.Repeat(`}`, 100):                              "too deeply",
	} {
		_, _, err := sanitise(in)
		require.ErrorContains(t, err, want, in)
	}
}
