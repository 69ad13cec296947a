// Package trace reads and writes the headers that tie the hops of one call chain
// together: W3C Trace Context (traceparent, tracestate), or in its place
// X-Trace-ID and X-Span-ID, and X-Agent-Depth, which counts how often a chain
// has come through a gateway.
package trace

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// Span is one hop's place in its chain.
type Span struct {
	TraceID   string // 32 hex digits
	SpanID    string // 16 hex digits, this hop's own
	ParentID  string // 16 hex digits, or empty at the root
	State     string // tracestate, handed on as it came
	RequestID string // this hop's own, for people: "req_" and hex digits
	Depth     int    // inbound depth: 0 at the root
}

// Start reads the headers of a request and begins a hop. What is malformed is
// taken for absent, except for the depth: ok is false when that cannot be read,
// so that a limit cannot be evaded by garbage.
func Start(h http.Header) (s Span, ok bool) {
	const prefix = "req_"
	ids := prefix + randomHex() // one allocation for all three
	s.RequestID = ids[:len(prefix)+32]
	s.SpanID = ids[len(prefix)+32 : len(prefix)+48]
	if trace, parent, valid := parseParent(first(h, "Traceparent")); valid {
		s.TraceID, s.ParentID = trace, parent
		s.State = joined(h["Tracestate"])
	} else if t := strings.ToLower(first(h, "X-Trace-Id")); isHex(t, 32) {
		s.TraceID = t
		if p := strings.ToLower(first(h, "X-Span-Id")); isHex(p, 16) {
			s.ParentID = p
		}
	} else {
		s.TraceID = ids[len(prefix)+48:]
	}
	if d := first(h, "X-Agent-Depth"); d != "" {
		n, err := strconv.Atoi(d)
		if err != nil || n < 0 || n > 1<<20 {
			return s, false
		}
		s.Depth = n
	}
	return s, true
}

// UniqueID is an id for what records this hop: 32 hex digits.
func (s Span) UniqueID() string { return s.RequestID[len("req_"):] }

// Write sets the headers of the response.
func (s Span) Write(h http.Header) {
	v := []string{"00-" + s.TraceID + "-" + s.SpanID + "-01", s.TraceID, s.SpanID, s.RequestID, strconv.Itoa(s.Depth + 1)}
	h["Traceparent"] = v[0:1:1]
	h["X-Trace-Id"] = v[1:2:2]
	h["X-Span-Id"] = v[2:3:3]
	h["X-Request-Id"] = v[3:4:4]
	h["X-Agent-Depth"] = v[4:5:5]
	if s.State != "" {
		h["Tracestate"] = []string{s.State}
	}
}

// randomHex returns 80 random hex digits. They are unique, not secret.
func randomHex() string {
	var raw [40]byte
	for i := 0; i < len(raw); i += 8 {
		binary.LittleEndian.PutUint64(raw[i:], rand.Uint64())
	}
	var text [2 * len(raw)]byte
	hex.Encode(text[:], raw[:])
	return string(text[:])
}

func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// joined is a list header's values as one. 512 bytes is what a hop must carry.
func joined(v []string) string {
	s := strings.Join(v, ",")
	if len(s) > 512 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return s
}

// parseParent reads "00-<32 hex>-<16 hex>-<2 hex>"; later versions may go on
// behind that.
func parseParent(s string) (trace, parent string, ok bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" || !isHexLower(s[:2]) {
		return "", "", false
	}
	if len(s) > 55 && (s[:2] == "00" || s[55] != '-') {
		return "", "", false
	}
	trace, parent = s[3:35], s[36:52]
	return trace, parent, isHex(trace, 32) && isHex(parent, 16) && isHexLower(s[53:55])
}

// isHex wants n lower-case hex digits that are not all zero.
func isHex(s string, n int) bool {
	return len(s) == n && isHexLower(s) && strings.Trim(s, "0") != ""
}

func isHexLower(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
