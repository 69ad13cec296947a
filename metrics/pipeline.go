package metrics

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// PipelineOptions sets a [Pipeline]'s bounds; zero values take the defaults.
type PipelineOptions struct {
	// Queue is how many events may wait to be written; default 8192.
	Queue int
	// Batch is the most events of one write; default 256, at most Queue.
	Batch int
	// Interval is how long an event may wait for its batch to fill; default 250 ms.
	Interval time.Duration
	// Logger hears of lost events; default slog.Default().
	Logger *slog.Logger
}

// PipelineStats is the health of a [Pipeline].
type PipelineStats struct {
	// Dropped counts events that found the queue full or the pipeline closed.
	Dropped int64 `json:"dropped_events"`
	// WriteFailures counts events that were lost because writing them failed.
	WriteFailures int64 `json:"write_failures"`
	// Queued is how many events wait now.
	Queued int `json:"queued"`
}

// Pipeline is the [Sink] before a [Writer] that may block. Events go through a
// bounded queue to one goroutine, which writes them in batches; when the queue
// is full they are dropped and counted. It is safe for concurrent use. Who makes
// one closes it; the Writer stays open.
type Pipeline struct {
	w         Writer
	batch     int
	interval  time.Duration
	log       *slog.Logger
	abandon   context.CancelFunc // cancels writes, when Close gives up
	queue     chan *Event
	state     atomic.Int32  // what the writing goroutine is doing
	wake      chan struct{} // there is an event, or a full batch
	closed    atomic.Bool
	closeOnce sync.Once
	stop      chan struct{}
	ended     chan struct{}

	dropped, writeFailures atomic.Int64

	// Only the writing goroutine uses these.
	failing    bool
	dropLogged time.Time
	dropSeen   int64
}

var _ Sink = (*Pipeline)(nil)

// States of the writing goroutine.
const (
	collecting int32 = iota // it will look at the queue within Interval
	idle                    // it waits to be woken
	finished                // it will not look at the queue again
)

// A write that fails is tried once more after retryPause.
const retryPause = 100 * time.Millisecond

// dropLogEvery keeps an overloaded pipeline from flooding the log as well.
const dropLogEvery = time.Minute

// NewPipeline starts a pipeline that writes to w.
func NewPipeline(w Writer, opts PipelineOptions) *Pipeline {
	if opts.Queue <= 0 {
		opts.Queue = 8192
	}
	if opts.Batch <= 0 {
		opts.Batch = 256
	}
	if opts.Interval <= 0 {
		opts.Interval = 250 * time.Millisecond
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	p := &Pipeline{
		w:        w,
		batch:    min(opts.Batch, opts.Queue),
		interval: opts.Interval,
		log:      opts.Logger,
		queue:    make(chan *Event, opts.Queue),
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		ended:    make(chan struct{}),
	}
	var ctx context.Context
	ctx, p.abandon = context.WithCancel(context.Background())
	go p.run(ctx)
	return p
}

// Record implements [Sink]: it queues the event, or drops and counts it.
func (p *Pipeline) Record(_ context.Context, e *Event) {
	if p.closed.Load() {
		p.dropped.Add(1)
		return
	}
	select {
	case p.queue <- e:
	default:
		p.dropped.Add(1)
		return
	}
	// The event is in the queue before the state is read, and the goroutine sets
	// the state before it looks at the queue: one of the two always notices.
	switch p.state.Load() {
	case idle:
		p.signal()
	case finished:
		p.discard()
	default:
		if len(p.queue) >= p.batch {
			p.signal()
		}
	}
}

// Stats returns the counters since the start, and the queue's length now.
func (p *Pipeline) Stats() PipelineStats {
	return PipelineStats{Dropped: p.dropped.Load(), WriteFailures: p.writeFailures.Load(), Queued: len(p.queue)}
}

// Close writes what is queued and ends the pipeline. Events recorded from now
// on are dropped. When ctx ends first, the write under way is cancelled, what
// is left is counted as dropped, and the error is ctx's. Closing again waits
// for the same end.
func (p *Pipeline) Close(ctx context.Context) error {
	p.closeOnce.Do(func() {
		p.closed.Store(true)
		close(p.stop)
	})
	select {
	case <-p.ended:
		return nil
	default:
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.abandon()
		return ctx.Err()
	}
}

func (p *Pipeline) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// discard empties the queue and counts the events as dropped.
func (p *Pipeline) discard() {
	for {
		select {
		case <-p.queue:
			p.dropped.Add(1)
		default:
			return
		}
	}
}

func (p *Pipeline) run(ctx context.Context) {
	defer close(p.ended)
	defer p.abandon()
	defer p.discard()
	defer p.state.Store(finished)

	timer := time.NewTimer(p.interval)
	defer timer.Stop()
	for {
		p.state.Store(idle)
		if len(p.queue) == 0 {
			select {
			case <-p.wake:
			case <-p.stop:
			}
		}
		p.state.Store(collecting)

		// Events gather until the interval is over; full batches need not wait.
		timer.Reset(p.interval)
		for gathering := true; gathering; {
			for len(p.queue) >= p.batch && ctx.Err() == nil {
				p.flush(ctx)
			}
			select {
			case <-p.wake:
			case <-timer.C:
				gathering = false
			case <-p.stop:
				for len(p.queue) > 0 && ctx.Err() == nil {
					p.flush(ctx)
				}
				return
			}
		}
		p.flush(ctx)
	}
}

// flush writes one batch of what is queued. Only this goroutine takes events
// before it has finished, so receiving does not block.
func (p *Pipeline) flush(ctx context.Context) {
	n := min(len(p.queue), p.batch)
	if n == 0 || ctx.Err() != nil {
		return
	}
	batch := make([]*Event, n)
	for i := range batch {
		batch[i] = <-p.queue
	}
	p.write(ctx, batch)
	p.reportDrops()
}

func (p *Pipeline) write(ctx context.Context, batch []*Event) {
	err := p.w.Write(ctx, batch)
	if err != nil && ctx.Err() == nil {
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
		}
		err = p.w.Write(ctx, batch)
	}
	switch {
	case err != nil:
		p.writeFailures.Add(int64(len(batch)))
		if !p.failing { // once, until it works again
			p.log.Error("usage events cannot be written; they are lost until this is repaired", "error", err, "events", len(batch))
		}
		p.failing = true
	case p.failing:
		p.failing = false
		p.log.Info("usage events are written again", "lost", p.writeFailures.Load())
	}
}

func (p *Pipeline) reportDrops() {
	dropped := p.dropped.Load()
	if now := time.Now(); dropped > p.dropSeen && now.Sub(p.dropLogged) >= dropLogEvery {
		p.log.Warn("usage events were dropped: more came than could be written", "dropped", dropped-p.dropSeen)
		p.dropSeen, p.dropLogged = dropped, now
	}
}
