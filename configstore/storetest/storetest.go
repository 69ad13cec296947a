// Package storetest checks that a [configstore.Store] does what its interface
// promises. A store of your own passes it like this:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) configstore.Store { return mystore.New(t.TempDir()) })
//	}
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
)

// patience bounds every wait for something that must happen.
const patience = 10 * time.Second

// Run checks the stores that open returns: empty ones, which the suite closes. What
// is said of a [configstore.StateStore] is checked when the store is one too.
func Run(t *testing.T, open func(t *testing.T) configstore.Store) {
	type test struct {
		name string
		run  func(t *testing.T, s configstore.Store)
	}
	run := func(tests []test) {
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				s := open(t)
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				tc.run(t, s)
			})
		}
	}
	run([]test{
		{"an empty store is at revision 0", testEmpty},
		{"what is committed is loaded, ordered by kind and id", testCommitAndLoad},
		{"a commit raises the revision by one, and is the Rev of what it wrote", testRevisions},
		{"a record remembers when it was created and updated", testStamps},
		{"ops apply in order", testOpsInOrder},
		{"what is deleted is gone", testDelete},
		{"no ops are no change", testNoOps},
		{"another base is a conflict, and changes nothing", testConflict},
		{"of concurrent commits on one base one wins", testConcurrentCommits},
		{"a commit with a cancelled context changes nothing", testCancelled},
		{"nobody can change what is stored", testIsolation},
		{"any kind, id and data are kept as they are", testOddNames},
		{"big sets are kept whole", testBig},
		{"Load sees whole commits only", testAllOrNone},
		{"Watch tells of each commit", testWatch},
		{"Watch tells of commits before it that are later than after", testWatchCatchesUp},
		{"Watch may skip revisions, but not the last", testWatchCoalesces},
		{"Watch ends with its context", testWatchContext},
		{"Close ends every Watch", testCloseEndsWatch},
		{"a closed store answers with errors", testClosed},
	})

	s := open(t)
	_, stateful := s.(configstore.StateStore)
	require.NoError(t, s.Close())
	if !stateful {
		return
	}
	state := func(f func(t *testing.T, s configstore.StateStore)) func(*testing.T, configstore.Store) {
		return func(t *testing.T, s configstore.Store) { f(t, s.(configstore.StateStore)) }
	}
	run([]test{
		{"state/what is not there is not found", state(testStateMissing)},
		{"state/what is put is got", state(testStatePut)},
		{"state/versions grow, also over deletions", state(testStateVersions)},
		{"state/ifVersion decides", state(testStateIfVersion)},
		{"state/nil deletes, empty does not", state(testStateDelete)},
		{"state/expired values are not there", state(testStateExpiry)},
		{"state/buckets are apart", state(testStateBuckets)},
		{"state/Scan yields a prefix in order", state(testStateScan)},
		{"state/Scan stops when told, and lets others in", state(testStateScanBreak)},
		{"state/Scan ends with its context", state(testStateScanContext)},
		{"state/nobody can change what is stored", state(testStateIsolation)},
		{"state/of concurrent puts on one version one wins", state(testStateConcurrent)},
		{"state/it is not part of the revision", testStateApart},
	})
}

func commit(t *testing.T, s configstore.Store, base int64, ops ...configstore.Op) int64 {
	t.Helper()
	rev, err := s.Commit(t.Context(), base, ops...)
	require.NoError(t, err)
	return rev
}

func load(t *testing.T, s configstore.Store) configstore.Snapshot {
	t.Helper()
	snap, err := s.Load(t.Context())
	require.NoError(t, err)
	return snap
}

func put(kind, id, data string) configstore.Op {
	return configstore.Op{Kind: kind, ID: id, Data: []byte(data)}
}

func del(kind, id string) configstore.Op {
	return configstore.Op{Kind: kind, ID: id, Delete: true}
}

// contents is what records hold, without revisions and times.
func contents(snap configstore.Snapshot) []string {
	var all []string
	for _, r := range snap.Records {
		all = append(all, r.Kind+"/"+r.ID+"="+string(r.Data))
	}
	return all
}

// receive returns the next revision, and whether the channel is open.
func receive(t *testing.T, revs <-chan int64) (int64, bool) {
	t.Helper()
	select {
	case rev, ok := <-revs:
		return rev, ok
	case <-time.After(patience):
		t.Fatalf("nothing came from Watch in %v", patience)
		return 0, false
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
