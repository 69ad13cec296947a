package streamable

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// stream is the answer to one request.
type stream struct {
	c      *conn
	body   io.ReadCloser
	cancel context.CancelFunc
	max    int

	call   *jsonrpc.Message // nil for the answer to a GET
	key    string           // of the call's id
	agree  func(*jsonrpc.Message)
	silent bool // Close does not tell the server

	reader  *sse.Reader // nil for an answer in JSON
	batch   []byte      // what was read of events and not handed out
	ends    []int
	at      int
	single  []byte // an answer in JSON
	resumes bool   // there were ids of events

	mu   sync.Mutex
	over bool // the response has come, or the stream is closed
}

// begin finds out what kind of answer it is. Some servers send events and say that they
// are JSON, so it is looked at.
func (s *stream) begin(resp *http.Response) error {
	if isEvents(resp) {
		s.events()
		return nil
	}
	if resp.StatusCode == http.StatusAccepted || resp.StatusCode == http.StatusNoContent {
		return fmt.Errorf("streamable: the server answered a request with %d and no response", resp.StatusCode)
	}
	kind := strings.ToLower(resp.Header.Get("Content-Type"))
	if kind != "" && !strings.Contains(kind, "json") {
		return fmt.Errorf("streamable: the server answered a request with %.40q, which is neither JSON nor events", kind)
	}
	r := bufio.NewReaderSize(s.body, 4096)
	head, _ := r.Peek(1)
	for len(head) > 0 && strings.ContainsRune(" \t\r\n", rune(head[0])) {
		_, _ = r.Discard(1)
		head, _ = r.Peek(1)
	}
	if len(head) > 0 && head[0] != '{' && head[0] != '[' {
		s.reader = sse.NewReader(r, make([]byte, 4096), s.max)
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(s.max)+1))
	switch {
	case err != nil:
		return s.broken(err)
	case len(text) > s.max:
		return errTooLong
	}
	s.single = bytes.TrimSpace(text)
	return nil
}

func (s *stream) events() { s.reader = sse.NewReader(s.body, make([]byte, 4096), s.max) }

var errTooLong = errors.New("streamable: the server sent a message that is longer than the bound")

// Next implements [mcp.Stream].
func (s *stream) Next() (mcp.Message, error) {
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if over {
		return mcp.Message{}, io.EOF
	}
	if s.reader == nil {
		s.finish()
		return s.seen(mcp.Message{Data: s.single})
	}
	for {
		text, err := s.event()
		if err != nil {
			return mcp.Message{}, s.broken(err)
		}
		e := sse.Parse(text)
		m := mcp.Message{EventID: string(e.ID)}
		if ms, err := strconv.ParseUint(string(e.Retry), 10, 31); err == nil {
			m.Retry = time.Duration(ms) * time.Millisecond
		}
		s.resumes = s.resumes || m.EventID != ""
		if len(e.Data) > 0 && (len(e.Name) == 0 || string(e.Name) == "message") {
			m.Data = bytes.Clone(e.Data)
			return s.seen(m)
		}
		if m.EventID != "" || m.Retry > 0 {
			return m, nil
		}
	}
}

// seen looks at a message: after the response there are no more.
func (s *stream) seen(m mcp.Message) (mcp.Message, error) {
	in, err := jsonrpc.Parse(m.Data)
	if err != nil {
		return m, fmt.Errorf("streamable: the server sent what is not a JSON-RPC message: %w", err)
	}
	if s.call == nil || in.Kind() != jsonrpc.Response || in.Key() != s.key && !(in.Error.OK() && string(in.ID.Of(in.Data)) == "null") {
		if s.reader == nil {
			return m, fmt.Errorf("streamable: the server's answer is no response to the request")
		}
		return m, nil
	}
	if s.agree != nil {
		s.agree(in)
	}
	s.finish()
	return m, nil
}

func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// event is the text of the next event.
func (s *stream) event() ([]byte, error) {
	if len(s.ends) == 0 {
		batch, err := s.reader.Read()
		if err != nil {
			return nil, err
		}
		s.batch, s.ends, s.at = batch, s.reader.Ends(), 0
	}
	end := s.ends[0]
	text := s.batch[s.at:end]
	s.ends, s.at = s.ends[1:], end
	return text, nil
}

// broken says why a stream has ended.
func (s *stream) broken(err error) error {
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	switch {
	case over, s.c.live.Err() != nil:
		return errClosed
	case errors.Is(err, sse.ErrTooLong):
		return errTooLong
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("streamable: the server's answer broke off: %w", err)
	case s.reader != nil && len(bytes.TrimSpace(s.reader.Rest())) > 0:
		return fmt.Errorf("streamable: the server's answer broke off in an event: %w", io.ErrUnexpectedEOF)
	case s.call != nil && !s.resumes:
		return fmt.Errorf("streamable: the server's answer ended before the response: %w", io.ErrUnexpectedEOF)
	}
	return io.EOF
}

// Close implements [mcp.Stream].
func (s *stream) Close() error {
	s.mu.Lock()
	over := s.over
	s.over = true
	s.mu.Unlock()
	if over {
		// The connection can be used again when little is left.
		_, _ = io.CopyN(io.Discard, s.body, 4096)
	}
	s.cancel()
	_ = s.body.Close()
	if !over && s.call != nil && !s.silent && !s.resumes {
		s.c.cancelled(s.call.ID.Of(s.call.Data))
	}
	return nil
}
