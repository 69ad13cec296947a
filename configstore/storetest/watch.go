package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
)

func watch(t *testing.T, ctx context.Context, s configstore.Store, after int64) <-chan int64 {
	t.Helper()
	revs, err := s.Watch(ctx, after)
	require.NoError(t, err)
	return revs
}

// quiet checks that Watch has nothing to tell.
func quiet(t *testing.T, revs <-chan int64) {
	t.Helper()
	select {
	case rev, ok := <-revs:
		t.Fatalf("Watch sent %d (open: %v)", rev, ok)
	case <-time.After(20 * time.Millisecond):
	}
}

func testWatch(t *testing.T, s configstore.Store) {
	one, two := watch(t, t.Context(), s, 0), watch(t, t.Context(), s, 0)
	quiet(t, one)
	for base := range int64(3) {
		want := commit(t, s, base, put("k", "a", "1"))
		for _, revs := range []<-chan int64{one, two} {
			rev, ok := receive(t, revs)
			require.True(t, ok)
			require.Equal(t, want, rev)
		}
	}
	_, err := s.Commit(t.Context(), 1, put("k", "a", "lost"))
	require.ErrorIs(t, err, configstore.ErrConflict)
	quiet(t, one)
}

func testWatchCatchesUp(t *testing.T, s configstore.Store) {
	commit(t, s, 0, put("k", "a", "1"))
	commit(t, s, 1, put("k", "a", "2"))
	behind, level := watch(t, t.Context(), s, 0), watch(t, t.Context(), s, 2)
	for rev := int64(0); rev != 2; {
		next, ok := receive(t, behind)
		require.True(t, ok)
		require.Greater(t, next, rev)
		rev = next
	}
	quiet(t, level)
	quiet(t, behind)
}

func testWatchCoalesces(t *testing.T, s configstore.Store) {
	revs := watch(t, t.Context(), s, 0)
	const last = 20
	for base := range int64(last) { // nobody receives, and nobody is held up
		commit(t, s, base, put("k", "a", "1"))
	}
	for rev := int64(0); rev != last; {
		next, ok := receive(t, revs)
		require.True(t, ok)
		require.Greater(t, next, rev, "revisions came out of order")
		rev = next
	}
	quiet(t, revs)
}

func testWatchContext(t *testing.T, s configstore.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	revs := watch(t, ctx, s, 0)
	cancel()
	_, ok := receive(t, revs)
	require.False(t, ok, "the channel is still open")
	commit(t, s, 0, put("k", "a", "1"))
}

func testCloseEndsWatch(t *testing.T, s configstore.Store) {
	idle, full := watch(t, t.Context(), s, 1), watch(t, t.Context(), s, 0)
	commit(t, s, 0, put("k", "a", "1")) // full has something to send that nobody takes
	require.NoError(t, s.Close())
	_, ok := receive(t, idle)
	require.False(t, ok, "the channel is still open")
	for ok = true; ok; {
		_, ok = receive(t, full)
	}
}

func testClosed(t *testing.T, s configstore.Store) {
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing again")
	_, err := s.Load(t.Context())
	require.Error(t, err)
	_, err = s.Commit(t.Context(), 0, put("k", "a", "1"))
	require.Error(t, err)
	_, err = s.Watch(t.Context(), 0)
	require.Error(t, err)
	if s, ok := s.(configstore.StateStore); ok {
		_, err = s.Get(t.Context(), "b", "k")
		require.Error(t, err)
		require.NotErrorIs(t, err, configstore.ErrNotFound)
		_, err = s.Put(t.Context(), "b", "k", []byte("1"), -1, time.Time{})
		require.Error(t, err)
		scanned := false
		for _, err := range s.Scan(t.Context(), "b", "") {
			require.Error(t, err)
			scanned = true
		}
		require.True(t, scanned, "Scan of a closed store yields an error")
	}
}
