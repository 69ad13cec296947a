package codec

import (
	"strings"
	"unicode/utf8"
)

// MaxErrorText bounds, in bytes, what is quoted of an upstream's error: it goes into
// the caller's error, into logs and into events.
const MaxErrorText = 4096

// ErrorText is what an upstream says of an error as it can be quoted: in UTF-8, without
// the space around it, and no longer than [MaxErrorText].
func ErrorText(s string) string {
	const cut = "…"
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
	if len(s) <= MaxErrorText {
		return s
	}
	end := MaxErrorText - len(cut)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cut
}
