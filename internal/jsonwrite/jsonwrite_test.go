package jsonwrite

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriter(t *testing.T) {
	var w Writer
	w.Object()
	w.StringField("a", "x<y>\u2028")
	w.ArrayField("list")
	w.Int(-1)
	w.Object()
	w.End()
	w.Array()
	w.EndArray()
	w.Raw(`{"n": 12345678901234567890}`)
	w.Null()
	w.EndArray()
	w.BoolField("b", true)
	w.ObjectField("o")
	w.RawField("raw", "")
	w.IntField("i", 7)
	w.End()
	w.End()
	require.Equal(t, "{\"a\":\"x<y>\u2028\",\"list\":[-1,{},[],{\"n\": 12345678901234567890},null],\"b\":true,\"o\":{\"raw\":null,\"i\":7}}", string(w.B))
	w.Reset()
	w.String("again")
	require.Equal(t, `"again"`, string(w.B))
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\b\f\n\r\t\x00\x1f\x7f", "\xff\xfe", "é\u2028\U0001F600", "a\xc3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		require.NoError(t, json.Unmarshal(AppendString(nil, s), &got))
		require.Equal(t, string([]rune(s)), got, "%q", s)
	})
}
