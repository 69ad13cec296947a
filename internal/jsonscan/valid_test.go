package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var texts = []string{
	``, ` `, `{}`, ` [ ] `, `{"a":1}`, `{"a":[1,{"b":null}],"c":"d"}`, `{"a":1,}`, `[1,]`, `[,1]`, `{,}`, `{"a"}`, `{"a":}`, `{1:2}`, `[1 2]`, `[1]]`, `[}`, `{]`,
	`0`, `-0`, `01`, `-`, `1.`, `.5`, `1.5e`, `1.5e+`, `1E-7`, `1e400`, `+1`, `0x1`, `tru`, `true`, `falsey`, `nul`, `null `, `NaN`,
	`"`, `"a`, `"a"`, `"\`, `"\"`, `"\""`, `"\x"`, `"\u12"`, `"\u12G4"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\ude00\ud83d"`,
	"\"a\nb\"", "\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"\xff\"", `"\/\b\f\n\r\t\\"`, `"12345678\n12345678"`, `"1234567\\"`, `"é\u0000"`, "\ufeff{}", `{"a":1}{}`, `"日本語日本語日本語"`,
	strings.Repeat("[", 100) + strings.Repeat("]", 100),
}

func FuzzValid(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Count(s, "[")+strings.Count(s, "{") > MaxDepth && !Valid([]byte(s)) {
			return // encoding/json has no such bound
		}
		require.Equal(t, json.Valid([]byte(s)), Valid([]byte(s)), "%q", s)
	})
}

func TestValidIsBounded(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	require.True(t, Valid(nested(MaxDepth)))
	require.False(t, Valid(nested(MaxDepth+1)))
	require.False(t, Valid(nested(1<<20)))
}

func FuzzUnescape(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want string
		if json.Unmarshal([]byte(s), &want) != nil || s[0] != '"' || s[len(s)-1] != '"' {
			Unescape(s) // of what is not valid it only must not panic
			return
		}
		require.Equal(t, want, string([]rune(Unescape(s[1:len(s)-1]))), "%q", s)
	})
}

func FuzzSpecial(f *testing.F) {
	for _, s := range texts {
		f.Add(s, 0)
	}
	f.Fuzz(func(t *testing.T, s string, i int) {
		if i < 0 || i > len(s) {
			i = 0
		}
		want := len(s)
		if n := strings.IndexFunc(s[i:], func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }); n >= 0 {
			want = i + n
		}
		require.Equal(t, want, Special(s, i))
		require.Equal(t, want, Special([]byte(s), i))
	})
}
