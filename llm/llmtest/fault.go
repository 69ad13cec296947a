package llmtest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Break is how an answer goes wrong on its way.
type Break string

// The breaks. Fault.After says after how many events each happens.
const (
	BeforeHeaders Break = "before_headers" // the connection is cut before any byte
	AfterHeaders  Break = "after_headers"  // … after the status and headers
	MidEvent      Break = "mid_event"      // … in the middle of the next event
	MidRune       Break = "mid_rune"       // … inside the next multi-byte character
	Cut           Break = "cut"            // … between two events
	Stall         Break = "stall"          // silence, until the caller goes away
	End           Break = "end"            // the answer ends as if whole, without its terminator
	ErrorEvent    Break = "error"          // the protocol's error event, then the end
)

// The forms of a refusal's body.
const (
	BodyHTML  = "html"
	BodyText  = "text"
	BodyEmpty = "empty"
)

// Fault is how an Upstream treats one request. The zero value is a good answer.
// In a marker, the fields have the names that are given in parentheses.
type Fault struct {
	// Status (status) refuses with this status and the protocol's error envelope.
	Status int
	// Body (body) replaces the envelope: BodyHTML, BodyText or BodyEmpty.
	Body string
	// Type, Code and Message (type, code, message) override the envelope's, and
	// those of an ErrorEvent. In Gemini's, they are its status, the reason of an
	// ErrorInfo, and its message.
	Type, Code, Message string
	// RetryAfter (retry_after) is the Retry-After header, verbatim. Seconds are in
	// the RetryInfo of Gemini's envelope too; "2s" is only there for who reads it.
	RetryAfter string
	// Header is added to the answer's. (header=Name:value, once)
	Header http.Header

	// Delay (delay) is the wait before the headers; EventDelay (event_delay)
	// that before each event after the first.
	Delay, EventDelay time.Duration
	// Step, when not nil, is received from before each event is sent; close it
	// to let the rest pass.
	Step <-chan struct{}

	// Break (break) happens after After (after) events. A negative After counts
	// from the end: -1 is all but the last event. An answer that is no stream is
	// one event.
	Break Break
	After int

	// ContentType (content_type) replaces the answer's.
	ContentType string
	// HugeLine (huge_line) puts a comment line of so many bytes into a stream,
	// after After events.
	HugeLine int
	// Gzip (gzip) compresses the answer, whatever the caller accepts.
	Gzip bool
	// Redirect (redirect) answers 307, or Status, with this location.
	Redirect string
	// DuplicateHeaders (duplicate_headers) repeats some headers with other values.
	DuplicateHeaders bool
	// Early answers before the request's body is read, which is not recorded. Only
	// for Enqueue.
	Early bool

	// Chunks (chunks) is the number of a text's deltas, default 5; Size (size)
	// its length in bytes. Size=9<<20 with Chunks=1 is a valid huge event.
	Chunks, Size int

	times int // (times) a marker is obeyed so often only
	raw   *reply
}

func (f Fault) refuses() bool { return f.Status != 0 || f.Redirect != "" }

// Raw is an exact answer: these headers and no others of the fake's own, and
// the body in these writes, each flushed. Breaks and delays take a write for an
// event. One write that is no event stream gets a Content-Length.
func Raw(status int, header http.Header, writes ...[]byte) *Fault {
	stream := len(writes) != 1 || strings.HasPrefix(header.Get("Content-Type"), "text/event-stream")
	return &Fault{raw: &reply{status: status, header: header.Clone(), events: writes, stream: stream, exact: true}}
}

// ParseFault reads what stands in a marker after "fault:", such as
// "break=mid_event,after=3". Two keys are for markers only: times=N obeys the
// marker for the first N requests that carry it, and id=X makes such a marker
// one's own.
func ParseFault(s string) (Fault, error) {
	var f Fault
	for field := range strings.SplitSeq(s, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if err := f.set(key, value); err != nil {
			return Fault{}, fmt.Errorf("fault marker: %s: %w", key, err)
		}
	}
	return f, nil
}

func (f *Fault) set(key, value string) (err error) {
	switch key {
	case "status":
		f.Status, err = strconv.Atoi(value)
	case "body":
		f.Body = value
	case "type":
		f.Type = value
	case "code":
		f.Code = value
	case "message":
		f.Message = value
	case "retry_after":
		f.RetryAfter = value
	case "header":
		name, v, _ := strings.Cut(value, ":")
		f.Header = http.Header{http.CanonicalHeaderKey(name): {strings.TrimSpace(v)}}
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "event_delay":
		f.EventDelay, err = time.ParseDuration(value)
	case "break":
		f.Break = Break(value)
		switch f.Break {
		case BeforeHeaders, AfterHeaders, MidEvent, MidRune, Cut, Stall, End, ErrorEvent:
		default:
			err = fmt.Errorf("no such break %q", value)
		}
	case "after":
		f.After, err = strconv.Atoi(value)
	case "content_type":
		f.ContentType = value
	case "huge_line":
		f.HugeLine, err = strconv.Atoi(value)
	case "gzip":
		f.Gzip = true
	case "redirect":
		f.Redirect = value
	case "duplicate_headers":
		f.DuplicateHeaders = true
	case "chunks":
		f.Chunks, err = strconv.Atoi(value)
	case "size":
		f.Size, err = strconv.Atoi(value)
	case "times":
		f.times, err = strconv.Atoi(value)
	case "id":
	default:
		err = fmt.Errorf("no such key")
	}
	return err
}

const markerStart, markerEnd = "[[fault:", "]]"

// findMarker looks for a marker in a request's body, path and query.
func findMarker(rec Recorded) (string, bool) {
	path, err := url.PathUnescape(rec.Path)
	if err != nil {
		path = rec.Path
	}
	query := ""
	for _, values := range rec.Query {
		query += strings.Join(values, " ")
	}
	for _, b := range [][]byte{rec.Body, []byte(path), []byte(query)} {
		_, rest, found := bytes.Cut(b, []byte(markerStart))
		if !found {
			continue
		}
		if marker, _, closed := bytes.Cut(rest, []byte(markerEnd)); closed && len(marker) < 1024 {
			return string(marker), true
		}
	}
	return "", false
}
