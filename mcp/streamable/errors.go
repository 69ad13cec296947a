package streamable

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/h1"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// ErrClosed is what streams and calls end with after Close; it is a [net.ErrClosed].
var ErrClosed = fmt.Errorf("mcp: %w", net.ErrClosed)

var (
	errTooLong  = errors.New("mcp: the server sent a message that is longer than the bound")
	errSlow     = errors.New("mcp: the server has not answered in time")
	errProtocol = errors.New("mcp: the server sent what is not a JSON-RPC message")
)

// brokenError is why an exchange has failed. Its text quotes nothing of the exchange;
// who needs more finds the cause by errors.As.
type brokenError struct {
	what, why string
	cause     error
}

func (e *brokenError) Error() string { return "mcp: " + e.what + ": " + e.why }
func (e *brokenError) Unwrap() error { return e.cause }

// failure is the error of an exchange that err has ended.
func failure(l lease, what string, err error) error {
	if cause := l.cause(); cause != nil {
		return cause
	}
	why, cause := explain(err)
	return &brokenError{what, why, cause}
}

// explain says of an error what may be said: net/http quotes header lines and addresses.
func explain(err error) (string, error) {
	var (
		name        *net.DNSError
		system      *os.SyscallError
		host        x509.HostnameError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		record      tls.RecordHeaderError
		network     net.Error
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // io.EOF would be a good end
		return "the connection was closed", io.ErrUnexpectedEOF
	case errors.Is(err, h1.ErrHeader), strings.Contains(err.Error(), "invalid header field"):
		return "nothing was sent, as a header has a character that HTTP does not allow", err
	case errors.As(err, &name):
		return "the name of its host cannot be resolved", err
	case errors.As(err, &host):
		return "its certificate is not for its host", err
	case errors.As(err, &certificate):
		return "its certificate is not trusted: " + certificate.Err.Error(), err
	case errors.As(err, &alert):
		return "it refuses TLS: " + alert.Error(), err
	case errors.As(err, &record):
		return "it does not speak TLS", err
	case errors.As(err, &system):
		return system.Err.Error(), err
	case errors.As(err, &network) && network.Timeout():
		return "it took too long", err
	case errors.Is(err, h1.ErrAnswer), strings.Contains(err.Error(), "malformed"):
		return "what it sent is not valid HTTP", err
	}
	return "the exchange failed", err
}

// refusalTime bounds how long the body of a refusal may take to come.
const refusalTime = 5 * time.Second

// refused reads what a server has refused a request with, and ends the exchange.
func refused(l lease, resp *http.Response) error {
	defer l.over()
	defer resp.Body.Close()
	defer l.within(refusalTime)()
	return mcp.ReadStatusError(resp)
}

// drainTime is how long the rest of an answer may take to come, for the sake of the
// connection.
const drainTime = 50 * time.Millisecond

// drain reads a short rest and closes the body, so that the connection can be used
// again. Some servers leave a stream open on which nothing more comes.
func drain(l lease, body io.ReadCloser) {
	if body != http.NoBody {
		stop := l.within(drainTime)
		_, _ = io.CopyN(io.Discard, body, 64<<10)
		stop()
	}
	_ = body.Close()
}
