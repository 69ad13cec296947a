package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/agent-gateway/agent-gateway/configstore"
)

func TestYAMLKeepsOrderAndValues(t *testing.T) {
	got, err := jsonToYAML([]byte(`{"z":"true","a":[1,12345678901234567890,1.50,1e3,null,false,[],{}],"m":{"text":"a\nb","face":"\ud83d\ude00","empty":"","number":"007"}}`))
	require.NoError(t, err)
	require.Equal(t, `z: "true"
a:
  - 1
  - 12345678901234567890
  - 1.50
  - 1e3
  - null
  - false
  - []
  - {}
m:
  text: |-
    a
    b
  face: "\U0001F600"
  empty: ""
  number: "007"
`, string(got))
}

// What a terminal would obey, or show otherwise than it is, is escaped in either form, and
// reads as what it was.
func TestActiveCharactersAreEscaped(t *testing.T) {
	const text = "a\x7f\u202eb \u200f\u2028\u0085c\n\U000e0041 \u001b[31mé"
	document, err := json.Marshal(map[string]string{text: text, "plain": "é"})
	require.NoError(t, err)
	asYAML, err := jsonToYAML(document)
	require.NoError(t, err)
	for _, form := range []struct {
		out  []byte
		read func([]byte, any) error
	}{
		{inert(document, jsonEscape), json.Unmarshal},
		{asYAML, func(text []byte, v any) error { return yaml.Unmarshal(text, v) }},
	} {
		require.False(t, bytes.ContainsFunc(form.out, func(r rune) bool { return r != '\n' && active(r) }), "%q", form.out)
		var back map[string]string
		require.NoError(t, form.read(form.out, &back), "%q", form.out)
		require.Equal(t, map[string]string{text: text, "plain": "é"}, back)
	}
}

func TestTablesStayInTheirLines(t *testing.T) {
	var out bytes.Buffer
	err := printTable(&out, []json.RawMessage{json.RawMessage(`{"a":"one\ntwo\u202e\u001b[31m","b":{"c":["x","y"]}}`), json.RawMessage(`{"a":"","b":{"c":[]}}`)}, []string{"a", "b.c"})
	require.NoError(t, err)
	require.Equal(t, "A             C\none two[31m   x,y\n-             -\n", out.String())
}

func TestEveryKindHasItsCommands(t *testing.T) {
	for _, k := range configstore.Kinds {
		verbs := []string{"list", "get", "delete"}
		if configstore.SetDisabled(k.New(), true) {
			verbs = append(verbs, "enable", "disable")
		}
		for _, verb := range verbs {
			code, stdout, _ := agwctl(t, nil, append(append([]string{"gateway"}, strings.Fields(k.Command)...), verb, "--help")...)
			require.Zero(t, code)
			require.Contains(t, stdout, noun(k))
			require.Contains(t, stdout, "Example")
		}
	}
}

func TestLostOutputIsAnError(t *testing.T) {
	var stderr bytes.Buffer
	code := run([]string{"version"}, nil, brokenWriter{}, &stderr, func(string) (string, bool) { return "", false })
	require.Equal(t, exitError, code)
	require.Equal(t, "agwctl: error: cannot write the output: disk full\n", stderr.String())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestBundlesAreBounded(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run([]string{"gateway", "validate", "-f", "-"}, endless{}, &stdout, &stderr, func(string) (string, bool) { return "", false })
	require.Equal(t, exitError, code)
	require.Equal(t, "agwctl: error: <stdin> is larger than 32 MiB\n", stderr.String())
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

var _ io.Reader = endless{}
