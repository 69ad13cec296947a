package sse

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// refused reads what a server has refused a request with.
func refused(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what there is of it
	e := &mcp.StatusError{Code: resp.StatusCode, Header: http.Header{}, Body: body}
	for _, name := range []string{"Content-Type", "Www-Authenticate", "Retry-After", "Allow"} {
		if v := resp.Header[name]; v != nil {
			e.Header[name] = v
		}
	}
	return e
}

// withoutContent returns the part of err that quotes nothing: the addresses that are in
// others, a proxy's too, may hold passwords, and net/http quotes what is not HTTP.
func withoutContent(err error) error {
	var (
		op          *net.OpError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &op):
		return op
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &alert):
		return alert
	case errors.As(err, &record):
		return errors.New("it does not speak TLS there")
	}
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
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
