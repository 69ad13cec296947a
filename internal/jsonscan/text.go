package jsonscan

import (
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Special returns the index of the first byte from i on that a JSON string cannot hold
// as it is: a quote, a backslash or a control; len(s) when there is none. It looks at
// eight bytes at once: a byte of a word is below n where (w-ones*n)&^w has its high bit,
// the lowest such byte for certain.
func Special[T string | []byte](s T, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		q, b := w^('"'*ones), w^('\\'*ones)
		if m := ((w-' '*ones)&^w | (q-ones)&^q | (b-ones)&^b) & highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// Unescape returns the text of a valid JSON string, given without its quotes. One
// without escapes is returned as it is and costs nothing. A surrogate without its other
// half is U+FFFD.
func Unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	start := 0
	for i+1 < len(s) {
		b = append(b, s[start:i]...)
		c := s[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex(s, i)
			i = min(i+4, len(s))
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if strings.HasPrefix(s[i:], `\u`) {
					low = hex(s, i+2)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			b = utf8.AppendRune(b, r)
		}
		if c != 'u' {
			b = append(b, c)
		}
		if start = i; start >= len(s) {
			break
		}
		if s[i] == '\\' { // a pair of escapes, as "\n\t"
			continue
		}
		next := Special(s, i)
		for next < len(s) && s[next] != '\\' {
			next = Special(s, next+1)
		}
		i = next
	}
	return string(append(b, s[start:]...))
}

// hex reads the four digits at s[i], -1 when they are not there.
func hex(s string, i int) (r rune) {
	if i+4 > len(s) {
		return -1
	}
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
