package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// A long stream costs the gateway no more allocations than a short one, whether
// its events come together or one by one. The upstream is in this process too,
// and allocates nothing for an event either.
func TestAllocationsDoNotGrowWithTheStream(t *testing.T) {
	const short, long = 100, 1000
	for name, every := range map[string]time.Duration{"together": 0, "one by one": 20 * time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			streams := []scenario{
				{name: "short", events: short, every: every, body: streamRequest("short")},
				{name: "long", events: long, every: every, body: streamRequest("long")},
			}
			gw := newGateway(t, serveUpstream(t, streams))
			// A collection in between would empty the pools of one of the two.
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			objects, size := leastAllocated(t, gw, streams[0])
			moreObjects, moreSize := leastAllocated(t, gw, streams[1])
			t.Logf("a stream of %d events: %d allocations, %d bytes; of %d: %d allocations, %d bytes", short, objects, size, long, moreObjects, moreSize)
			// One allocation for each event would be twenty times as many. Bytes
			// are allowed more, as the race detector empties pools at random: they
			// are there to catch a stream that is kept whole.
			require.Less(t, moreObjects-objects, int64(long-short)/20)
			require.Less(t, moreSize-size, int64(long-short)*64)
		})
	}
}

func newGateway(t *testing.T, upstream string) *gateway.Gateway {
	t.Helper()
	gw, err := gateway.New(
		gateway.WithStaticBundle(fmt.Appendf(nil, bundle, "http://"+upstream, upstreamKey, virtualKey), nil),
		gateway.WithSink(nowhere{}), gateway.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	return gw
}

// leastAllocated is what one call allocates, in the quietest of a few runs: the
// runtime allocates too, now and then.
func leastAllocated(t *testing.T, gw http.Handler, s scenario) (objects, size int64) {
	t.Helper()
	const runs, calls = 4, 5
	w := &reader{header: http.Header{}}
	call := func(n int) {
		for range n {
			r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", bytes.NewReader(s.body))
			r.Header.Set("Authorization", "Bearer "+virtualKey)
			*w = reader{header: w.header}
			clear(w.header)
			gw.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.status)
			require.Equal(t, s.events+1, w.events, "with the end of the stream")
		}
	}
	call(3) // fills pools and connections
	for i := range runs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		call(calls)
		runtime.ReadMemStats(&after)
		o, b := int64(after.Mallocs-before.Mallocs)/calls, int64(after.TotalAlloc-before.TotalAlloc)/calls
		if i == 0 {
			objects, size = o, b
		}
		objects, size = min(objects, o), min(size, b)
	}
	return objects, size
}

// reader is a caller that counts what it gets. It stands in for net/http's
// server, which allocates the length of a chunk when that is over 255.
type reader struct {
	header         http.Header
	status, events int
}

func (w *reader) Header() http.Header { return w.header }

func (w *reader) WriteHeader(status int) { w.status = status }

func (w *reader) Write(p []byte) (int, error) {
	w.events += bytes.Count(p, []byte("\n\n"))
	return len(p), nil
}

func (w *reader) Flush() {}

func (w *reader) EnableFullDuplex() error { return nil }

func (w *reader) SetReadDeadline(time.Time) error { return nil }

func (w *reader) SetWriteDeadline(time.Time) error { return nil }

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) Record(context.Context, *metrics.Event) {}
