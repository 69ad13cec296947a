package jsonscan

import "bytes"

// Tap keeps chosen members at the top of an object whose text streams by. It
// never fails: of a text that is no object, or breaks off, it has what was
// whole. The zero value wants nothing.
type Tap struct {
	// Want names the members to keep.
	Want []string
	// Max bounds each kept value in bytes; a longer one is dropped. 0 means 64 KiB.
	Max int

	state   tapState
	name    []byte
	kept    []keptValue
	keeping bool
	depth   int
	inStr   bool
	escaped bool // the last byte fed was a backslash that escapes the next
	scalar  bool
}

type keptValue struct {
	name  string
	value []byte
	whole bool
}

type tapState uint8

const (
	tapStart tapState = iota
	tapName           // expects a name
	tapInName
	tapColon
	tapValue // expects a value
	tapInValue
	tapComma
	tapDone
)

// maxTapName bounds a name: longer ones are not wanted anyway.
const maxTapName = 64

// Reset forgets everything but Want and Max, and keeps the memory.
func (t *Tap) Reset() {
	*t = Tap{Want: t.Want, Max: t.Max, name: t.name[:0], kept: t.kept[:0]}
}

// Value returns the value of a wanted name, nil when it has not come whole.
func (t *Tap) Value(name string) []byte {
	for i := range t.kept {
		if t.kept[i].name == name && t.kept[i].whole {
			return t.kept[i].value
		}
	}
	return nil
}

// Complete says that the object has ended.
func (t *Tap) Complete() bool { return t.state == tapDone }

// Write feeds the next bytes. It implements io.Writer and never fails.
func (t *Tap) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		c := p[i]
		switch t.state {
		case tapDone:
			return len(p), nil
		case tapInName:
			i += t.feedName(p[i:])
			continue
		case tapInValue:
			i += t.feedValue(p[i:])
			continue
		}
		if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		switch t.state {
		case tapStart:
			if c != '{' {
				t.state = tapDone
				return len(p), nil
			}
			t.state = tapName
		case tapName:
			if c != '"' {
				t.state = tapDone
				return len(p), nil
			}
			t.name, t.escaped, t.state = t.name[:0], false, tapInName
		case tapColon:
			t.state = tapValue
		case tapValue:
			t.beginValue(c)
			continue
		case tapComma:
			if c != ',' {
				t.state = tapDone
				return len(p), nil
			}
			t.state = tapName
		}
		i++
	}
	return len(p), nil
}

func (t *Tap) feedName(p []byte) int {
	for i, c := range p {
		if c == '"' && !t.escaped {
			t.state = tapColon
			return i + 1
		}
		t.escaped = c == '\\' && !t.escaped
		if len(t.name) < maxTapName {
			t.name = append(t.name, c)
		}
	}
	return len(p)
}

func (t *Tap) beginValue(c byte) {
	t.state, t.depth, t.inStr, t.escaped, t.keeping = tapInValue, 0, false, false, false
	t.scalar = classes[c] == classOther
	for _, w := range t.Want {
		if string(t.name) == w {
			t.keeping = true
			if n := len(t.kept); n < cap(t.kept) {
				t.kept = t.kept[:n+1]
				t.kept[n] = keptValue{name: w, value: t.kept[n].value[:0]}
			} else {
				t.kept = append(t.kept, keptValue{name: w})
			}
		}
	}
}

// feedValue takes what of p belongs to the value, and returns how much.
func (t *Tap) feedValue(p []byte) int {
	n, ended := t.skip(p)
	if t.keeping {
		k := &t.kept[len(t.kept)-1]
		limit := t.Max
		if limit == 0 {
			limit = 64 << 10
		}
		if len(k.value)+n > limit {
			t.keeping = false
			k.value = k.value[:0]
		} else {
			k.value = append(k.value, p[:n]...)
			k.whole = ended
		}
	}
	if ended {
		t.state = tapComma
	}
	return n
}

func (t *Tap) skip(p []byte) (n int, ended bool) {
	for i := 0; i < len(p); {
		if t.inStr {
			end, closed := t.skipString(p[i:])
			i += end
			if !closed {
				return i, false
			}
			t.inStr = false
			if t.depth == 0 {
				return i, true
			}
			continue
		}
		switch classes[p[i]] {
		case classString:
			t.inStr, t.escaped = true, false
		case classOpen:
			t.depth++
		case classClose:
			if t.depth == 0 { // closes the object; a scalar ends before it
				return i, true
			}
			if t.depth--; t.depth == 0 {
				return i + 1, true
			}
		case classEnd:
			if t.depth == 0 && t.scalar {
				return i, true
			}
		}
		i++
	}
	return len(p), false
}

// skipString goes on inside a string, to behind its closing quote.
func (t *Tap) skipString(p []byte) (n int, closed bool) {
	for i := 0; i < len(p); {
		if t.escaped {
			t.escaped = false
			i++
			continue
		}
		quote := bytes.IndexByte(p[i:], '"')
		stop := len(p)
		if quote >= 0 {
			stop = i + quote
		}
		slash := bytes.IndexByte(p[i:stop], '\\')
		if slash < 0 {
			if quote < 0 {
				return len(p), false
			}
			return stop + 1, true
		}
		i += slash + 1
		t.escaped = true
	}
	return len(p), false
}
