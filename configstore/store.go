package configstore

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrConflict says that somebody else changed the store first: load it again
// and decide anew.
var ErrConflict = errors.New("configstore: the store has changed since it was read")

// Store keeps the configuration. It knows nothing of what it keeps: a [Record]
// is bytes, with secrets already sealed. It is safe for concurrent use.
// Package storetest has the suite that every store here passes.
type Store interface {
	// Load returns everything, read in one transaction.
	Load(ctx context.Context) (Snapshot, error)
	// Commit applies all ops or none and returns the new revision, base+1. It
	// fails with ErrConflict unless the store is at revision base. No ops are no
	// change: Commit then returns base.
	Commit(ctx context.Context, base int64, ops ...Op) (rev int64, err error)
	// Watch sends the revision after each commit later than after, those of
	// other processes and one's own, until ctx is done; then it closes the
	// channel. Revisions may be skipped when several come fast, the last never.
	Watch(ctx context.Context, after int64) (<-chan int64, error)
	// Close waits for what is under way and ends every Watch.
	Close() error
}

// Ephemeral is implemented by a Store that forgets everything when the process
// ends. Only such a store may be used without a master key.
type Ephemeral interface{ Ephemeral() bool }

// Snapshot is the whole configuration at one revision. An empty store is at
// revision 0.
type Snapshot struct {
	Rev     int64
	Records []Record // ordered by kind, then id
}

// Record is one stored object.
type Record struct {
	Kind, ID string
	// Data is the object as JSON, its secrets sealed. Nobody changes it.
	Data []byte
	// Rev is the revision that wrote it last.
	Rev                  int64
	CreatedAt, UpdatedAt time.Time
}

// Op is one change: it writes Data, or with Delete removes the object. Removing
// what is not there is no error.
type Op struct {
	Kind, ID string
	Data     []byte
	Delete   bool
}

// Value is one entry of a [StateStore].
type Value struct {
	Key     string
	Data    []byte
	Version int64
	Expires time.Time // zero: never
}

// Errors of a StateStore.
var (
	ErrNotFound = errors.New("configstore: no such value")
	ErrVersion  = errors.New("configstore: the value has another version")
)

// StateStore keeps runtime state: what is neither compiled nor part of Rev. A
// Store may implement it too.
type StateStore interface {
	// Get returns ErrNotFound for what is not there or has expired.
	Get(ctx context.Context, bucket, key string) (Value, error)
	// Put writes val if the stored version is ifVersion: 0 means that there must
	// be none, -1 that any will do; else it fails with ErrVersion. A nil val
	// deletes. The zero expires means never. It returns the new version, always
	// greater than the one before, 0 after deletion.
	Put(ctx context.Context, bucket, key string, val []byte, ifVersion int64, expires time.Time) (version int64, err error)
	// Scan yields the live values of a bucket whose keys begin with prefix, in
	// the order of their keys. Values written meanwhile may or may not appear.
	Scan(ctx context.Context, bucket, prefix string) iter.Seq2[Value, error]
}
