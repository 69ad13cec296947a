package llmproxy

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// buffer is a request body in memory. A large one returns to its pool when the
// engine and every upstream attempt have dropped it; to keep track of that would
// cost more than a small one is worth.
type buffer struct {
	mu      sync.Mutex
	pooled  bool
	holds   int
	b       []byte
	members jsonscan.Members
}

const (
	spare     = 512      // room for what is inserted, and for reading to the end
	minPooled = 16 << 10 // smaller ones are left to the collector
	maxPooled = 1 << 20  // larger ones too
)

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func newBuffer(size int) *buffer {
	if size < minPooled {
		return &buffer{b: make([]byte, 0, size)}
	}
	b := buffers.Get().(*buffer)
	b.pooled, b.holds = true, 1
	if cap(b.b) < size {
		b.b = make([]byte, 0, size)
	}
	b.b = b.b[:0]
	return b
}

func (b *buffer) drop() {
	if !b.pooled {
		return
	}
	b.mu.Lock()
	b.holds--
	free := b.holds == 0
	b.mu.Unlock()
	if free && cap(b.b) <= maxPooled {
		buffers.Put(b)
	}
}

// Bytes implements [llm.InMemory].
func (b *buffer) Bytes() ([]byte, func()) {
	if !b.pooled {
		return b.b, nil
	}
	b.mu.Lock()
	b.holds++
	b.mu.Unlock()
	return b.b, b.drop
}

// Open implements [llm.Body].
func (b *buffer) Open() (io.ReadCloser, error) {
	text, done := b.Bytes()
	if done == nil {
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	return &openBuffer{Reader: bytes.NewReader(text), done: sync.OnceFunc(done)}, nil
}

type openBuffer struct {
	*bytes.Reader
	done func()
}

func (o *openBuffer) Close() error {
	o.done()
	return nil
}

// Len implements [llm.Body].
func (b *buffer) Len() int64 { return int64(len(b.b)) }

// Replayable implements [llm.Body].
func (b *buffer) Replayable() bool { return true }

// clone returns a copy with room for what is inserted. Whoever makes one drops it.
func (b *buffer) clone() *buffer {
	c := newBuffer(len(b.b) + spare)
	c.b = append(c.b, b.b...)
	return c
}

// set gives a member a value: in its place if it is there, and else at the end,
// so that all other bytes keep their order. It returns where the members are now.
func (b *buffer) set(members jsonscan.Members, name, value string) jsonscan.Members {
	i := slices.IndexFunc(members, func(m jsonscan.Member) bool { return m.Name == name })
	if i < 0 {
		text := `"` + name + `":` + value
		if len(members) > 0 {
			text = "," + text
		}
		end := bytes.LastIndexByte(b.b, '}')
		b.b = slices.Insert(b.b, end, []byte(text)...)
		end += len(text)
		return append(members, jsonscan.Member{Name: name, Start: end - len(value), End: end})
	}
	at := members[i]
	b.b = slices.Replace(b.b, at.Start, at.End, []byte(value)...)
	grown := len(value) - (at.End - at.Start)
	members[i].End += grown
	for j := i + 1; j < len(members); j++ {
		members[j].Start += grown
		members[j].End += grown
	}
	return members
}
