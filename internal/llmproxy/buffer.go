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

// askForUsage sets stream_options.include_usage, and says whether it had to.
// Options that are no object are left for the upstream to refuse.
func (b *buffer) askForUsage(members jsonscan.Members) bool {
	i := slices.IndexFunc(members, func(m jsonscan.Member) bool { return m.Name == "stream_options" })
	if i < 0 {
		b.insert(`"stream_options":{"include_usage":true}`, len(members) == 0)
		return true
	}
	at := members[i]
	v := b.b[at.Start:at.End]
	if string(v) == "null" {
		b.b = slices.Replace(b.b, at.Start, at.End, []byte(`{"include_usage":true}`)...)
		return true
	}
	inner, err := jsonscan.Object(v, nil, []string{"include_usage"})
	if err != nil {
		return false
	}
	if j := slices.IndexFunc(inner, func(m jsonscan.Member) bool { return m.Name == "include_usage" }); j >= 0 {
		if s := string(v[inner[j].Start:inner[j].End]); s == "true" || s != "false" && s != "null" {
			return false
		}
		b.b = slices.Replace(b.b, at.Start+inner[j].Start, at.Start+inner[j].End, []byte("true")...)
		return true
	}
	text := `"include_usage":true}`
	if len(inner) > 0 {
		text = "," + text
	}
	b.b = slices.Replace(b.b, at.End-1, at.End, []byte(text)...)
	return true
}

// insert puts a member at the end of the object.
func (b *buffer) insert(member string, empty bool) {
	end := bytes.LastIndexByte(b.b, '}')
	if !empty {
		member = "," + member
	}
	b.b = slices.Insert(b.b, end, []byte(member)...)
}
