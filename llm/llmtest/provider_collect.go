package llmtest

import (
	"context"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// collecting: what is made of a stream is its whole answer or an error, and the
// making ends with the call.
func (s suite) collecting(t *testing.T) {
	x, ok := s.collected()
	if !ok {
		return
	}
	up, p := s.start(t)
	for _, f := range []Fault{{Break: AfterHeaders}, {Break: MidEvent}, {Break: MidEvent, After: 2}, {Break: Cut, After: -1}, {Break: End, After: -1}} {
		up.Enqueue(f)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		resp, err := p.Send(ctx, x.call())
		if e := refused(t, resp, err); e.Final {
			t.Errorf("%s: the error is final, but another target could do better: %v", f.Break, err)
		}
		cancel()
	}
	up.Enqueue(Fault{Break: ErrorEvent, After: 2})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	switch resp, err := p.Send(ctx, x.call()); {
	case err != nil:
		refused(t, resp, err)
	case resp.Status < 400:
		t.Errorf("a stream that ends in an error became status %d: %s", resp.Status, read(t, resp))
	default:
		read(t, resp)
	}
	cancelCollecting(t, up, p, x)
	read(t, send(t, p, x.call())) // and the provider is still good
}

// cancelCollecting cancels a call whose response has begun to come in, which its
// caller cannot know.
func cancelCollecting(t *testing.T, up *Upstream, p llm.Provider, x sample) {
	t.Helper()
	steps := make(chan struct{})
	up.Enqueue(Fault{Step: steps})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		resp, err := p.Send(ctx, x.call())
		if err == nil {
			_ = resp.Body.Close()
		}
		result <- err
	}()
	for range 2 { // when the second event has its turn, the first one is sent
		select {
		case steps <- struct{}{}:
		case <-time.After(patience):
			t.Fatal("the upstream waits in vain for its turn to send an event")
		}
	}
	cancel()
	fails(t, result)
	within(t, soon, "the cancellation upstream", up.WaitCanceled)
}
