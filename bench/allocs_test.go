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
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/metrics"
)

const short, long = 100, 1000

// lengths are two streams that differ in their length only.
func lengths(s scenario, every time.Duration) [2]scenario {
	all := [2]scenario{s, s}
	all[0].events, all[1].events = short, long
	for i := range all {
		all[i].every = every
		all[i].model = fmt.Sprintf("%s%d", s.model, all[i].events)
		all[i].body = bytes.Replace(s.body, []byte(s.model), []byte(all[i].model), 1)
	}
	return all
}

// growth is what a gateway allocates for each event that the longer stream has more.
func growth(t *testing.T, streams [2]scenario) (objects, size float64) {
	t.Helper()
	gw := newGateway(t, serveUpstream(t, streams[:]), nowhere{})
	// A collection in between would empty the pools of one of the two.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	least, bytes := leastAllocated(t, gw, streams[0])
	more, moreBytes := leastAllocated(t, gw, streams[1])
	t.Logf("a stream of %d events: %d allocations, %d bytes; of %d: %d allocations, %d bytes", short, least, bytes, long, more, moreBytes)
	return float64(more-least) / (long - short), float64(moreBytes-bytes) / (long - short)
}

var paces = map[string]time.Duration{"together": 0, "one by one": 20 * time.Microsecond}

// A long stream costs the gateway no more allocations than a short one, whether
// its events come together or one by one. The upstream is in this process too,
// and allocates nothing for an event either.
func TestAllocationsDoNotGrowWithTheStream(t *testing.T) {
	for name, every := range paces {
		t.Run(name, func(t *testing.T) {
			objects, size := growth(t, lengths(one(t, "stream"), every))
			// One allocation for each event would be twenty times as many. Bytes
			// are allowed more, as the race detector empties pools at random: they
			// are there to catch a stream that is kept whole.
			require.Less(t, objects, 1.0/20)
			require.Less(t, size, 64.0)
		})
	}
}

// A stream that is translated costs one allocation more for each event that it is
// longer, and no second: the codec copies what it keeps of the event, which has to
// outlive the memory that the stream is read into. Bytes are told, and not held to
// anything: they are of memory for what is read at once, which is as much as has come.
//
// Under the race detector pools forget a quarter of what they are given, among them
// that of encoding/json, which looks at the numbers of each event: it allows another.
func TestAllocationsOfATranslatedStream(t *testing.T) {
	most := 1 + 1.0/20 // some memory grows by doubling
	if underRace() {
		most++
	}
	for _, of := range []string{"stream-translated", "stream-to-messages"} {
		for name, every := range paces {
			t.Run(of+"/"+name, func(t *testing.T) {
				objects, size := growth(t, lengths(one(t, of), every))
				t.Logf("%.2f allocations and %.0f bytes for an event", objects, size)
				require.Less(t, objects, most)
			})
		}
	}
}

// underRace says whether this was built with the race detector.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func newGateway(t *testing.T, upstream string, sink metrics.Sink) *gateway.Gateway {
	t.Helper()
	return newGatewayOf(t, bundle("http://"+upstream), sink)
}

func newGatewayOf(t *testing.T, bundle []byte, sink metrics.Sink) *gateway.Gateway {
	t.Helper()
	gw, err := gateway.New(gateway.WithStaticBundle(bundle, nil), gateway.WithSink(sink), gateway.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	return gw
}

// leastAllocated is what one call allocates, in the quietest of a few runs: the
// runtime allocates too, now and then.
func leastAllocated(t *testing.T, gw http.Handler, s scenario) (objects, size int64) {
	t.Helper()
	const runs, calls = 4, 5
	w := &reader{header: http.Header{}, wants: s.whole()}
	call := func(n int) {
		for range n {
			r := httptest.NewRequest(http.MethodPost, s.route+s.asks, bytes.NewReader(s.body))
			r.Header.Set("Authorization", "Bearer "+virtualKey)
			*w = reader{header: w.header, wants: w.wants}
			clear(w.header)
			gw.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.status)
			require.Equal(t, w.wants.count, w.events)
			require.True(t, w.ended, "with the end of the stream")
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
	wants          whole
	status, events int
	ended          bool
}

func (w *reader) Header() http.Header { return w.header }

func (w *reader) WriteHeader(status int) { w.status = status }

func (w *reader) Write(p []byte) (int, error) {
	w.events += bytes.Count(p, w.wants.event)
	w.ended = w.ended || bytes.HasSuffix(p, w.wants.end)
	return len(p), nil
}

func (w *reader) Flush() {}

func (w *reader) EnableFullDuplex() error { return nil }

func (w *reader) SetReadDeadline(time.Time) error { return nil }

func (w *reader) SetWriteDeadline(time.Time) error { return nil }

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) Record(context.Context, *metrics.Event) {}
