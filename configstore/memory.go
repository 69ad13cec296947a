package configstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a [Store] and a [StateStore] that forgets everything when the
// process ends. It is safe for concurrent use; make one with [NewMemory].
type Memory struct {
	done     chan struct{} // closed by Close
	watchers sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	rev     int64
	changed chan struct{} // closed, and replaced, by each commit
	records map[recordKey]Record
	version int64                       // the last version given to a state value
	state   map[string]map[string]Value // by bucket, then key
}

var (
	_ Store      = (*Memory)(nil)
	_ StateStore = (*Memory)(nil)
	_ Ephemeral  = (*Memory)(nil)
)

var errMemoryClosed = errors.New("configstore: the memory store is closed")

type recordKey struct{ kind, id string }

// NewMemory returns an empty store at revision 0.
func NewMemory() *Memory {
	return &Memory{
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		records: map[recordKey]Record{},
		state:   map[string]map[string]Value{},
	}
}

// Ephemeral implements [Ephemeral]: it is true.
func (m *Memory) Ephemeral() bool { return true }

// Load implements [Store].
func (m *Memory) Load(ctx context.Context) (Snapshot, error) {
	if err := m.lock(ctx); err != nil {
		return Snapshot{}, err
	}
	snap := Snapshot{Rev: m.rev, Records: make([]Record, 0, len(m.records))}
	for _, r := range m.records {
		r.Data = clone(r.Data)
		snap.Records = append(snap.Records, r)
	}
	m.mu.Unlock()

	slices.SortFunc(snap.Records, func(a, b Record) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID))
	})
	return snap, nil
}

// Commit implements [Store].
func (m *Memory) Commit(ctx context.Context, base int64, ops ...Op) (int64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if m.rev != base {
		return 0, fmt.Errorf("%w: it is at revision %d, not %d", ErrConflict, m.rev, base)
	}
	if len(ops) == 0 {
		return base, nil
	}
	m.rev++
	now := timestamp()
	for _, op := range ops {
		key := recordKey{op.Kind, op.ID}
		if op.Delete {
			delete(m.records, key)
			continue
		}
		r := Record{Kind: op.Kind, ID: op.ID, Data: clone(op.Data), Rev: m.rev, CreatedAt: now, UpdatedAt: now}
		if old, ok := m.records[key]; ok {
			r.CreatedAt = old.CreatedAt
		}
		m.records[key] = r
	}
	close(m.changed)
	m.changed = make(chan struct{})
	return m.rev, nil
}

// Watch implements [Store].
func (m *Memory) Watch(ctx context.Context, after int64) (<-chan int64, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	m.watchers.Add(1)
	m.mu.Unlock()

	revs := make(chan int64)
	go func() {
		defer m.watchers.Done()
		defer close(revs)
		for {
			m.mu.Lock()
			rev, changed := m.rev, m.changed
			m.mu.Unlock()
			var send chan<- int64 // nil, so never ready, while there is no news
			if rev > after {
				send = revs
			}
			select {
			case send <- rev:
				after = rev
			case <-changed:
			case <-ctx.Done():
				return
			case <-m.done:
				return
			}
		}
	}()
	return revs, nil
}

// Close implements [Store]. Closing again does nothing.
func (m *Memory) Close() error {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.done)
	}
	m.mu.Unlock()
	m.watchers.Wait()
	return nil
}

// Get implements [StateStore].
func (m *Memory) Get(ctx context.Context, bucket, key string) (Value, error) {
	if err := m.lock(ctx); err != nil {
		return Value{}, err
	}
	defer m.mu.Unlock()
	v, ok := m.state[bucket][key]
	if !ok || expired(v, time.Now()) {
		return Value{}, ErrNotFound
	}
	v.Data = clone(v.Data)
	return v, nil
}

// Put implements [StateStore].
func (m *Memory) Put(ctx context.Context, bucket, key string, val []byte, ifVersion int64, expires time.Time) (int64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	m.purge(bucket)
	values := m.state[bucket]
	var stored int64
	if v, ok := values[key]; ok && !expired(v, time.Now()) {
		stored = v.Version
	}
	if ifVersion != -1 && ifVersion != stored {
		return 0, ErrVersion
	}
	if val == nil {
		delete(values, key)
		if len(values) == 0 {
			delete(m.state, bucket)
		}
		return 0, nil
	}
	if values == nil {
		values = map[string]Value{}
		m.state[bucket] = values
	}
	m.version++ // one counter for all: a version never returns, not even after a deletion
	values[key] = Value{Key: key, Data: clone(val), Version: m.version, Expires: expires}
	return m.version, nil
}

// Scan implements [StateStore]. It yields what was there when it began.
func (m *Memory) Scan(ctx context.Context, bucket, prefix string) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		if err := m.lock(ctx); err != nil {
			yield(Value{}, err)
			return
		}
		now := time.Now()
		var found []Value
		for key, v := range m.state[bucket] {
			if strings.HasPrefix(key, prefix) && !expired(v, now) {
				v.Data = clone(v.Data)
				found = append(found, v)
			}
		}
		m.mu.Unlock()

		slices.SortFunc(found, func(a, b Value) int { return strings.Compare(a.Key, b.Key) })
		for _, v := range found {
			if err := ctx.Err(); err != nil {
				yield(Value{}, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// lock takes the mutex, unless ctx is done or the store closed.
func (m *Memory) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return errMemoryClosed
	}
	return nil
}

// purge looks at a few values of a bucket and forgets the expired ones. Maps are
// walked from a random place, so in time every value is looked at.
func (m *Memory) purge(bucket string) {
	now, looked := time.Now(), 0
	for key, v := range m.state[bucket] {
		if expired(v, now) {
			delete(m.state[bucket], key)
		}
		if looked++; looked == 8 {
			return
		}
	}
}

func expired(v Value, now time.Time) bool {
	return !v.Expires.IsZero() && !now.Before(v.Expires)
}

// clone keeps the difference between nil and empty out of what is stored.
func clone(b []byte) []byte { return append([]byte{}, b...) }

// timestamp has the precision that stores on disk keep.
func timestamp() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
