package limits

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// Options of a [Keeper]; zero values take the defaults.
type Options struct {
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Logger hears when the store fails and when it works again; default
	// slog.Default().
	Logger *slog.Logger
	// Slice is the part of a budget, 1/Slice, that is leased and not yet needed:
	// smaller slices lose less in a crash and write more often. Default 64.
	Slice int64
	// StoreTimeout bounds each visit to the store, and how long a call may wait for
	// it; default 5 s.
	StoreTimeout time.Duration
	// Idle is how long a subject is remembered after its last call, and its lease
	// kept; default 1 minute.
	Idle time.Duration
	// Sweep is how often idle subjects and leases that are too large are looked
	// for; default 2 s.
	Sweep time.Duration
	// MaxSubjects bounds the subjects in memory; default 1 million. One more is
	// refused, as Overloaded.
	MaxSubjects int
}

// Keeper holds the subjects' limits. It is safe for concurrent use; make one
// with [New], and close it.
type Keeper struct {
	opts  Options
	store configstore.StateStore
	id    string // names this keeper in the records that it writes
	start time.Time
	log   *slog.Logger

	seed     maphash.Seed
	shards   [shards]shard
	subjects atomic.Int64
	seq      atomic.Uint64 // the last subject's

	ctx     context.Context // of everything in the background, done when Close gives up
	abandon context.CancelFunc
	visits  chan struct{} // one for each visit to the store under way
	writes  atomic.Int64  // names a write
	failing atomic.Bool

	mu      sync.Mutex // nothing is added to pending once closed is set
	closed  atomic.Bool
	stop    chan struct{}
	ended   chan struct{}
	swept   chan struct{}
	pending sync.WaitGroup
}

const shards = 32

type shard struct {
	mu       sync.RWMutex
	subjects map[string]*subject
}

// maxVisits is how many subjects may be at the store at once.
const maxVisits = 16

// New returns a keeper that persists budgets in store, or with nil nothing. Whoever
// made the store closes it, after the keeper.
func New(store configstore.StateStore, opts Options) *Keeper {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Slice <= 0 {
		opts.Slice = 64
	}
	if opts.StoreTimeout <= 0 {
		opts.StoreTimeout = 5 * time.Second
	}
	if opts.Idle <= 0 {
		opts.Idle = time.Minute
	}
	if opts.Sweep <= 0 {
		opts.Sweep = 2 * time.Second
	}
	if opts.MaxSubjects <= 0 {
		opts.MaxSubjects = 1e6
	}
	if store == nil {
		// The same code, and budgets that outlast a subject's idleness.
		store = configstore.NewMemory()
	}
	k := &Keeper{
		opts:   opts,
		store:  store,
		id:     rand.Text(),
		start:  opts.Now(),
		log:    opts.Logger,
		seed:   maphash.MakeSeed(),
		visits: make(chan struct{}, maxVisits),
		stop:   make(chan struct{}),
		ended:  make(chan struct{}),
		swept:  make(chan struct{}),
	}
	for i := range k.shards {
		k.shards[i].subjects = map[string]*subject{}
	}
	k.ctx, k.abandon = context.WithCancel(context.Background())
	go k.sweeps()
	return k
}

func (k *Keeper) now() moment {
	t := k.opts.Now()
	return moment{mono: int64(t.Sub(k.start)), wall: t}
}

func (k *Keeper) shard(id string) *shard {
	return &k.shards[maphash.String(k.seed, id)%shards]
}

// find returns the subject, or nil.
func (k *Keeper) find(id string) *subject {
	sh := k.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.subjects[id]
}

// subject finds or makes one; nil when there are too many.
func (k *Keeper) subject(id string) *subject {
	if s := k.find(id); s != nil {
		return s
	}
	sh := k.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s := sh.subjects[id]; s != nil {
		return s
	}
	if k.subjects.Add(1) > int64(k.opts.MaxSubjects) {
		k.subjects.Add(-1)
		return nil
	}
	s := &subject{id: id, seq: k.seq.Add(1)}
	sh.subjects[id] = s
	return s
}

// Close ends what is under way, gives back what was leased and not needed, and
// ends the keeper's goroutines. Calls that are still in flight stay booked at
// their estimate, and may settle. When ctx ends first, what is left stays booked
// as used, and the error is ctx's. Closing again waits for the same end.
func (k *Keeper) Close(ctx context.Context) error {
	k.mu.Lock()
	first := k.closed.CompareAndSwap(false, true)
	k.mu.Unlock()
	if first {
		close(k.stop)
		go func() {
			defer close(k.ended)
			defer k.abandon()
			<-k.swept
			k.pending.Wait() // after it, nothing else visits the store
			k.giveBack()
		}()
	}
	if k.subjects.Load() == 0 { // nothing is at the store, so this is at once
		<-k.ended
		return nil
	}
	select {
	case <-k.ended:
		return nil
	default:
	}
	select {
	case <-k.ended:
		return nil
	case <-ctx.Done():
		k.abandon()
		return ctx.Err()
	}
}
