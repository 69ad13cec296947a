// Package sse finds whole server-sent events in a byte stream and reads their
// fields, without copying and without changing a byte. It follows the HTML
// standard, section 9.2: lines end in LF, CRLF or CR, and a blank line ends an
// event.
package sse

import (
	"bytes"
	"errors"
	"io"
)

// ErrTooLong says that an event exceeds the reader's bound.
var ErrTooLong = errors.New("sse: an event is longer than the bound")

// Next returns the length of the first event in b, its blank line included, or 0
// when b does not hold a whole one. A CR at the very end of b may be half of a
// CRLF, so it does not end a line yet.
func Next(b []byte) int {
	blank := true // nothing on the current line so far
	for i := 0; i < len(b); {
		lf := bytes.IndexByte(b[i:], '\n')
		seg := b[i:]
		if lf >= 0 {
			seg = seg[:lf]
		}
		if cr := bytes.IndexByte(seg, '\r'); cr >= 0 && i+cr+1 < len(b) && b[i+cr+1] != '\n' { // a lone CR
			if blank && cr == 0 {
				return i + 1
			}
			blank = true
			i += cr + 1
			continue
		}
		if lf < 0 {
			return 0
		}
		if blank && (lf == 0 || lf == 1 && seg[0] == '\r') {
			return i + lf + 1
		}
		blank = true
		i += lf + 1
	}
	return 0
}

// Event is the fields of one event. The slices point into its text, except that
// Data of several lines is a copy.
type Event struct {
	Name, Data []byte
	ID, Retry  []byte
	// HasData tells an event with an empty "data" field from one without: the
	// latter is a comment, or a retry hint.
	HasData bool
}

// Parse reads the fields of the text of one event.
func Parse(text []byte) (e Event) {
	lines, joined := 0, []byte(nil)
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		name, val, found := bytes.Cut(line, []byte{':'})
		if found && len(val) > 0 && val[0] == ' ' {
			val = val[1:]
		}
		switch string(name) {
		case "event":
			e.Name = val
		case "id":
			e.ID = val
		case "retry":
			e.Retry = val
		case "data":
			e.HasData = true
			switch lines++; lines {
			case 1:
				e.Data = val
			case 2:
				joined = append(joined, e.Data...)
				fallthrough
			default:
				joined = append(joined, '\n')
				joined = append(joined, val...)
				e.Data = joined
			}
		}
	}
	return e
}

func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	seg := b
	if i >= 0 {
		seg = b[:i]
	}
	if cr := bytes.IndexByte(seg, '\r'); cr >= 0 {
		rest = b[cr+1:]
		if len(rest) > 0 && rest[0] == '\n' {
			rest = rest[1:]
		}
		return b[:cr], rest
	}
	if i < 0 {
		return b, nil
	}
	return seg, b[i+1:]
}

// Reader reads a stream in pieces that end with a whole event. It is not safe
// for concurrent use.
type Reader struct {
	r    io.Reader
	buf  []byte
	n    int // bytes in buf
	used int // bytes handed out by the last Read
	ends []int
	max  int
	err  error
}

// NewReader reads from r into buf, which grows as far as max bytes when an event
// is longer.
func NewReader(r io.Reader, buf []byte, max int) *Reader { return &Reader{r: r, buf: buf, max: max} }

// Read returns all whole events that are there, waiting for one. The slice is
// valid until the next call. At the end of the stream the error is what the
// stream ended with; Rest then tells whether it broke inside an event.
func (r *Reader) Read() ([]byte, error) {
	if r.used > 0 {
		r.n = copy(r.buf, r.buf[r.used:r.n])
		r.used = 0
	}
	scanned := 0 // no event ends before here
	r.ends = r.ends[:0]
	for {
		for at := scanned; ; {
			k := Next(r.buf[at:r.n])
			if k == 0 {
				break
			}
			at += k
			r.ends = append(r.ends, at)
		}
		if len(r.ends) > 0 {
			r.used = r.ends[len(r.ends)-1]
			return r.buf[:r.used], nil
		}
		if r.err != nil {
			return nil, r.err
		}
		// A line end that is in the buffer need not be looked at again, but the
		// blank line after it may be split from it: keep that line.
		scanned = lineStart(r.buf[:r.n])
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads until there is a line end that was not there before, without which no
// event can end, or nothing more to read. A long line is so looked at once, in however
// many pieces it comes.
func (r *Reader) fill() error {
	for {
		if r.n == len(r.buf) {
			if len(r.buf) >= r.max {
				r.err = ErrTooLong
				return r.err
			}
			grown := make([]byte, min(2*len(r.buf), r.max))
			copy(grown, r.buf[:r.n])
			r.buf = grown
		}
		from := max(r.n-1, 0) // a CR may have waited for what follows it
		k, err := r.r.Read(r.buf[r.n:])
		r.n += k
		r.err = err
		if piece := r.buf[from:r.n]; err != nil || bytes.IndexByte(piece, '\n') >= 0 || bytes.IndexByte(piece, '\r') >= 0 {
			return nil
		}
	}
}

// lineStart returns where the last line of b that is not blank yet begins, so
// that an event boundary, if one comes, lies behind it.
func lineStart(b []byte) int {
	i := bytes.LastIndexByte(b, '\n')
	if bytes.IndexByte(b, '\r') >= 0 {
		return 0 // CR endings are rare enough to be scanned anew
	}
	if i < 0 {
		return 0
	}
	// Begin with the line that this line end closes, so that it is not taken
	// for a blank one.
	return bytes.LastIndexByte(b[:i], '\n') + 1
}

// Ends tells where the events end in what the last Read returned.
func (r *Reader) Ends() []int { return r.ends }

// Rest returns what came behind the last whole event.
func (r *Reader) Rest() []byte { return r.buf[r.used:r.n] }
