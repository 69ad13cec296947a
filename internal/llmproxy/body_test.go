package llmproxy

import (
	"encoding/json"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// filled is a buffer as large as those that are pooled.
func filled(s string) *buffer {
	b := newBuffer(minPooled + len(s))
	b.b = append(b.b, s...)
	return b
}

func TestAskForUsage(t *testing.T) {
	for in, want := range map[string]string{ // "" not touched
		`{"a":1}`:                                                  `{"a":1,"stream_options":{"include_usage":true}}`,
		`{"stream_options":null,"a":1}`:                            `{"stream_options":{"include_usage":true},"a":1}`,
		`{"stream_options":{ }}`:                                   `{"stream_options":{ "include_usage":true}}`,
		`{"stream_options":{"x":{"y":[]} } }`:                      `{"stream_options":{"x":{"y":[]} ,"include_usage":true} }`,
		`{"stream_options":{"include_usage":false}}`:               `{"stream_options":{"include_usage":true}}`,
		`{"stream_options":{"include_usage":null,"x":1}}`:          `{"stream_options":{"include_usage":true,"x":1}}`,
		`{"stream_options":{"include_usage":true}}`:                "",
		`{"stream_options":{"include_usage":"yes"}}`:               "",
		`{"stream_options":[]}`:                                    "",
		`{"stream_options":"x"}`:                                   "",
		`{"stream_options":{"include_usage":1,"include_usage":2}}`: "",
	} {
		b := filled(in)
		members, err := jsonscan.Object(b.b, nil, reserved)
		require.NoError(t, err)
		wish, changed := usageWish(b.b, members)
		require.Equal(t, want != "", changed, in)
		if changed {
			b.set(members, "stream_options", wish)
		}
		if want == "" {
			want = in
		} else {
			require.True(t, json.Valid(b.b), string(b.b))
		}
		require.Equal(t, want, string(b.b))
		b.drop()
	}
}

// A buffer lives until the last of those who hold it lets go.
func TestBufferIsHeld(t *testing.T) {
	b := filled("hello")
	first, err := b.Open()
	require.NoError(t, err)
	second, err := b.Open()
	require.NoError(t, err)
	b.drop()
	text, err := io.ReadAll(first)
	require.NoError(t, err)
	require.Equal(t, "hello", string(text))
	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "closing again lets nothing go twice")
	require.Equal(t, 1, b.holds)
	text, err = io.ReadAll(second)
	require.NoError(t, err)
	require.Equal(t, "hello", string(text))
	require.NoError(t, second.Close())
	require.Zero(t, b.holds)
}

// Buffers that many use at once never show one's text to another.
func TestBuffersDoNotMix(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 200 {
				want := string([]byte{byte('a' + i), byte('a' + i), byte('a' + i)})
				b := filled(want)
				r, err := b.Open()
				if err != nil {
					t.Error(err)
					return
				}
				b.drop()
				got, err := io.ReadAll(r)
				if err != nil || string(got) != want {
					t.Errorf("%q, %v; want %q", got, err, want)
				}
				_ = r.Close()
			}
		})
	}
	wg.Wait()
}
