package streamable

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/h1"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Defaults of [Options].
const (
	DefaultMaxMessage    = 16 << 20
	DefaultNotifyTimeout = 30 * time.Second
)

// Options are how the transport works. The zero value means the defaults.
type Options struct {
	// RoundTripper carries all requests. It must not follow redirects, and has to return
	// before an answer's body has come. nil is one of the transport's own, which takes
	// proxies from the environment.
	RoundTripper http.RoundTripper
	// MaxMessage bounds one message of the server's, in bytes: 16 MiB.
	MaxMessage int
	// NotifyTimeout bounds how long it may take to deliver what has no answer, and to
	// end a session: 30 seconds. A request may take any time.
	NotifyTimeout time.Duration
}

// Transport opens sessions with servers. It is safe for concurrent use.
type Transport struct {
	opts  Options
	proxy func(*http.Request) (*url.URL, error)
	long  http.RoundTripper
	short *h1.Transport // for short requests over plain HTTP; nil when there is a RoundTripper
}

var _ mcp.Transport = (*Transport)(nil)

// New makes a transport. It holds idle connections, which end by themselves after 90
// seconds.
func New(opts Options) *Transport {
	if opts.MaxMessage <= 0 {
		opts.MaxMessage = DefaultMaxMessage
	}
	if opts.NotifyTimeout <= 0 {
		opts.NotifyTimeout = DefaultNotifyTimeout
	}
	t := &Transport{opts: opts, long: opts.RoundTripper}
	if t.long != nil {
		return t
	}
	const maxHead = 256 << 10
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	t.proxy = http.ProxyFromEnvironment
	own := &http.Transport{
		Proxy: t.proxy, DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second, ForceAttemptHTTP2: true,
		MaxIdleConns: 1024, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: maxHead,
		// The caller gets the bytes that the server sent.
		DisableCompression: true,
	}
	t.long = own
	t.short = &h1.Transport{Dial: dialer.DialContext, MaxIdle: own.MaxIdleConns, MaxIdlePerHost: own.MaxIdleConnsPerHost, IdleTimeout: own.IdleConnTimeout, MaxHead: maxHead}
	return t
}

// CloseIdleConnections closes the connections that no call uses.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.long.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
	if t.short != nil {
		t.short.CloseIdleConnections()
	}
}

// Dial implements [mcp.Transport]. It sends nothing: the first call does.
func (t *Transport) Dial(ctx context.Context, s mcp.Service) (mcp.Conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("mcp: the URL of the service is not an absolute one of http or https")
	}
	c := &conn{t: t, header: make(http.Header, len(s.Header)+6), cancels: make(chan struct{}, maxCancels)}
	for name, v := range s.Header {
		c.header[http.CanonicalHeaderKey(name)] = v
	}
	if user := u.User; user != nil && c.header["Authorization"] == nil {
		password, _ := user.Password()
		c.header["Authorization"] = []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))}
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	c.url = u
	c.header["Accept-Encoding"] = []string{"identity"}
	if c.header["User-Agent"] == nil {
		c.header["User-Agent"] = []string{"agent-gateway"}
	}
	if t.short != nil {
		via, err := t.proxy(&http.Request{URL: u})
		c.direct = via == nil && err == nil
	}
	c.live, c.end = context.WithCancel(context.Background())
	return c, nil
}
