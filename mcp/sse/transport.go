package sse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// Defaults of [Options].
const (
	DefaultMaxMessage  = 16 << 20
	DefaultPostTimeout = 30 * time.Second
)

// Options of the transport. The zero value means the defaults.
type Options struct {
	// Client sends the requests; its Timeout and CheckRedirect are not used. nil is one of
	// the transport's own, which takes proxies from the environment. It is the caller's:
	// the transport does not close its connections.
	Client *http.Client
	// MaxMessage bounds an event of the server's, in bytes. A longer one ends the session.
	MaxMessage int
	// PostTimeout bounds how long a server may take to answer the POST of a notification,
	// or of an answer to it. A request may take any time, as some servers answer its POST
	// only after it.
	PostTimeout time.Duration
	// QueueMessages and QueueBytes bound what waits in one stream: 1024 and 16 MiB.
	QueueMessages, QueueBytes int
	// Backlog is how many messages that belong to no call are kept while nobody listens: 256.
	Backlog int
	// Log gets what is skipped, by its length; nil is slog.Default().
	Log *slog.Logger
}

// New returns the transport. It is safe for concurrent use. It holds idle connections,
// which its method CloseIdleConnections closes, and which end by themselves otherwise.
func New(opts Options) mcp.Transport {
	if opts.MaxMessage <= 0 {
		opts.MaxMessage = DefaultMaxMessage
	}
	if opts.PostTimeout <= 0 {
		opts.PostTimeout = DefaultPostTimeout
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	client := http.Client{}
	if opts.Client != nil {
		client = *opts.Client
	} else {
		client.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1024, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second, DisableCompression: true, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: 256 << 10,
		}
	}
	client.Timeout = 0 // it would end the stream
	client.CheckRedirect = checkRedirect
	return &transport{opts, &client}
}

type transport struct {
	opts   Options
	client *http.Client
}

// CloseIdleConnections closes the connections that no session uses, if they are the
// transport's own.
func (t *transport) CloseIdleConnections() {
	if t.opts.Client == nil {
		t.client.CloseIdleConnections()
	}
}

// Stats counts what happened on a session.
type Stats = duplex.Stats

// ErrClosed is what streams and calls end with after Close; it is a net.ErrClosed.
var ErrClosed = duplex.ErrClosed

// Session is what the sessions of this transport are besides an [mcp.Conn].
type Session interface {
	// Done is closed when the session has ended.
	Done() <-chan struct{}
	// Err is why the session ended, ErrClosed after Close; nil while it lasts.
	Err() error
	// Stats counts what happened so far.
	Stats() Stats
}

var (
	_ mcp.Conn = (*duplex.Conn)(nil)
	_ Session  = (*duplex.Conn)(nil)
)

// Dial opens the stream of events and waits for the address that messages go to; ctx
// bounds that. A server that refuses is an [*mcp.StatusError].
func (t *transport) Dial(ctx context.Context, s mcp.Service) (mcp.Conn, error) {
	base, err := absolute(s.URL)
	if err != nil {
		return nil, fmt.Errorf("sse: the service's URL: %w", err)
	}
	var configured *url.URL
	if s.PostURL != "" {
		if configured, err = absolute(s.PostURL); err != nil {
			return nil, fmt.Errorf("sse: the service's POST URL: %w", err)
		}
	}
	w := &wire{opts: t.opts, client: t.client, header: header(s.Header)}
	w.live, w.end = context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, w.end) // until the session is there
	err = w.open(base, configured)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		w.end()
		if w.body != nil {
			_ = w.body.Close()
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return duplex.New(w, duplex.Options{
		QueueMessages: t.opts.QueueMessages, QueueBytes: t.opts.QueueBytes, Backlog: t.opts.Backlog,
		Waits: true, Log: t.opts.Log.With("service", s.ID),
	}), nil
}

// open opens the stream and reads until it is known where messages go.
func (w *wire) open(base, configured *url.URL) error {
	r := w.request(w.live, http.MethodGet, base, nil)
	r.Header["Accept"] = []string{"text/event-stream"}
	resp, err := w.do(r)
	if err != nil {
		return err
	}
	w.body = resp.Body
	switch {
	case resp.StatusCode != http.StatusOK:
		return refused(resp)
	case !strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "text/event-stream"):
		return errors.New("sse: the server answered with something else than a stream of events")
	}
	w.events = sse.NewReader(resp.Body, make([]byte, 4096), w.opts.MaxMessage)
	for {
		e, err := w.event()
		if err != nil {
			return w.broken(err)
		}
		switch name := string(e.Name); {
		case name == "endpoint":
			w.post, err = endpoint(resp.Request.URL, configured, e.Data)
			return err
		case name != "" && name != "message", !e.HasData:
		case configured != nil: // there is an address without it
			w.post, w.first = configured, message(e)
			return nil
		default:
			return errors.New("sse: the server sent a message before the address to send messages to")
		}
	}
}
