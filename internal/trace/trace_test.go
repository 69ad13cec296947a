package trace

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	parentID = "b7ad6b7169203331"
)

func TestParseParent(t *testing.T) {
	whole := "00-" + traceID + "-" + parentID + "-01"
	for s, ok := range map[string]bool{
		whole:                                 true,
		strings.Replace(whole, "00", "cc", 1): true, // a later version
		strings.Replace(whole, "00", "cc", 1) + "-more": true,
		whole + "-more": false,
		strings.Replace(whole, "00", "cc", 1) + "more":               false,
		strings.Replace(whole, "00", "ff", 1):                        false,
		strings.Replace(whole, "00", "0G", 1):                        false,
		strings.ToUpper(whole):                                       false,
		strings.Replace(whole, traceID, strings.Repeat("0", 32), 1):  false,
		strings.Replace(whole, parentID, strings.Repeat("0", 16), 1): false,
		whole[:54]:                              false,
		strings.Replace(whole, "-01", "-0x", 1): false,
		strings.Replace(whole, "-", "_", 1):     false,
		"":                                      false,
	} {
		trace, parent, got := parseParent(s)
		require.Equal(t, ok, got, s)
		if ok {
			require.Equal(t, traceID, trace)
			require.Equal(t, parentID, parent)
		}
	}
}

func TestStart(t *testing.T) {
	s, ok := Start(http.Header{})
	require.True(t, ok)
	require.Len(t, s.TraceID, 32)
	require.Len(t, s.SpanID, 16)
	require.Empty(t, s.ParentID)
	require.True(t, strings.HasPrefix(s.RequestID, "req_"))
	other, _ := Start(http.Header{})
	require.NotEqual(t, s.TraceID, other.TraceID)
	require.NotEqual(t, s.SpanID, other.SpanID)
	require.NotEqual(t, s.RequestID, other.RequestID)

	// A parent that is not one leaves the trace that X-Trace-ID names.
	s, _ = Start(http.Header{"X-Trace-Id": {traceID}, "X-Span-Id": {"zz"}, "Tracestate": {"a=1"}})
	require.Equal(t, traceID, s.TraceID)
	require.Empty(t, s.ParentID)
	require.Empty(t, s.State, "tracestate without traceparent means nothing")

	parent := http.Header{"Traceparent": {"00-" + traceID + "-" + parentID + "-01"}}
	for _, tt := range []struct {
		in   []string
		want string
	}{{[]string{"a=1", "b=2"}, "a=1,b=2"}, {[]string{strings.Repeat("a", 513)}, ""}, {[]string{"a=\x01"}, ""}, {nil, ""}} {
		parent["Tracestate"] = tt.in
		s, _ = Start(parent)
		require.Equal(t, tt.want, s.State)
	}
}

func TestDepth(t *testing.T) {
	for in, want := range map[string]int{"0": 0, "7": 7, "1048576": 1 << 20, "1048577": -1, "-1": -1, "x": -1, " 1": -1, "1e3": -1} {
		s, ok := Start(http.Header{"X-Agent-Depth": {in}})
		require.Equal(t, want >= 0, ok, in)
		if ok {
			require.Equal(t, want, s.Depth)
		}
	}
}

// What one hop writes, the next one reads.
func TestChain(t *testing.T) {
	h := http.Header{}
	first, _ := Start(h)
	first.Write(h)
	second, ok := Start(h)
	require.True(t, ok)
	require.Equal(t, first.TraceID, second.TraceID)
	require.Equal(t, first.SpanID, second.ParentID)
	require.Equal(t, first.Depth+1, second.Depth)
	h.Del("Traceparent")
	third, _ := Start(h)
	require.Equal(t, first.TraceID, third.TraceID)
	require.Equal(t, first.SpanID, third.ParentID)
}
