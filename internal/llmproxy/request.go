package llmproxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
)

// request is what the gateway knows of a request's body.
type request struct {
	model       string
	stream      bool
	injected    bool // usage was asked for on behalf of the gateway
	toolCount   int
	toolNames   []string
	promptBytes int // what a prompt's tokens are estimated from
	body        llm.Body
	buf         *buffer
}

func (q *request) replayable() bool { return q.body == nil || q.body.Replayable() }

// release gives the engine's own hold on the buffer up; the upstream call may
// still have one.
func (q *request) release() {
	if q.buf != nil {
		q.buf.drop()
	}
}

// reserved are the members that the gateway depends on. Another spelling of one
// is refused: an upstream that folds case would take it for the real one.
var reserved = []string{"model", "stream", "stream_options", "tools", "messages", "input", "prompt", "system"}

// StreamUser is implemented by a provider whose streams report their usage only
// when the request asks for it.
type StreamUser interface {
	StreamUsage(op llm.Operation) bool
}

// readRequest reads the body and decides what goes upstream.
func (x *exchange) readRequest() error {
	ep := x.hop.Endpoint
	if ep.Unchecked && x.hop.Caller.Models != nil {
		return llm.Errorf(llm.CodePermissionDenied, "this key may use some models only, and the models of a batch cannot be checked")
	}
	switch ep.Body {
	case JSONBody:
		if err := x.readJSON(); err != nil {
			return err
		}
		if ep.Unchecked {
			return nil
		}
		return x.checkModel()
	case Upload:
		return x.openUpload()
	}
	if id, ok := strings.CutPrefix(x.hop.Path, "/v1/models/"); ok {
		x.req.model = unescape(id)
		return x.checkModel()
	}
	return nil
}

// checkModel holds the caller to its models.
func (x *exchange) checkModel() error {
	if x.hop.Caller.Models == nil {
		return nil
	}
	if _, ok := x.hop.Caller.Models[x.req.model]; ok {
		return nil
	}
	if x.req.model == "" {
		return &llm.Error{Code: llm.CodePermissionDenied, Message: "this key may use some models only: name one of them", Param: "model"}
	}
	return &llm.Error{Code: llm.CodePermissionDenied, Message: fmt.Sprintf("this key may not use the model %q", x.req.model), Param: "model"}
}

func (x *exchange) readJSON() error {
	body, err := decoded(x.r)
	if err != nil {
		return err
	}
	buf, err := readBody(body, x.r.ContentLength, x.limits.RequestBody)
	if err != nil {
		return err
	}
	x.req.buf = buf
	members, err := jsonscan.Object(buf.b, buf.members, reserved)
	buf.members = members
	if err != nil {
		return &llm.Error{Code: llm.CodeInvalidRequest, Message: "the request body is refused: " + err.Error()}
	}
	if err := x.inspect(buf.b, members); err != nil {
		return err
	}
	x.complete(buf, members)
	x.req.body = buf
	return nil
}

// inspect reads the members that the gateway depends on.
func (x *exchange) inspect(text []byte, members jsonscan.Members) error {
	q := &x.req
	for _, m := range members {
		v := text[m.Start:m.End]
		switch m.Name {
		case "model":
			s, err := jsonscan.String(v)
			if err != nil {
				return &llm.Error{Code: llm.CodeInvalidRequest, Message: "model: " + err.Error(), Param: "model"}
			}
			if len(s) > 512 {
				return &llm.Error{Code: llm.CodeInvalidRequest, Message: "model: it is longer than 512 bytes", Param: "model"}
			}
			q.model = s
		case "stream":
			switch string(v) {
			case "true":
				q.stream = true
			case "false", "null":
			default:
				return &llm.Error{Code: llm.CodeInvalidRequest, Message: "stream: it must be true or false", Param: "stream"}
			}
		case "tools":
			q.toolCount, q.toolNames = toolsOf(v)
			q.promptBytes += len(v)
		case "messages", "input", "prompt", "system":
			q.promptBytes += len(v)
		}
	}
	return nil
}

// maxToolNames bounds the names that an event keeps.
const maxToolNames = 128

func toolsOf(v []byte) (n int, names []string) {
	jsonscan.Elements(v, func(tool []byte) bool {
		n++
		if len(names) == maxToolNames {
			return true
		}
		name := jsonscan.Find(tool, "name")
		if name == nil {
			name = jsonscan.Find(jsonscan.Find(tool, "function"), "name")
		}
		if name == nil {
			name = jsonscan.Find(tool, "type")
		}
		if s, err := jsonscan.String(name); err == nil && len(s) <= 256 {
			names = append(names, s)
		}
		return true
	})
	return n, names
}

// complete inserts what the request lacks: the provider's default model, and the
// wish for a stream's usage. What is inserted stands at the end, so that all
// other bytes keep their order.
func (x *exchange) complete(buf *buffer, members jsonscan.Members) {
	t := x.hop.Target
	if x.hop.Endpoint.Operation == llm.OpenAIBatches || x.hop.Endpoint.Operation == llm.AnthropicBatches {
		return
	}
	if x.req.stream {
		if u, ok := t.Provider.(StreamUser); ok && u.StreamUsage(x.hop.Endpoint.Operation) {
			x.req.injected = buf.askForUsage(members)
		}
	}
	if x.req.model == "" && t.DefaultModel != "" && members.Value(buf.b, "model") == nil {
		x.req.model = t.DefaultModel
		buf.insert(`"model":`+quote(t.DefaultModel), len(members) == 0)
	}
}

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

// decoded undoes the content codings that the standard library knows. The bound
// on the body holds for what comes out.
func decoded(r *http.Request) (io.Reader, error) {
	coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ",")))
	switch coding {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, llm.Errorf(llm.CodeInvalidRequest, "the request body is not gzip, though Content-Encoding says so")
		}
		return z, nil
	case "deflate":
		z, err := zlib.NewReader(r.Body)
		if err != nil {
			return nil, llm.Errorf(llm.CodeInvalidRequest, "the request body is not deflate, though Content-Encoding says so")
		}
		return z, nil
	}
	return nil, llm.Errorf(llm.CodeUnsupportedMedia, "Content-Encoding %.40q is not supported: send the body as it is, or as gzip or deflate", coding)
}

// readBody reads at most max bytes. size is what the request announced.
func readBody(r io.Reader, size, max int64) (*buffer, error) {
	if size > max {
		return nil, tooLarge(max)
	}
	b := newBuffer(int(size) + spare)
	for {
		if len(b.b) == cap(b.b) {
			b.b = slices.Grow(b.b, cap(b.b))
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		if int64(len(b.b)) > max {
			b.drop()
			return nil, tooLarge(max)
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			b.drop()
			return nil, bodyError(err, max)
		}
	}
}

func tooLarge(max int64) error {
	return llm.Errorf(llm.CodeTooLarge, "the request body is larger than this gateway's bound of %d bytes", max)
}

func bodyError(err error, max int64) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return tooLarge(max)
	}
	return &llm.Error{Code: llm.CodeInvalidRequest, Message: "the request body could not be read to its end", Cause: err}
}

// buffer is a request body in memory. It returns to its pool when the engine and
// every upstream attempt have dropped it.
type buffer struct {
	mu      sync.Mutex
	holds   int
	b       []byte
	members jsonscan.Members
}

const (
	spare     = 512     // room for what is inserted, and for reading to the end
	minBuffer = 4 << 10 // the smallest worth pooling
	maxPooled = 1 << 20 // larger ones are left to the collector
)

var buffers = sync.Pool{New: func() any { return new(buffer) }}

func newBuffer(size int) *buffer {
	b := buffers.Get().(*buffer)
	b.holds = 1
	if size < minBuffer {
		size = minBuffer
	}
	if cap(b.b) < size {
		b.b = make([]byte, 0, size)
	}
	b.b = b.b[:0]
	return b
}

func (b *buffer) drop() {
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
	b.mu.Lock()
	b.holds++
	b.mu.Unlock()
	return b.b, b.drop
}

// Open implements [llm.Body].
func (b *buffer) Open() (io.ReadCloser, error) {
	text, done := b.Bytes()
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
