package streamable

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// stream is the answer to one request.
type stream struct {
	c     *conn
	lease lease
	body  io.ReadCloser

	call   *jsonrpc.Message // nil for the answer to a GET
	key    string           // of the call's id
	agree  func(*jsonrpc.Message) error
	silent bool // Close does not tell the server

	// For Next alone:
	src     source
	pending []mcp.Message // what was read of one text, and not handed out

	resumes atomic.Bool // there were ids of events

	mu     sync.Mutex
	err    error // what Next ends with; nil while it goes on
	over   bool  // the response has come
	eof    bool  // and the body is read to its end
	closed bool
}

// begin finds out what kind of answer it is.
func (s *stream) begin(resp *http.Response) error {
	kind := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Type")))
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return errors.New("mcp: the server's answer is encoded, although that was not asked for")
	}
	s.src = source{body: s.body, max: s.c.t.opts.MaxMessage, length: resp.ContentLength}
	asked := "request"
	if s.call == nil {
		asked = "GET"
	}
	switch {
	case strings.HasPrefix(kind, "text/event-stream") && resp.StatusCode != http.StatusNoContent: // of 202 too, as some servers answer
		s.src.events(nil)
	case resp.StatusCode == http.StatusAccepted || resp.StatusCode == http.StatusNoContent:
		return fmt.Errorf("mcp: the server answered a %s with %d, and so with nothing", asked, resp.StatusCode)
	case kind != "" && !strings.Contains(kind, "json"):
		return fmt.Errorf("mcp: the server answered a %s with %.60q, which is neither JSON nor events", asked, kind)
	case s.call == nil && resp.ContentLength >= 0:
		return errors.New("mcp: the server answered a GET with something else than events")
	case s.call == nil:
		s.src.events(nil) // which some servers call JSON
	}
	return nil
}

// Next implements [mcp.Stream].
func (s *stream) Next() (mcp.Message, error) {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return mcp.Message{}, err
	}
	for {
		m, err := s.read()
		if err != nil {
			return mcp.Message{}, s.ended(err)
		}
		if len(m.Data) == 0 {
			return m, nil
		}
		in, err := jsonrpc.Parse(m.Data)
		switch {
		case err != nil && s.call != nil: // it may be the response
			return mcp.Message{}, s.ended(errProtocol)
		case err != nil, s.call != nil && in.Kind() == jsonrpc.Response && !s.answers(in):
			if m.Data = nil; m.EventID == "" {
				continue
			}
			return m, nil // without what is nobody's
		case s.call == nil || in.Kind() != jsonrpc.Response:
			return m, nil
		}
		if s.agree != nil {
			if err := s.agree(in); err != nil {
				return mcp.Message{}, s.finish(err, true)
			}
		}
		s.finish(io.EOF, true)
		return m, nil
	}
}

// answers says whether a response is that to the call; one to null says that the server
// could not read which.
func (s *stream) answers(in *jsonrpc.Message) bool {
	return in.Key() == s.key || in.Error.OK() && string(in.ID.Of(in.Data)) == "null"
}

// read returns the next message, or what an event has besides.
func (s *stream) read() (mcp.Message, error) {
	if len(s.pending) == 0 {
		m, err := s.src.next()
		if err != nil {
			return m, err
		}
		if m.EventID != "" {
			s.resumes.Store(true)
		}
		if len(m.Data) == 0 || m.Data[0] != '[' {
			return m, nil
		}
		if s.pending = unbatch(m); len(s.pending) == 0 {
			return m, nil // which nobody can read
		}
	}
	m := s.pending[0]
	s.pending = s.pending[1:]
	return m, nil
}

// finish ends the stream for Next; the first end counts.
func (s *stream) finish(err error, over bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err, s.over, s.eof = err, over, s.src.eof
	}
	return s.err
}

// ended says why there are no more messages.
func (s *stream) ended(err error) error {
	switch {
	case errors.Is(err, errProtocol), errors.Is(err, errTooLong):
	case errors.Is(err, sse.ErrTooLong):
		err = errTooLong
	case s.lease.cause() != nil || !errors.Is(err, io.EOF):
		err = failure(s.lease, "the server's answer broke off", err)
	case s.src.torn():
		err = &brokenError{"the server's answer broke off in a message", "the connection was closed", io.ErrUnexpectedEOF}
	case s.call == nil, s.resumes.Load(), s.call.Method == "subscriptions/listen":
		// The server may end the connection whenever it likes.
	default:
		err = &brokenError{"the server's answer ended before the response", "the connection was closed", io.ErrUnexpectedEOF}
	}
	return s.finish(err, false)
}

// Close implements [mcp.Stream].
func (s *stream) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	if s.err == nil {
		s.err = ErrClosed
	}
	over, eof := s.over, s.eof
	s.mu.Unlock()
	switch {
	case closed:
	case over && !eof:
		drain(s.lease, s.body)
		s.lease.over()
	case over:
		_ = s.body.Close()
		s.lease.over()
	default:
		s.abandon()
	}
	return nil
}

// abandon ends the exchange of a call that has no response, and tells the server unless
// the client can come back for it.
func (s *stream) abandon() {
	s.lease.over()
	if s.body != nil {
		_ = s.body.Close()
	}
	if s.call != nil && !s.silent && !s.resumes.Load() {
		s.c.cancelled(s.call.ID.Of(s.call.Data))
	}
}
