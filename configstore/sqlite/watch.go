package sqlite

import (
	"context"
	"fmt"
	"time"
)

// Watch implements [configstore.Store]. Commits of other processes are seen
// within a quarter of a second.
func (s *Store) Watch(ctx context.Context, after int64) (<-chan int64, error) {
	changed := s.news()
	rev, err := s.revision(ctx)
	if err != nil {
		return nil, err
	}
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("configuration store: watch: %w", errClosed)
	}
	revs := make(chan int64)
	s.watchers.Go(func() {
		defer close(revs)
		s.watch(ctx, revs, rev, after, changed)
	})
	return revs, nil
}

// watch sends revisions. It asks the database for them, now and then and after each
// commit of this Store; reading the revision is as cheap as asking whether anything
// changed, which events in the same file would answer with yes all the time.
func (s *Store) watch(ctx context.Context, revs chan<- int64, rev, after int64, changed <-chan struct{}) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		var send chan<- int64 // nil, so never ready, while there is no news
		if rev > after {
			send = revs
		}
		select {
		case send <- rev:
			after = rev
			continue
		case <-changed:
			changed = s.news()
		case <-poll.C:
		case <-ctx.Done():
			return
		case <-s.done:
			return
		}
		if now, err := s.revision(ctx); err == nil { // a failure passes, or Load will tell of it
			rev = now
		}
	}
}

// news returns the channel that the next commit of this Store closes.
func (s *Store) news() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Store) revision(ctx context.Context) (rev int64, err error) {
	err = s.do("watch", func() error {
		return s.reader.QueryRowContext(ctx, "SELECT revision FROM meta").Scan(&rev)
	})
	return rev, err
}
