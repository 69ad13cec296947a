package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// gigabyte is an upstream whose answer goes on with a line of a gigabyte, which it makes
// while it sends.
type gigabyte struct {
	*httptest.Server
	kind, begin string
	left        chan departure
}

// departure is how an upstream was left: how much it got rid of, and whether that was
// all.
type departure struct {
	written int
	all     bool
}

func newGigabyte(t *testing.T) *gigabyte {
	g := &gigabyte{left: make(chan departure, 1)}
	piece := []byte(strings.Repeat("x", 64<<10))
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", g.kind)
		_, err := io.WriteString(w, g.begin)
		written := 0
		for err == nil && written < 1<<30 {
			var n int
			n, err = w.Write(piece)
			written += n
		}
		g.left <- departure{written, err == nil}
	}))
	t.Cleanup(g.Close)
	return g
}

// firstEvent is how a stream of the protocol begins, up to where text would stand.
func (w wire) firstEvent() string {
	return w.stream[:strings.Index(w.stream, "\n\n")+2] + "data: \""
}

// allocated runs f and returns how many bytes were allocated meanwhile by all of the
// process: the upstream and the caller are in it.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A line without an end is bounded, and so is the memory that it takes; the upstream is
// left as soon as the bound is reached.
func TestFaultOfEndlessLine(t *testing.T) {
	const bound = 8 << 20 // the default of an event
	g := newGigabyte(t)
	for _, c := range crossings() {
		s := newGateway(t, c.bundle(g.URL, ""))
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprint(c, " stream=", stream), func(t *testing.T) {
				g.kind, g.begin = sse, c.up.firstEvent()
				var got answer
				took := allocated(func() { got = c.try(t, s, stream) })
				// A caller who wants no stream is relayed the one that the upstream sends.
				streamed := stream || c.relayed()
				require.Contains(t, c.mustFail(t, got, streamed), fmt.Sprint(bound, " bytes"))
				require.Less(t, len(got.Body), 8<<10)
				require.Less(t, took, uint64(4*bound))
				e := s.event(t)
				require.Equal(t, "upstream_error", e.ErrorType)
				require.False(t, e.LLM.UsageFinalized)
				left := <-g.left
				require.False(t, left.all, "the upstream is cut off")
				require.Less(t, left.written, 4*bound)
			})
		}
	}
}

// So is an answer that is no stream where it is translated, which needs all of it. Where
// it is relayed it streams through, and takes no memory either.
func TestFaultOfEndlessAnswer(t *testing.T) {
	const bound = 4 << 20
	g := newGigabyte(t)
	for _, c := range crossings() {
		s := newGateway(t, c.bundle(g.URL, ""), gateway.WithLimits(gateway.Limits{Answer: bound}))
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprint(c, " stream=", stream), func(t *testing.T) {
				g.kind, g.begin = "application/json", strings.SplitAfter(c.up.plain, `"Hello`)[0]
				if c.relayed() {
					path, body := c.ask(stream)
					took := allocated(func() {
						resp := s.start(t, t.Context(), "POST", path, body)
						_, err := io.CopyN(io.Discard, resp.Body, 16*bound)
						require.NoError(t, err)
						require.NoError(t, resp.Body.Close())
					})
					require.Less(t, took, uint64(2*bound))
					require.Equal(t, "canceled", s.event(t).ErrorType)
					left := <-g.left
					require.False(t, left.all, "the upstream is cut off when the caller leaves")
					return
				}
				var got answer
				took := allocated(func() { got = c.try(t, s, stream) })
				require.Equal(t, 502, got.Status)
				require.Contains(t, c.mustFail(t, got, stream), fmt.Sprint(bound, " bytes"))
				require.Less(t, took, uint64(16*bound), "reading all of it takes a few times its size")
				require.Equal(t, "upstream_error", s.event(t).ErrorType)
				left := <-g.left
				require.False(t, left.all, "the upstream is cut off")
				require.Less(t, left.written, 8*bound)
			})
		}
	}
}

// A big event is fine, and becomes as many of the caller's as it holds.
func TestFaultlessBigEvent(t *testing.T) {
	for _, c := range crossings() {
		up := newUpstream(t)
		s := newGateway(t, c.bundle(up.URL, ""))
		up.Enqueue(llmtest.Fault{Size: 1 << 20, Chunks: 1})
		got := c.try(t, s, true)
		require.Contains(t, got.Body, c.caller.end, c)
		require.Greater(t, len(got.Body), 1<<20, c)
		require.True(t, s.event(t).Success, c)
	}
}

// A stream for a caller who wants none is read whole, and bounded as a whole.
func TestFaultOfLongAnswer(t *testing.T) {
	for _, c := range crossings() {
		if c.relayed() {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			up := newUpstream(t)
			s := newGateway(t, c.bundle(up.URL, ""), gateway.WithLimits(gateway.Limits{Answer: 32 << 10}))
			up.Enqueue(llmtest.Fault{Size: 64 << 10, Chunks: 4})
			got := c.try(t, s, false)
			require.Contains(t, c.mustFail(t, got, false), "32768 bytes")
			require.Equal(t, "upstream_error", s.event(t).ErrorType)

			// The upstream streams although nobody asked for it.
			long := strings.Replace(c.up.stream, "Hel", "Hel"+strings.Repeat("x", 64<<10), 1)
			up.Reply(200, http.Header{"Content-Type": {sse}}, []byte(long))
			got = c.try(t, s, false)
			require.Equal(t, 502, got.Status)
			require.Contains(t, c.mustFail(t, got, false), "32768 bytes")
			require.Equal(t, "upstream_error", s.event(t).ErrorType)
		})
	}
}
