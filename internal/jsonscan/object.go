package jsonscan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Bounds of a scan.
const (
	MaxDepth   = 512  // nesting
	MaxMembers = 1024 // names in one object
)

// Error says what is wrong with a text, and where.
type Error struct {
	Offset int
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (at byte %d)", e.Text, e.Offset) }

func fault(offset int, format string, args ...any) error {
	return &Error{offset, fmt.Sprintf(format, args...)}
}

// Member is one name and where its value stands: text[Start:End].
type Member struct {
	Name       string
	Start, End int
}

// Members are the members of one object, in their order.
type Members []Member

// Value returns the value of a name, nil when there is none.
func (m Members) Value(text []byte, name string) []byte {
	for i := range m {
		if m[i].Name == name {
			return text[m[i].Start:m[i].End]
		}
	}
	return nil
}

// Marks are beginnings of strings that a scan is to notice, names and values alike, the
// escaped ones as they stand. A Marks is immutable.
type Marks struct {
	first [256]bool
	all   []string
}

// NewMarks makes marks of beginnings, none of which is empty.
func NewMarks(all ...string) *Marks {
	m := &Marks{all: all}
	for _, s := range all {
		m.first[s[0]] = true
	}
	return m
}

// notice says whether one of the marks begins at text[i].
func (m *Marks) notice(text []byte, i int) bool {
	if m == nil || i >= len(text) || !m.first[text[i]] {
		return false
	}
	for _, s := range m.all {
		if s[0] == text[i] && len(text)-i >= len(s) && string(text[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}

// Object lists the members of the object that text is; into is reused. A name
// that occurs twice is refused, and so is one that is not among reserved but
// equals one of them when case is folded.
func Object(text []byte, into Members, reserved []string) (Members, error) {
	m, _, err := MarkedObject(text, into, reserved, nil)
	return m, err
}

// MarkedObject is [Object], and says as well whether one of the marks begins a string
// somewhere below the top.
func MarkedObject(text []byte, into Members, reserved []string, marks *Marks) (m Members, marked bool, err error) {
	s := scan{marks: marks}
	m, err = s.whole(text, into, reserved)
	return m, s.marked, err
}

// scan is one pass over a text.
type scan struct {
	marks  *Marks
	marked bool
}

func (s *scan) whole(text []byte, into Members, reserved []string) (Members, error) {
	m, end, err := s.object(text, space(text, 0), into[:0], reserved)
	if err != nil {
		return m, err
	}
	if i := space(text, end); i < len(text) {
		return m, fault(i, "there is more text after the JSON object")
	}
	return m, nil
}

func (s *scan) object(text []byte, i int, m Members, reserved []string) (Members, int, error) {
	if i >= len(text) || text[i] != '{' {
		return m, i, fault(i, "the text is not a JSON object")
	}
	i = space(text, i+1)
	if i < len(text) && text[i] == '}' {
		return m, i + 1, nil
	}
	if cap(m) == 0 {
		m = make(Members, 0, 12)
	}
	var seen map[string]struct{}
	for {
		if i >= len(text) || text[i] != '"' {
			return m, i, fault(i, "a member's name is expected")
		}
		end := str(text, i)
		if end < 0 {
			return m, i, fault(i, "a string does not end")
		}
		name, err := memberName(text[i+1:end-1], i, reserved)
		if err != nil {
			return m, i, err
		}
		if seen == nil && len(m) == 32 {
			seen = make(map[string]struct{}, 64)
			for j := range m {
				seen[m[j].Name] = struct{}{}
			}
		}
		if duplicate(m, seen, name) {
			return m, i, fault(i, "the name %q occurs twice", name)
		}
		if seen != nil {
			seen[name] = struct{}{}
		}
		if len(m) >= MaxMembers {
			return m, i, fault(i, "the object has more than %d members", MaxMembers)
		}
		i = space(text, end)
		if i >= len(text) || text[i] != ':' {
			return m, i, fault(i, "a colon is expected")
		}
		start := space(text, i+1)
		if i, err = s.value(text, start); err != nil {
			return m, i, err
		}
		m = append(m, Member{name, start, i})
		i = space(text, i)
		switch {
		case i >= len(text):
			return m, i, fault(i, "the object does not end")
		case text[i] == '}':
			return m, i + 1, nil
		case text[i] != ',':
			return m, i, fault(i, "a comma is expected")
		}
		i = space(text, i+1)
	}
}

func duplicate(m Members, seen map[string]struct{}, name string) bool {
	if seen != nil {
		_, ok := seen[name]
		return ok
	}
	for i := range m {
		if m[i].Name == name {
			return true
		}
	}
	return false
}

// usual are names that most requests have; they cost no allocation.
var usual = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{
		"temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "tool_choice", "parallel_tool_calls", "response_format",
		"reasoning_effort", "reasoning", "stop", "seed", "user", "metadata", "store", "include", "instructions", "text", "prompt_cache_key", "service_tier",
		"thinking", "output_config", "context_management", "encoding_format", "dimensions", "n",
	} {
		m[name] = name
	}
	return m
}()

// memberName unescapes a name and checks it. The common ones, which are all
// lower case, cost no allocation.
func memberName(raw []byte, at int, reserved []string) (string, error) {
	plain := true
	for _, c := range raw {
		if (c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9') {
			plain = false
			break
		}
	}
	if plain {
		for _, r := range reserved {
			if string(raw) == r {
				return r, nil
			}
			if len(raw) == len(r) && strings.EqualFold(string(raw), r) { // r is not all lower case
				return "", fault(at, "the name %q is not %q; names are case-sensitive", raw, r)
			}
		}
		if name, ok := usual[string(raw)]; ok {
			return name, nil
		}
		return string(raw), nil
	}
	name := string(raw)
	if bytes.IndexByte(raw, '\\') >= 0 {
		if json.Unmarshal([]byte(`"`+name+`"`), &name) != nil {
			return "", fault(at, "a member's name is not valid")
		}
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fault(at, "a member's name is not valid")
	}
	for _, r := range reserved {
		if name != r && strings.EqualFold(name, r) {
			return "", fault(at, "the name %q is not %q; names are case-sensitive", name, r)
		}
		if name == r {
			return r, nil
		}
	}
	return name, nil
}

// ErrNotString says that a value is not a JSON string.
var ErrNotString = errors.New("it is not a string")

// String decodes a value that is a JSON string.
func String(value []byte) (string, error) {
	if len(value) < 2 || value[0] != '"' {
		return "", ErrNotString
	}
	raw := value[1 : len(value)-1]
	plain := utf8.Valid(raw)
	for _, c := range raw {
		if c < ' ' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return string(raw), nil
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return "", errors.New("it is not a valid string")
	}
	return s, nil
}

func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// str returns the index behind the string that begins at i, -1 when it does not
// end.
func str(text []byte, i int) int {
	start := i + 1
	for j := start; ; {
		k := quote(text, j)
		if k < 0 {
			return -1
		}
		if text[k-1] != '\\' || k == start {
			return k + 1
		}
		b := k - 1
		for b > start && text[b-1] == '\\' {
			b--
		}
		j = k + 1
		if (k-b)%2 == 0 {
			return j
		}
		start = j
	}
}

// quote returns the index of the first quote from i on, -1 when there is none.
// Most are near, names and escaped quotes above all, and found faster without a
// call: a byte of a word is zero where (w-ones)&^w has its high bit, the lowest such
// byte for certain.
func quote(text []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for range 2 {
		if i+8 > len(text) {
			break
		}
		w := binary.LittleEndian.Uint64(text[i:]) ^ ('"' * ones)
		if m := (w - ones) &^ w & highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	k := bytes.IndexByte(text[i:], '"')
	if k < 0 {
		return -1
	}
	return i + k
}

const (
	classOther = iota
	classString
	classOpen
	classClose
	classEnd // ends a scalar
)

var classes = [256]uint8{'"': classString, '{': classOpen, '[': classOpen, '}': classClose, ']': classClose, ',': classEnd, ':': classEnd, ' ': classEnd, '\n': classEnd, '\t': classEnd, '\r': classEnd}

// value returns the index behind the value that begins at i.
func (s *scan) value(text []byte, i int) (int, error) {
	if i >= len(text) {
		return i, fault(i, "a value is expected")
	}
	switch classes[text[i]] {
	case classString:
		end := str(text, i)
		if end < 0 {
			return i, fault(i, "a string does not end")
		}
		return end, nil
	case classOpen:
		return s.nested(text, i)
	case classOther:
		return scalar(text, i)
	}
	return i, fault(i, "a value is expected")
}

func scalar(text []byte, i int) (int, error) {
	end := validScalar(text, i)
	if end < 0 || end < len(text) && classes[text[end]] == classOther {
		return i, fault(i, "a value is not valid")
	}
	return end, nil
}

// nested skips an array or object: strings are skipped, brackets balanced.
func (s *scan) nested(text []byte, i int) (int, error) {
	var stack [MaxDepth]byte
	depth := 0
	for i < len(text) {
		c := text[i]
		switch classes[c] {
		case classString:
			end := str(text, i)
			if end < 0 {
				return i, fault(i, "a string does not end")
			}
			if s.marks != nil && !s.marked && s.marks.notice(text, i+1) {
				s.marked = true
			}
			i = end
			continue
		case classOpen:
			if depth == MaxDepth {
				return i, fault(i, "the nesting is deeper than %d", MaxDepth)
			}
			stack[depth] = c + 2 // the bracket that closes it: '{'+2 == '}', '['+2 == ']'
			depth++
		case classClose:
			if depth--; stack[depth] != c {
				return i, fault(i, "brackets do not match")
			}
			if depth == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return i, fault(i, "a bracket does not close")
}
