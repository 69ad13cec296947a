package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/agent-gateway/agent-gateway/internal/httperr"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// refused reads what a server has refused a request with.
func refused(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	return mcp.ReadStatusError(resp)
}

// withoutContent returns the part of err that quotes nothing.
func withoutContent(err error) error {
	if said := httperr.Quotable(err, io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded); said != nil {
		return said
	}
	return errors.New("a header or a proxy's address is not valid, or what it answered is not HTTP")
}

// broken says why the stream of events ended.
func (w *wire) broken(err error) error {
	switch {
	case w.live.Err() != nil:
		return ErrClosed
	case errors.Is(err, sse.ErrTooLong):
		return fmt.Errorf("sse: an event of the server's is longer than %d bytes", w.opts.MaxMessage)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("sse: the stream of events broke off: %w", withoutContent(err))
	case len(bytes.TrimSpace(w.events.Rest())) > 0:
		return fmt.Errorf("sse: the stream of events broke off in an event: %w", io.ErrUnexpectedEOF)
	}
	return errors.New("sse: the server ended the stream of events")
}
