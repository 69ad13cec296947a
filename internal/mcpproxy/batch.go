package mcpproxy

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// maxBatch bounds the messages of one batch.
const maxBatch = 100

// batch takes several messages at once, as clients of 2025-03-26 send them. Each is
// served as if it had come alone, beside the others. The responses come as one list, or
// as events where the caller takes those.
func (x *exchange) batch(body []byte) {
	messages, wrong := splitBatch(body)
	if wrong == "" && x.r.Header.Get("Mcp-Session-Id") == "" && isModern(x.r.Header.Get("Mcp-Protocol-Version")) {
		wrong = "is of a version that has none"
	}
	if wrong != "" {
		x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeInvalidRequest, "the batch %s; send its messages one by one", wrong)
		return
	}
	if x.r.Header.Get("Mcp-Session-Id") != "" && x.session(nil) == nil {
		return
	}
	out := &batchAnswer{w: x.w, events: x.events}
	var all sync.WaitGroup
	for _, in := range messages {
		own := x.exchange(&batchWriter{out: out, header: http.Header{}}, x.r, x.hop)
		own.in = in
		own.hop.Span.RequestID = "req_" + randomID() // each is a request, with an event of its own
		serve := func() {
			own.message()
			own.w.(*batchWriter).finish()
		}
		if in.Kind() != jsonrpc.Request {
			serve() // in their order, before anything that waits
			continue
		}
		all.Go(serve)
	}
	all.Wait()
	out.finish()
}

// splitBatch reads the messages of a batch, or says what is wrong with it.
func splitBatch(body []byte) (messages []*jsonrpc.Message, wrong string) {
	end := jsonscan.Walk(body, 0, func(_ []byte, at int) int {
		end := jsonscan.Skip(body, at)
		if end < 0 || wrong != "" {
			return -1
		}
		in, err := jsonrpc.Parse(body[at:end:end])
		switch {
		case err != nil:
			wrong = "holds what is no JSON-RPC message: " + err.Error()
		case in.Method == "initialize":
			wrong = "holds initialize, which stands alone"
		case len(messages) == maxBatch:
			wrong = "holds more than 100 messages"
		}
		messages = append(messages, in)
		return end
	})
	if wrong == "" && (end < 0 || len(messages) == 0) {
		wrong = "is empty"
	}
	return messages, wrong
}

// batchAnswer is the answer to a batch.
type batchAnswer struct {
	w      http.ResponseWriter
	events bool // the caller takes events

	mu    sync.Mutex
	begun bool
	list  [][]byte // of responses, where they come as a list
}

func (b *batchAnswer) write(event []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		b.begun = true
		h := b.w.Header()
		h["Content-Type"] = []string{"text/event-stream"}
		h["Cache-Control"] = []string{"no-cache, no-transform"}
		b.w.WriteHeader(http.StatusOK)
	}
	n, err := b.w.Write(event)
	if err == nil {
		err = http.NewResponseController(b.w).Flush()
	}
	return n, err
}

func (b *batchAnswer) add(response []byte) {
	if b.events {
		_, _ = b.write(appendEvent(nil, mcp.Message{Data: response})) // who has gone is noticed by the calls
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, response)
}

func (b *batchAnswer) finish() {
	switch {
	case b.begun:
	case len(b.list) == 0:
		b.w.WriteHeader(http.StatusAccepted)
	default:
		b.w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = b.w.Write(append(append([]byte{'['}, bytes.Join(b.list, []byte{','})...), ']'))
	}
}

// batchWriter is the answer to one message of a batch. Events go on at once; a response
// in JSON goes on as a whole.
type batchWriter struct {
	out    *batchAnswer
	header http.Header
	buf    []byte
}

func (b *batchWriter) Header() http.Header { return b.header }

func (b *batchWriter) WriteHeader(int) {}

func (b *batchWriter) Write(p []byte) (int, error) {
	if strings.HasPrefix(b.header.Get("Content-Type"), "text/event-stream") {
		return b.out.write(p)
	}
	b.buf = append(b.buf, p...)
	return len(p), nil
}

// SetWriteDeadline is for [http.ResponseController], as FlushError is.
func (b *batchWriter) SetWriteDeadline(at time.Time) error {
	return http.NewResponseController(b.out.w).SetWriteDeadline(at)
}

// FlushError is for [http.ResponseController]: what is written has gone on.
func (b *batchWriter) FlushError() error { return nil }

func (b *batchWriter) finish() {
	if len(b.buf) > 0 {
		b.out.add(b.buf)
	}
}
