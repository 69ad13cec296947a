package codec

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// ID makes an id in the form of the caller's protocol from the upstream's: prefix
// and what is usable of it, so that both can be found in each other's logs; a new
// one where there is none.
func ID(prefix, upstream string) string {
	if strings.HasPrefix(upstream, prefix) && upstream != prefix {
		return upstream
	}
	if upstream = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, upstream); upstream != "" {
		return prefix + upstream
	}
	return NewID(prefix)
}

// NewID makes an id that nobody else has.
func NewID(prefix string) string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	return prefix + hex.EncodeToString(b[:])
}
