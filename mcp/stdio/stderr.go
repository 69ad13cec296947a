package stdio

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode"
)

const (
	tailBytes = 8 << 10 // of a server's standard error that are kept
	lastBytes = 1000    // of its last lines that errors quote
	lastLines = 10
	minSecret = 6 // bytes of a value that is worth replacing: shorter ones are no secrets, and occur by chance
)

// tail keeps the end of what a server writes to its standard error.
type tail struct {
	secrets *strings.Replacer
	longest int
	log     *slog.Logger

	mu   sync.Mutex
	text string
}

// newTail replaces the values of env, which may be secrets.
func newTail(env []string, log *slog.Logger) *tail {
	t := &tail{log: log}
	var values []string
	for _, pair := range env {
		_, value, _ := strings.Cut(pair, "=")
		for _, line := range strings.Split(value, "\n") {
			if line = strings.TrimSpace(line); len(line) >= minSecret {
				values = append(values, line)
				t.longest = max(t.longest, len(line))
			}
		}
	}
	// Of two that begin alike the longer one is meant.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, v := range values {
		pairs = append(pairs, v, "********")
	}
	t.secrets = strings.NewReplacer(pairs...)
	return t
}

// read reads until the end. Lines are cut where they could not be kept.
func (t *tail) read(r io.Reader) {
	b := bufio.NewReaderSize(r, 4<<10)
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		// As much more as a value can be long, so that none is kept in part.
		line = append(line, part[:min(len(part), tailBytes+t.longest-len(line))]...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if len(line) > 0 {
			t.add(string(line))
		}
		line = line[:0]
		if err != nil {
			return
		}
	}
}

func (t *tail) add(line string) {
	// Once more, as what stood between its characters is gone.
	line = t.secrets.Replace(printable(t.secrets.Replace(line), tailBytes-1))
	if line == "" {
		return
	}
	t.mu.Lock()
	t.text += line + "\n"
	for len(t.text) > tailBytes {
		_, t.text, _ = strings.Cut(t.text, "\n")
	}
	t.mu.Unlock()
	if t.log.Enabled(context.Background(), slog.LevelDebug) {
		t.log.Debug("mcp: a server wrote to its standard error", "line", line)
	}
}

func (t *tail) all() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text
}

// last are the last lines, as one: what a program dies of is seldom in the very last.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(t.all()), "\n")
	lines = lines[max(0, len(lines)-lastLines):]
	for len(lines) > 1 && len(strings.Join(lines, "; ")) > lastBytes {
		lines = lines[1:]
	}
	return printable(strings.Join(lines, "; "), lastBytes)
}

// printable is the line without what a terminal would obey or not show, of at most max
// bytes.
func printable(line string, max int) string {
	var b strings.Builder
	const (
		text = iota
		escape
		control // a sequence: it ends with a byte from '@' to '~'
	)
	state := text
	for _, r := range strings.TrimSpace(line) {
		switch {
		case state == escape && r == '[':
			state = control
			continue
		case state == control:
			if r >= '@' && r <= '~' {
				state = text
			}
			continue
		}
		state = text
		if r == '\t' {
			r = ' '
		}
		if r == 0x1b {
			state = escape
		} else if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			if b.Len()+len(string(r)) > max {
				break
			}
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}
