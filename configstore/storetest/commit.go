package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
)

func testEmpty(t *testing.T, s configstore.Store) {
	snap := load(t, s)
	require.Zero(t, snap.Rev)
	require.Empty(t, snap.Records)
}

func testCommitAndLoad(t *testing.T, s configstore.Store) {
	rev := commit(t, s, 0, put("route", "b", "1"), put("provider", "z", "2"), put("route", "a", "3"), put("route", "B", "4"))
	snap := load(t, s)
	require.Equal(t, rev, snap.Rev)
	require.Equal(t, []string{"provider/z=2", "route/B=4", "route/a=3", "route/b=1"}, contents(snap))
}

func testRevisions(t *testing.T, s configstore.Store) {
	require.EqualValues(t, 1, commit(t, s, 0, put("k", "a", "1"), put("k", "b", "1")))
	require.EqualValues(t, 2, commit(t, s, 1, put("k", "b", "2")))
	require.EqualValues(t, 3, commit(t, s, 2, put("k", "c", "3"), del("k", "none")))
	snap := load(t, s)
	require.EqualValues(t, 3, snap.Rev)
	var revs []int64
	for _, r := range snap.Records {
		revs = append(revs, r.Rev)
	}
	require.Equal(t, []int64{1, 2, 3}, revs)
}

func testStamps(t *testing.T, s configstore.Store) {
	before := time.Now().Add(-time.Millisecond)
	commit(t, s, 0, put("k", "a", "1"))
	first := load(t, s).Records[0]
	require.Equal(t, first.CreatedAt, first.UpdatedAt)
	require.True(t, first.CreatedAt.After(before) && !first.CreatedAt.After(time.Now()), "%v is not now", first.CreatedAt)

	for tick := time.Now(); time.Since(tick) < 2*time.Millisecond; { // let the clock move on
	}
	commit(t, s, 1, put("k", "b", "1"))
	require.Equal(t, first, load(t, s).Records[0], "another object's commit touched this one")
	commit(t, s, 2, put("k", "a", "2"))
	second := load(t, s).Records[0]
	require.Equal(t, first.CreatedAt, second.CreatedAt)
	require.True(t, second.UpdatedAt.After(first.UpdatedAt))

	commit(t, s, 3, del("k", "a"))
	commit(t, s, 4, put("k", "a", "3"))
	third := load(t, s).Records[0]
	require.True(t, third.CreatedAt.After(first.CreatedAt), "a new object has its predecessor's creation time")
}

func testOpsInOrder(t *testing.T, s configstore.Store) {
	commit(t, s, 0, put("k", "a", "1"), put("k", "a", "2"), del("k", "b"), put("k", "b", "3"), put("k", "c", "4"), del("k", "c"))
	require.Equal(t, []string{"k/a=2", "k/b=3"}, contents(load(t, s)))
}

func testDelete(t *testing.T, s configstore.Store) {
	commit(t, s, 0, put("k", "a", "1"), put("k", "b", "1"), put("other", "a", "1"))
	require.EqualValues(t, 2, commit(t, s, 1, del("k", "a")))
	require.Equal(t, []string{"k/b=1", "other/a=1"}, contents(load(t, s)))
	require.EqualValues(t, 3, commit(t, s, 2, del("k", "a")), "removing what is not there is a commit like any other")
}

func testNoOps(t *testing.T, s configstore.Store) {
	commit(t, s, 0, put("k", "a", "1"))
	require.EqualValues(t, 1, commit(t, s, 1))
	require.EqualValues(t, 1, load(t, s).Rev)
	_, err := s.Commit(t.Context(), 0)
	require.ErrorIs(t, err, configstore.ErrConflict)
}

func testConflict(t *testing.T, s configstore.Store) {
	commit(t, s, 0, put("k", "a", "1"))
	commit(t, s, 1, put("k", "a", "2"))
	for _, base := range []int64{-1, 0, 1, 3} {
		_, err := s.Commit(t.Context(), base, put("k", "a", "lost"), put("k", "b", "lost"))
		require.ErrorIs(t, err, configstore.ErrConflict, "base %d", base)
	}
	snap := load(t, s)
	require.EqualValues(t, 2, snap.Rev)
	require.Equal(t, []string{"k/a=2"}, contents(snap))
}

func testConcurrentCommits(t *testing.T, s configstore.Store) {
	const rounds, committers = 10, 4
	for base := range int64(rounds) {
		var wins atomic.Int64
		var all sync.WaitGroup
		for c := range committers {
			all.Go(func() {
				rev, err := s.Commit(t.Context(), base, put("k", fmt.Sprint(c), fmt.Sprint(base)))
				switch {
				case err == nil && rev == base+1:
					wins.Add(1)
				case !errors.Is(err, configstore.ErrConflict):
					t.Errorf("Commit on %d: revision %d, %v", base, rev, err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, wins.Load(), "winners on base %d", base)
	}
	require.EqualValues(t, rounds, load(t, s).Rev)
}

func testCancelled(t *testing.T, s configstore.Store) {
	_, err := s.Commit(cancelled(t), 0, put("k", "a", "1"))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Load(cancelled(t))
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, load(t, s).Rev)
}

func testIsolation(t *testing.T, s configstore.Store) {
	data := []byte("stored")
	_, err := s.Commit(t.Context(), 0, configstore.Op{Kind: "k", ID: "a", Data: data})
	require.NoError(t, err)
	copy(data, "xxxxxx")
	loaded := load(t, s).Records[0].Data
	require.Equal(t, "stored", string(loaded))
	copy(loaded, "yyyyyy")
	require.Equal(t, "stored", string(load(t, s).Records[0].Data))
}

func testOddNames(t *testing.T, s configstore.Store) {
	names := []string{"mcp:mcp-main:/mcp", "a/b?c#d%20e", "it's \"quoted\"", "semi;colon -- comment", "ünïcödé 世界 🙂", " spaced ", "A", "a", "a\nb", "_%", ""}
	data := []string{`{"a":1}`, "not JSON", "\x00\xff\xfe", "", "\n"}
	var ops []configstore.Op
	want := map[string]string{}
	for i, name := range names {
		ops = append(ops, put("kind "+name, name, data[i%len(data)]))
		want[name] = data[i%len(data)]
	}
	ops = append(ops, configstore.Op{Kind: "nil", ID: "nil"})
	want["nil"] = ""
	commit(t, s, 0, ops...)
	got := map[string]string{}
	for _, r := range load(t, s).Records {
		got[r.ID] = string(r.Data)
	}
	require.Equal(t, want, got)
}

func testBig(t *testing.T, s configstore.Store) {
	const records = 5000
	ops := []configstore.Op{{Kind: "big", ID: "big", Data: bytes.Repeat([]byte("0123456789abcdef"), 1<<16)}} // 1 MiB
	for i := range records {
		ops = append(ops, put("k", fmt.Sprintf("%05d", i), fmt.Sprintf(`{"n":%d}`, i)))
	}
	commit(t, s, 0, ops...)
	got := load(t, s).Records
	require.Len(t, got, records+1)
	require.True(t, bytes.Equal(ops[0].Data, got[0].Data))
	for i, r := range got[1:] {
		if r.ID != ops[i+1].ID || !bytes.Equal(r.Data, ops[i+1].Data) {
			t.Fatalf("record %d is %s %s", i, r.ID, r.Data)
		}
	}
}

// testAllOrNone reads while two records are always written together.
func testAllOrNone(t *testing.T, s configstore.Store) {
	const commits = 50
	var writing sync.WaitGroup
	done := make(chan struct{})
	writing.Go(func() {
		defer close(done)
		for base := range int64(commits) {
			n := fmt.Sprint(base + 1)
			if _, err := s.Commit(t.Context(), base, put("k", "a", n), put("k", "b", n)); err != nil {
				t.Errorf("Commit: %v", err)
				return
			}
		}
	})
	defer writing.Wait()
	for {
		snap := load(t, s)
		if snap.Rev > 0 {
			n := fmt.Sprint(snap.Rev)
			require.Equal(t, []string{"k/a=" + n, "k/b=" + n}, contents(snap), "at revision %d", snap.Rev)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
