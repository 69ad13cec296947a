package codec

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// inputReader takes the arguments {"input":"…"} of a custom tool that had become a
// function, in fragments, and gives the text of the input as it comes. Arguments of
// another form are given at the end, whole: the input if there is one somewhere, or
// else all of it.
type inputReader struct {
	all   strings.Builder
	text  string // not read yet
	state int
	given bool
}

const (
	beforeInput = iota
	inInput
	behindInput
	otherForm
)

var (
	inputBegin = regexp.MustCompile(`^\s*\{\s*"input"\s*:\s*"`)
	// inputMayBegin matches what could still become inputBegin.
	inputMayBegin = regexp.MustCompile(`^\s*(\{\s*("(i(n(p(u(t("\s*(:\s*)?)?)?)?)?)?)?)?)?$`)
)

func (r *inputReader) feed(fragment string) string {
	r.all.WriteString(fragment)
	r.text += fragment
	if r.state == beforeInput {
		switch begin := inputBegin.FindString(r.text); {
		case begin != "":
			r.state, r.text = inInput, r.text[len(begin):]
		case !inputMayBegin.MatchString(r.text):
			r.state = otherForm
		}
	}
	if r.state != inInput {
		return ""
	}
	n, ended := wholeText(r.text)
	raw := r.text[:n]
	r.text = r.text[n:]
	if ended {
		r.state = behindInput
	}
	if raw == "" {
		return ""
	}
	r.given = true
	var s string
	if json.Unmarshal([]byte(`"`+raw+`"`), &s) != nil {
		return raw
	}
	return s
}

func (r *inputReader) close() string {
	if r.given || r.state == behindInput {
		return ""
	}
	all := r.all.String()
	if v := gjson.Get(all, "input"); gjson.Valid(all) && v.Type == gjson.String {
		return v.Str
	}
	return all
}

// wholeText returns how much of the inside of a JSON string can be decoded without
// what follows it, and whether the string ends there. It parts neither a character
// nor an escape, nor the two halves of a surrogate pair.
func wholeText(s string) (n int, ended bool) {
	for n < len(s) {
		switch {
		case s[n] == '"':
			return n, true
		case s[n] >= utf8.RuneSelf:
			if !utf8.FullRuneInString(s[n:]) {
				return n, false
			}
			_, size := utf8.DecodeRuneInString(s[n:])
			n += size
		case s[n] != '\\':
			n++
		case n+1 >= len(s):
			return n, false
		case s[n+1] != 'u':
			n += 2
		case n+6 > len(s):
			return n, false
		case highSurrogate(s[n+2 : n+6]):
			if n+12 > len(s) {
				return n, false
			}
			n += 12
		default:
			n += 6
		}
	}
	return n, false
}

func highSurrogate(hex string) bool {
	return (hex[0] == 'd' || hex[0] == 'D') && strings.IndexByte("89abAB", hex[1]) >= 0
}
