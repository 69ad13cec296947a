package streamable

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// Options are how the transport works. The zero value is good.
type Options struct {
	// Client sends the requests. It must not follow redirects to other origins, and its
	// Timeout must be 0, as it would end streams. nil is one of the transport's own, which
	// follows no redirects and takes proxies from the environment.
	Client *http.Client
	// MaxMessage bounds one message of the server's, in bytes; default 16 MiB.
	MaxMessage int
	// HeaderTimeout bounds the wait for the head of an answer to a notification; default
	// 30 seconds. A request may take any time.
	HeaderTimeout time.Duration
}

type transport struct {
	Options
}

var _ mcp.Transport = (*transport)(nil)

// New makes a transport. It holds idle connections, which end by themselves.
func New(o Options) mcp.Transport {
	if o.MaxMessage <= 0 {
		o.MaxMessage = 16 << 20
	}
	if o.HeaderTimeout <= 0 {
		o.HeaderTimeout = 30 * time.Second
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1024, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second,
				TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second, DisableCompression: true, ForceAttemptHTTP2: true,
				MaxResponseHeaderBytes: 256 << 10,
			},
			// Credentials go to the configured address alone.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return &transport{o}
}

// Dial implements [mcp.Transport]. Nothing is sent before the first call.
func (t *transport) Dial(_ context.Context, s mcp.Service) (mcp.Conn, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("streamable: the service's URL is not an absolute one of http or https")
	}
	header := make(http.Header, len(s.Header)+2)
	for name, v := range s.Header {
		header[http.CanonicalHeaderKey(name)] = v
	}
	header["Accept-Encoding"] = []string{"identity"}
	if header["User-Agent"] == nil {
		header["User-Agent"] = []string{"agent-gateway"}
	}
	c := &conn{t: t, url: u, header: header}
	c.live, c.end = context.WithCancel(context.Background())
	return c, nil
}

// conn is a session, once the server has given it an id; until then, or without, it is
// an address.
type conn struct {
	t      *transport
	url    *url.URL
	header http.Header

	live context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup // cancellations on their way

	mu      sync.Mutex
	id      string // of the session
	version string // of the protocol, as agreed on
	closed  bool
}

// SessionID is the id that the server has given the session; empty before initialize, and
// where the server gives none.
func (c *conn) SessionID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// request makes a request in the session. It ends with ctx, and with the session.
func (c *conn) request(ctx context.Context, method string, own http.Header) *http.Request {
	h := maps.Clone(c.header)
	c.mu.Lock()
	if c.id != "" {
		h["Mcp-Session-Id"] = []string{c.id}
	}
	if c.version != "" {
		h["Mcp-Protocol-Version"] = []string{c.version}
	}
	c.mu.Unlock()
	for name, v := range own {
		h[http.CanonicalHeaderKey(name)] = v
	}
	r := &http.Request{Method: method, URL: c.url, Host: c.url.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return r.WithContext(ctx)
}

// bound is ctx, ended by the end of the session as well.
func (c *conn) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.live, cancel)
	return ctx, func() { stop(); cancel() }
}

// do sends a request. What went wrong is said without the address, in which there may be
// a secret.
func (c *conn) do(r *http.Request) (*http.Response, error) {
	resp, err := c.t.Client.Do(r)
	if err == nil {
		return resp, nil
	}
	var addressed *url.Error
	if errors.As(err, &addressed) {
		err = addressed.Err
	}
	switch {
	case c.live.Err() != nil:
		return nil, errClosed
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	}
	return nil, fmt.Errorf("streamable: %w", err)
}

var errClosed = errors.New("streamable: the session is closed")
