// Package upstream makes the HTTP calls of the providers whose upstream is
// reached over HTTP.
package upstream

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/h1"
	"github.com/agent-gateway/agent-gateway/internal/httperr"
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
	short     *h1.Transport // for short requests over plain HTTP; nil when a proxy is in between
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
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if d := llm.ConnectTimeout(ctx); d > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d)
			defer cancel()
		}
		return dialer.DialContext(ctx, network, addr)
	}
	c := &Client{
		id:      cfg.ID,
		base:    u,
		timeout: or(n.RequestTimeout, DefaultRequestTimeout),
		extra:   extra,
		transport: &http.Transport{
			Proxy:                 proxy,
			DialContext:           dial,
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
			ReadBufferSize:         64 << 10,
			MaxResponseHeaderBytes: maxHead,
		},
	}
	if via, err := proxy(&http.Request{URL: u}); via == nil && err == nil {
		t := c.transport
		c.short = &h1.Transport{Dial: dial, MaxIdle: t.MaxIdleConns, MaxIdlePerHost: t.MaxIdleConnsPerHost, IdleTimeout: t.IdleConnTimeout, MaxHead: maxHead}
	}
	return c, nil
}

// maxHead bounds the head of an answer.
const maxHead = 256 << 10

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
	if c.short != nil {
		c.short.CloseIdleConnections()
	}
	return nil
}

// Send makes the call. path is escaped and appended to the base URL; auth adds
// the protocol's own headers, and the key unless it is empty.
func (c *Client) Send(ctx context.Context, call *llm.Call, path string, auth func(h http.Header, key string)) (*llm.Response, error) {
	base := c.base
	if call.Credential.BaseURL != "" {
		u, err := parseBase(call.Credential.BaseURL)
		if err != nil {
			return nil, &llm.Error{Code: llm.CodeUpstream, Message: fmt.Sprintf("provider %s: credential %s: base_url: %v", c.id, call.Credential.ID, err)}
		}
		base = u
	}
	h := make(http.Header, len(call.Header)+len(c.extra)+2)
	maps.Copy(h, call.Header)
	maps.Copy(h, c.extra)
	h["Accept-Encoding"] = identity
	auth(h, call.Credential.APIKey)

	u := join(base, path, call.Query)
	if text, done, ok := c.inShort(call, u); ok {
		resp, err := c.short.RoundTrip(ctx, &h1.Request{Method: call.Method, URL: u, Host: u.Host, Header: h, Body: text, Timeout: c.timeout})
		done()
		if err != nil {
			return nil, c.explain(ctx, err)
		}
		return response(resp, nil), nil
	}
	clock := startClock(ctx, c.timeout)
	resp, err := c.roundTrip(clock.ctx, call, u, h)
	if err != nil {
		err = c.explain(clock.ctx, err)
		clock.stop()
		return nil, err
	}
	return response(resp, clock), nil
}

// roundTrip makes a call through http.Transport.
func (c *Client) roundTrip(ctx context.Context, call *llm.Call, u *url.URL, h http.Header) (*http.Response, error) {
	req := &http.Request{
		Method: call.Method, URL: u, Host: u.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	ctx, lease, err := setBody(ctx, req, call.Body)
	if err != nil {
		return nil, err
	}
	resp, err := c.transport.RoundTrip(req.WithContext(ctx))
	lease.roundTripReturned()
	return resp, err
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

// explain makes an error of the transport the caller's: what failed, and where.
func (c *Client) explain(ctx context.Context, err error) error {
	var e *llm.Error
	if errors.As(err, &e) {
		return e
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, h1.ErrTimeout) {
		return &llm.Error{Code: llm.CodeCanceled, Message: "the caller went away", Final: true, Cause: cause}
	}
	var timeout net.Error
	if errors.Is(err, h1.ErrTimeout) || errors.Is(context.Cause(ctx), h1.ErrTimeout) || errors.As(err, &timeout) && timeout.Timeout() {
		return &llm.Error{Code: llm.CodeUpstreamTimeout, Message: fmt.Sprintf("provider %s did not answer in time", c.id), Cause: withoutContent(err)}
	}
	return &llm.Error{Code: llm.CodeUpstream, Message: fmt.Sprintf("provider %s cannot be reached", c.id), Cause: withoutContent(err)}
}

// errProtocol stands for errors that could quote what an upstream sent.
var errProtocol = errors.New("what the upstream sent is not valid HTTP")

// withoutContent returns err if it is of a kind that quotes nothing of an
// exchange: net/http's own errors may hold header lines, or text of an answer.
func withoutContent(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, h1.ErrHeader), strings.HasPrefix(err.Error(), "net/http: invalid header field"):
		return errors.New("nothing was sent: a header has a character that HTTP does not allow")
	}
	if said := httperr.Quotable(err, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded, h1.ErrTimeout, gzip.ErrHeader, gzip.ErrChecksum); said != nil {
		return said
	}
	return errProtocol
}
