package storetest

import (
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

const bucket = "bucket"

var never time.Time

func set(t *testing.T, s configstore.StateStore, key, val string, ifVersion int64, expires time.Time) int64 {
	t.Helper()
	version, err := s.Put(t.Context(), bucket, key, []byte(val), ifVersion, expires)
	require.NoError(t, err)
	return version
}

func scan(t *testing.T, s configstore.StateStore, prefix string) []string {
	t.Helper()
	keys := []string{}
	for v, err := range s.Scan(t.Context(), bucket, prefix) {
		require.NoError(t, err)
		keys = append(keys, v.Key)
	}
	return keys
}

func testStateMissing(t *testing.T, s configstore.StateStore) {
	_, err := s.Get(t.Context(), bucket, "k")
	require.ErrorIs(t, err, configstore.ErrNotFound)
	require.Empty(t, scan(t, s, ""))
}

func testStatePut(t *testing.T, s configstore.StateStore) {
	for _, key := range []string{"k", "", "a/b%c_d", "it's", "世界"} {
		for _, val := range []string{"first", "\x00\xff", ""} {
			version := set(t, s, key, val, -1, never)
			v, err := s.Get(t.Context(), bucket, key)
			require.NoError(t, err)
			require.Equal(t, configstore.Value{Key: key, Data: []byte(val), Version: version}, v)
		}
	}
	expires := time.Now().Add(time.Hour)
	set(t, s, "k", "1", -1, expires)
	v, err := s.Get(t.Context(), bucket, "k")
	require.NoError(t, err)
	require.WithinDuration(t, expires, v.Expires, time.Millisecond)
	set(t, s, "k", "2", -1, never)
	v, err = s.Get(t.Context(), bucket, "k")
	require.NoError(t, err)
	require.True(t, v.Expires.IsZero())
}

func testStateVersions(t *testing.T, s configstore.StateStore) {
	last := int64(0)
	for i := range 10 {
		version := set(t, s, "k", "1", -1, never)
		require.Greater(t, version, last)
		last = version
		if i%3 == 2 {
			_, err := s.Put(t.Context(), bucket, "k", nil, -1, never)
			require.NoError(t, err)
		}
	}
}

func testStateIfVersion(t *testing.T, s configstore.StateStore) {
	_, err := s.Put(t.Context(), bucket, "k", []byte("x"), 7, never)
	require.ErrorIs(t, err, configstore.ErrVersion, "a version of what is not there")
	v1 := set(t, s, "k", "1", 0, never)
	_, err = s.Put(t.Context(), bucket, "k", []byte("x"), 0, never)
	require.ErrorIs(t, err, configstore.ErrVersion, "0 when there is one")
	v2 := set(t, s, "k", "2", v1, never)
	_, err = s.Put(t.Context(), bucket, "k", []byte("x"), v1, never)
	require.ErrorIs(t, err, configstore.ErrVersion, "an old version")
	_, err = s.Put(t.Context(), bucket, "k", nil, v1, never)
	require.ErrorIs(t, err, configstore.ErrVersion, "deleting an old version")
	v, err := s.Get(t.Context(), bucket, "k")
	require.NoError(t, err)
	require.Equal(t, configstore.Value{Key: "k", Data: []byte("2"), Version: v2}, v)
	set(t, s, "k", "3", -1, never)
}

func testStateDelete(t *testing.T, s configstore.StateStore) {
	remove := func(ifVersion int64) {
		t.Helper()
		version, err := s.Put(t.Context(), bucket, "k", nil, ifVersion, never)
		require.NoError(t, err)
		require.Zero(t, version)
		_, err = s.Get(t.Context(), bucket, "k")
		require.ErrorIs(t, err, configstore.ErrNotFound)
	}
	remove(-1)
	remove(0)
	remove(set(t, s, "k", "1", 0, never))
	set(t, s, "k", "2", 0, never)
	remove(-1)
	set(t, s, "k", "", 0, never)
	require.Equal(t, []string{"k"}, scan(t, s, ""))
}

func testStateExpiry(t *testing.T, s configstore.StateStore) {
	past := time.Now().Add(-time.Minute)
	old := set(t, s, "k", "1", 0, past)
	set(t, s, "live", "1", 0, time.Now().Add(time.Hour))
	set(t, s, "far", "1", 0, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	_, err := s.Get(t.Context(), bucket, "k")
	require.ErrorIs(t, err, configstore.ErrNotFound)
	require.Equal(t, []string{"far", "live"}, scan(t, s, ""))
	_, err = s.Put(t.Context(), bucket, "k", []byte("x"), old, never)
	require.ErrorIs(t, err, configstore.ErrVersion, "an expired value has no version")
	require.Greater(t, set(t, s, "k", "2", 0, never), old)
	for i := range 100 {
		set(t, s, fmt.Sprint("gone", i), "1", -1, past)
	}
	require.Equal(t, []string{"far", "k", "live"}, scan(t, s, ""))

	soon := time.Now().Add(50 * time.Millisecond)
	set(t, s, "k", "3", -1, soon)
	for {
		_, err := s.Get(t.Context(), bucket, "k")
		if errors.Is(err, configstore.ErrNotFound) {
			break
		}
		require.NoError(t, err)
		require.Less(t, time.Since(soon), patience, "the value does not expire")
	}
	require.False(t, time.Now().Before(soon.Add(-time.Millisecond)), "the value expired too early")
}

func testStateBuckets(t *testing.T, s configstore.StateStore) {
	set(t, s, "k", "1", 0, never)
	_, err := s.Get(t.Context(), "other", "k")
	require.ErrorIs(t, err, configstore.ErrNotFound)
	_, err = s.Put(t.Context(), "other", "k", []byte("2"), 0, never)
	require.NoError(t, err)
	v, err := s.Get(t.Context(), bucket, "k")
	require.NoError(t, err)
	require.Equal(t, "1", string(v.Data))
	require.Equal(t, []string{"k"}, scan(t, s, ""))
}

func testStateScan(t *testing.T, s configstore.StateStore) {
	keys := []string{"A", "a", "a%", "a%b", "aXb", "a_", "a_b", "ab", "b", "é", "世", "世界"} // in the order of their bytes
	for i := range keys {
		set(t, s, keys[(i*5)%len(keys)], "1", 0, never)
	}
	for prefix, want := range map[string][]string{
		"":    keys,
		"a":   {"a", "a%", "a%b", "aXb", "a_", "a_b", "ab"},
		"a%":  {"a%", "a%b"},
		"a_":  {"a_", "a_b"},
		"世":   {"世", "世界"},
		"zzz": {},
	} {
		require.Equal(t, want, scan(t, s, prefix), "prefix %q", prefix)
	}

	const many = 600
	for i := range many {
		set(t, s, fmt.Sprintf("many/%04d", i), fmt.Sprint(i), 0, never)
	}
	next := 0
	for v, err := range s.Scan(t.Context(), bucket, "many/") {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(next), string(v.Data))
		require.Positive(t, v.Version)
		next++
	}
	require.Equal(t, many, next)
}

func testStateScanBreak(t *testing.T, s configstore.StateStore) {
	for i := range 10 {
		set(t, s, fmt.Sprint(i), "1", 0, never)
	}
	seen := 0
	for v, err := range s.Scan(t.Context(), bucket, "") {
		require.NoError(t, err)
		_, err = s.Put(t.Context(), bucket, v.Key, nil, v.Version, never)
		require.NoError(t, err, "writing while scanning")
		if seen++; seen == 4 {
			break
		}
	}
	require.Equal(t, []string{"4", "5", "6", "7", "8", "9"}, scan(t, s, ""))
}

func testStateScanContext(t *testing.T, s configstore.StateStore) {
	set(t, s, "k", "1", 0, never)
	n := 0
	for _, err := range s.Scan(cancelled(t), bucket, "") {
		require.ErrorIs(t, err, context.Canceled)
		n++
	}
	require.Equal(t, 1, n)
}

func testStateIsolation(t *testing.T, s configstore.StateStore) {
	data := []byte("stored")
	_, err := s.Put(t.Context(), bucket, "k", data, 0, never)
	require.NoError(t, err)
	for range 2 {
		copy(data, "xxxxxx")
		v, err := s.Get(t.Context(), bucket, "k")
		require.NoError(t, err)
		require.Equal(t, "stored", string(v.Data))
		data = v.Data
	}
	for v, err := range s.Scan(t.Context(), bucket, "") {
		require.NoError(t, err)
		require.Equal(t, "stored", string(v.Data))
	}
}

func testStateConcurrent(t *testing.T, s configstore.StateStore) {
	version := int64(0)
	for round := range 10 {
		var wins, next atomic.Int64
		var all sync.WaitGroup
		for c := range 4 {
			all.Go(func() {
				v, err := s.Put(t.Context(), bucket, "k", []byte{byte(c)}, version, never)
				switch {
				case err == nil:
					wins.Add(1)
					next.Store(v)
				case !errors.Is(err, configstore.ErrVersion):
					t.Errorf("Put: %v", err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, wins.Load(), "winners of round %d", round)
		version = next.Load()
	}
}

func testStateApart(t *testing.T, s configstore.Store) {
	revs := watch(t, t.Context(), s, 0)
	set(t, s.(configstore.StateStore), "k", "1", 0, never)
	require.Zero(t, load(t, s).Rev)
	quiet(t, revs)
	commit(t, s, 0, put("k", "a", "1"))
}
