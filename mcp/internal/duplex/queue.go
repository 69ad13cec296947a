package duplex

import (
	"sync"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// class says how dear a message is; what is least so is dropped first.
type class uint8

const (
	lossy  class = iota // progress and log messages
	notice              // other notifications
	asking              // requests of the server's
	answer              // the response
)

type item struct {
	m     mcp.Message
	class class
	id    []byte // of a request
}

// queue is what waits for the reader of one stream. Its writers never wait.
type queue struct {
	ready chan struct{} // holds a token when there is something new for the reader

	mu                    sync.Mutex
	maxMessages, maxBytes int
	items                 []item // from head on
	head, bytes           int
	counts                [answer + 1]int
	end                   error // what the reader gets after the last item; nil while more may come
}

func (q *queue) init(maxMessages, maxBytes int) {
	q.ready = make(chan struct{}, 1)
	q.maxMessages, q.maxBytes = maxMessages, maxBytes
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// limit changes the number of messages that fit. What is beyond it goes with the next push.
func (q *queue) limit(messages int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.maxMessages = messages
}

// push appends a message and returns what had to go for it: older messages that are
// not dearer, or the message itself.
func (q *queue) push(it item) (lost []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end != nil {
		return []item{it}
	}
	for it.class != answer && q.len() > 0 && (q.len() >= q.maxMessages || q.bytes+len(it.m.Data) > q.maxBytes) {
		i := q.victim(it.class)
		if i < 0 {
			return append(lost, it)
		}
		lost = append(lost, q.remove(i))
	}
	q.add(it)
	return lost
}

// last appends the response, after which nothing comes but end.
func (q *queue) last(m mcp.Message, end error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end == nil {
		q.add(item{m: m, class: answer})
		q.end = end
	}
}

// finish lets the reader have what is there, and then end.
func (q *queue) finish(end error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end == nil {
		q.end = end
		q.signal()
	}
}

// discard ends the queue at once and returns what was in it.
func (q *queue) discard(end error) (lost []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end == nil {
		q.end = end
	}
	lost = q.items[q.head:]
	q.items, q.head, q.bytes, q.counts = nil, 0, 0, [answer + 1]int{}
	q.signal()
	return lost
}

// pop takes the first message. Without one, ok says whether the queue has ended.
func (q *queue) pop() (m mcp.Message, err error, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.len() > 0 {
		return q.remove(q.head).m, nil, true
	}
	return mcp.Message{}, q.end, q.end != nil
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) add(it item) {
	if q.head > 64 && q.head > len(q.items)/2 { // the space before head pays for the move
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, it)
	q.bytes += len(it.m.Data)
	q.counts[it.class]++
	q.signal()
}

// victim is the index of the oldest message of the least dear class up to most, -1
// when there is none.
func (q *queue) victim(most class) int {
	for k := lossy; k <= most; k++ {
		if q.counts[k] == 0 {
			continue
		}
		for i := q.head; i < len(q.items); i++ {
			if q.items[i].class == k {
				return i
			}
		}
	}
	return -1
}

func (q *queue) remove(i int) item {
	it := q.items[i]
	copy(q.items[q.head+1:i+1], q.items[q.head:i])
	q.items[q.head] = item{}
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	q.bytes -= len(it.m.Data)
	q.counts[it.class]--
	return it
}
