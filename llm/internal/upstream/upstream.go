// Package upstream makes the HTTP calls of the providers whose upstream is
// reached over HTTP.
package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Defaults of [llm.Network].
const (
	DefaultRequestTimeout      = 10 * time.Minute
	DefaultMaxIdleConns        = 1024
	DefaultMaxIdleConnsPerHost = 256
	DefaultIdleConnTimeout     = 90 * time.Second
)

// Client calls one upstream through one pool of connections. It is safe for
// concurrent use.
type Client struct {
	id        string
	base      *url.URL
	transport *http.Transport
	timeout   time.Duration
	extra     http.Header
}

// New returns a client for cfg; base is used when cfg names no base URL.
func New(cfg llm.Config, base string) (*Client, error) {
	if cfg.BaseURL != "" {
		base = cfg.BaseURL
	}
	u, err := parseBase(base)
	if err != nil {
		return nil, fmt.Errorf("provider %s: base_url: %w", cfg.ID, err)
	}
	n := cfg.Network
	proxy := http.ProxyFromEnvironment
	if n.ProxyURL != "" {
		p, err := url.Parse(n.ProxyURL)
		if err != nil || p.Host == "" {
			return nil, fmt.Errorf("provider %s: network.proxy_url is not a URL", cfg.ID)
		}
		proxy = http.ProxyURL(p)
	}
	extra := http.Header{}
	for k, v := range n.ExtraHeaders {
		extra.Set(k, v)
	}
	return &Client{
		id:      cfg.ID,
		base:    u,
		timeout: or(n.RequestTimeout, DefaultRequestTimeout),
		extra:   extra,
		transport: &http.Transport{
			Proxy:                 proxy,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          or(n.MaxIdleConns, DefaultMaxIdleConns),
			MaxIdleConnsPerHost:   or(n.MaxIdleConnsPerHost, DefaultMaxIdleConnsPerHost),
			IdleConnTimeout:       or(n.IdleConnTimeout, DefaultIdleConnTimeout),
			// The caller gets the bytes that the upstream sent.
			DisableCompression: true,
			// Head and body of a usual request fit in one write.
			WriteBufferSize:        64 << 10,
			ReadBufferSize:         32 << 10,
			MaxResponseHeaderBytes: 256 << 10,
		},
	}, nil
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func parseBase(base string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("it must be an http:// or https:// URL")
	}
	return u, nil
}

// Close closes the idle connections. Calls under way go on.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// errTimeout is the cause of a context that the client's own timer ended.
var errTimeout = errors.New("the upstream was silent for too long")

// Send makes the call. path is escaped and appended to the base URL; auth adds
// the credential to the headers.
func (c *Client) Send(ctx context.Context, call *llm.Call, path string, auth func(h http.Header, key string)) (*llm.Response, error) {
	base := c.base
	if call.Credential.BaseURL != "" {
		u, err := parseBase(call.Credential.BaseURL)
		if err != nil {
			return nil, &llm.Error{Code: llm.CodeUpstream, Message: fmt.Sprintf("provider %s: credential %s: base_url: %v", c.id, call.Credential.ID, err)}
		}
		base = u
	}
	h := call.Header
	if h == nil {
		h = http.Header{}
	}
	for k, v := range c.extra {
		h[k] = v
	}
	h["Accept-Encoding"] = identity
	if call.Credential.APIKey != "" {
		auth(h, call.Credential.APIKey)
	}

	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.timeout, func() { cancel(errTimeout) })
	req := &http.Request{
		Method: call.Method, URL: join(base, path, call.Query), Host: base.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	ctx, lease, err := setBody(ctx, req, call.Body)
	if err == nil {
		var resp *http.Response
		resp, err = c.transport.RoundTrip(req.WithContext(ctx))
		lease.roundTripReturned()
		if err == nil {
			return &llm.Response{
				Status: resp.StatusCode, Header: resp.Header, ContentLength: resp.ContentLength,
				Body: &body{rc: resp.Body, ctx: ctx, cancel: cancel, timer: timer, timeout: c.timeout, idle: strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")},
			}, nil
		}
	}
	timer.Stop()
	err = c.explain(ctx, err)
	cancel(nil)
	return nil, err
}

var identity = []string{"identity"}

func join(base *url.URL, path string, query url.Values) *url.URL {
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path + path}
	if strings.IndexByte(path, '%') >= 0 {
		if p, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = base.Path+p, base.EscapedPath()+path
		}
	}
	if len(query) > 0 {
		u.RawQuery = query.Encode()
	}
	return u
}

// setBody gives the request its body. Bytes in memory go in as a *bytes.Reader,
// which the transport knows: it then sends head and body in one write. The lease
// is nil for other bodies.
func setBody(ctx context.Context, req *http.Request, b llm.Body) (context.Context, *lease, error) {
	if b == nil {
		return ctx, nil, nil
	}
	req.ContentLength = b.Len()
	m, ok := b.(llm.InMemory)
	if !ok {
		rc, err := b.Open()
		req.Body = rc
		if b.Replayable() {
			req.GetBody = b.Open
		}
		return ctx, nil, err
	}
	text, done := m.Bytes()
	if len(text) == 0 {
		req.Body = http.NoBody
		done()
		return ctx, nil, nil
	}
	l := &lease{begun: 1, done: done}
	req.Body = io.NopCloser(bytes.NewReader(text))
	req.GetBody = func() (io.ReadCloser, error) {
		l.begin()
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: l.wrote}), l, nil
}

// lease gives bytes back when the transport certainly reads them no more: when
// RoundTrip has returned, so that no other attempt can begin, and each attempt
// has said that its request is written, which may be later than the answer. When
// an attempt failed to write, it is never certain, and the bytes are left to the
// collector.
type lease struct {
	mu             sync.Mutex
	begun, written int
	failed         bool
	returned       bool
	done           func()
}

func (l *lease) begin() {
	l.mu.Lock()
	l.begun++
	l.mu.Unlock()
}

func (l *lease) wrote(info httptrace.WroteRequestInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written++
	l.failed = l.failed || info.Err != nil
	l.settle()
}

func (l *lease) roundTripReturned() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returned = true
	l.settle()
}

func (l *lease) settle() {
	if l.returned && !l.failed && l.written == l.begun {
		l.failed = true // once
		l.done()
	}
}

// explain makes an error of the transport the caller's: what failed, and where.
func (c *Client) explain(ctx context.Context, err error) error {
	var e *llm.Error
	if errors.As(err, &e) {
		return e
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errTimeout) {
		return &llm.Error{Code: llm.CodeCanceled, Message: "the caller went away", Final: true, Cause: cause}
	}
	var timeout net.Error
	if errors.Is(context.Cause(ctx), errTimeout) || errors.As(err, &timeout) && timeout.Timeout() {
		return &llm.Error{Code: llm.CodeUpstreamTimeout, Message: fmt.Sprintf("provider %s did not answer in time", c.id), Cause: err}
	}
	return &llm.Error{Code: llm.CodeUpstream, Message: fmt.Sprintf("provider %s cannot be reached", c.id), Cause: err}
}

// body ends the call when it is closed, and bounds the time that reading takes.
type body struct {
	rc      io.ReadCloser
	ctx     context.Context // of this call: it ends with the body
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
	idle    bool // the time counts anew with each read
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.rc.Read(p)
	if err == nil && b.idle {
		b.timer.Reset(b.timeout)
	}
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), errTimeout) {
		err = &llm.Error{Code: llm.CodeUpstreamTimeout, Message: "the upstream went silent in the middle of its answer", Cause: err}
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	err := b.rc.Close()
	b.cancel(nil)
	return err
}
