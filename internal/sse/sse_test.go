package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestNext(t *testing.T) {
	for text, want := range map[string]int{
		"":                              0,
		"data: a":                       0,
		"data: a\n":                     0,
		"data: a\n\n":                   9,
		"data: a\n\ndata: b\n\n":        9,
		"data: a\r\n\r\n":               11,
		"data: a\r\n\r":                 0,
		"data: a\r\rx":                  9,
		"data: a\r\r":                   0,
		"data: a\n\r\n":                 10,
		"\n":                            1,
		": ping\n\n":                    8,
		"event: x\ndata: {\"a\":1}\n\n": 24,
		"event: x\rdata: b\r\r\n":       19,
	} {
		require.Equal(t, want, Next([]byte(text)), "%q", text)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Event{
		"event: a\ndata: b\n\n":             {Name: []byte("a"), Data: []byte("b"), HasData: true},
		"data:b\ndata: c\ndata\n\n":         {Data: []byte("b\nc\n"), HasData: true},
		": comment\n\n":                     {},
		"id: 3\r\nevent:x\r\ndata:\r\n\r\n": {Name: []byte("x"), Data: []byte{}, HasData: true},
		"data: a\rdata: b\r\r":              {Data: []byte("a\nb"), HasData: true},
	} {
		got := Parse([]byte(text))
		require.Equal(t, string(want.Name), string(got.Name), "%q", text)
		require.Equal(t, string(want.Data), string(got.Data), "%q", text)
		require.Equal(t, want.HasData, got.HasData, "%q", text)
	}
}

// However the stream is cut into reads, the pieces join to the same bytes and
// each ends where an event ends.
func TestReaderPieces(t *testing.T) {
	for _, text := range []string{
		"data: {\"é\":1}\n\nevent: x\ndata: 2\n\n: ping\n\n",
		"data: 1\r\n\r\nevent: x\r\ndata: 2\r\n\r\n",
		strings.Repeat("data: "+strings.Repeat("x", 100)+"\n\n", 20),
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text)),
			"halves": iotest.HalfReader(strings.NewReader(text)), "eof with data": iotest.DataErrReader(strings.NewReader(text)),
		} {
			t.Run(name, func(t *testing.T) {
				rd := NewReader(r, make([]byte, 16), 1<<20)
				var got []byte
				for {
					b, err := rd.Read()
					if err != nil {
						require.ErrorIs(t, err, io.EOF)
						break
					}
					require.Equal(t, len(b), rd.Ends()[len(rd.Ends())-1])
					require.Equal(t, rd.Ends()[0], Next(b))
					got = append(got, b...)
				}
				require.Equal(t, text, string(got))
				require.Empty(t, rd.Rest())
			})
		}
	}
}

func TestReaderEnds(t *testing.T) {
	rd := NewReader(strings.NewReader("data: a\n\ndata: {\"half"), make([]byte, 64), 64)
	b, err := rd.Read()
	require.NoError(t, err)
	require.Equal(t, "data: a\n\n", string(b))
	_, err = rd.Read()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "data: {\"half", string(rd.Rest()))

	rd = NewReader(strings.NewReader("data: "+strings.Repeat("x", 100)), make([]byte, 16), 64)
	_, err = rd.Read()
	require.ErrorIs(t, err, ErrTooLong)

	broken := errors.New("broken")
	rd = NewReader(io.MultiReader(strings.NewReader("data: a\n\nda"), iotest.ErrReader(broken)), make([]byte, 16), 64)
	_, err = rd.Read()
	require.NoError(t, err)
	_, err = rd.Read()
	require.ErrorIs(t, err, broken)
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "a\r\n\r\nb\r\r", "\n\r\n\r", "event: x\ndata: y\n\n: c\n\ndata"} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		n := int(size)%7 + 1
		var pieces []io.Reader
		for b := text; len(b) > 0; {
			k := min(n, len(b))
			pieces = append(pieces, bytes.NewReader(b[:k]))
			b = b[k:]
		}
		rd := NewReader(io.MultiReader(pieces...), make([]byte, 8), 1<<20)
		var got []byte
		for {
			b, err := rd.Read()
			if err != nil {
				break
			}
			at := 0
			for _, end := range rd.Ends() {
				// A CR at the end of what is there may be half of a line's end.
				if n := Next(append(bytes.Clone(b[at:end]), 'x')); n != end-at && Next(b[at:]) != end-at {
					t.Fatalf("%q is not one event", b[at:end])
				}
				Parse(b[at:end])
				at = end
			}
			if at != len(b) {
				t.Fatalf("%q does not end with an event", b)
			}
			got = append(got, b...)
		}
		if got = append(got, rd.Rest()...); !bytes.Equal(got, text) {
			t.Fatalf("read %q of %q", got, text)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	event := "data: " + strings.Repeat("x", 240) + "\n\n"
	text := strings.Repeat(event, 200)
	buf := make([]byte, 32<<10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		rd := NewReader(strings.NewReader(text), buf, 1<<20)
		for {
			if _, err := rd.Read(); err != nil {
				break
			}
		}
	}
}
