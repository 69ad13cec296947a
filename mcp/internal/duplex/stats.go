package duplex

import "sync/atomic"

// Stats tells what happened on a connection so far.
type Stats struct {
	// Calls are under way.
	Calls int
	// Sent and Received messages.
	Sent, Received uint64
	// Skipped is what arrived and was no message of JSON-RPC.
	Skipped uint64
	// Dropped are notifications that a full queue had no room for.
	Dropped uint64
	// Refused are requests of the server's that were answered with an error, as nobody
	// took them.
	Refused uint64
	// Unclaimed are messages that nobody waits for: responses after a cancellation and
	// second responses, messages of subscriptions that ended, cancellations of requests
	// that are not open.
	Unclaimed uint64
	// Unsent are cancellations and refusals that could not be sent.
	Unsent uint64
}

type counters struct {
	sent, received, skipped, dropped, refused, unclaimed, unsent atomic.Uint64
}

// Stats returns the counters as they are now.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	calls := len(c.calls)
	c.mu.Unlock()
	n := &c.counters
	return Stats{
		Calls: calls, Sent: n.sent.Load(), Received: n.received.Load(), Skipped: n.skipped.Load(),
		Dropped: n.dropped.Load(), Refused: n.refused.Load(), Unclaimed: n.unclaimed.Load(), Unsent: n.unsent.Load(),
	}
}
