// Package client calls the gateway's Admin API.
//
// Objects come back as the bytes that the server sent, so that fields which this
// version does not know survive. What can be asked of a kind is the same for all
// of them; the table [configstore.Kinds] says where each is found.
//
//	c, err := client.New(client.Options{BasicAuth: os.Getenv("AGW_ADMIN_BASIC_AUTH")})
//	kind, _ := configstore.KindByName("provider")
//	providers, err := c.List(ctx, kind, nil)
package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultAddr is where agwd serves the Admin API unless told otherwise.
const DefaultAddr = "http://localhost:8019"

// DefaultTimeout bounds one call, its answer included.
const DefaultTimeout = 30 * time.Second

// maxBody bounds an answer: 64 MiB is a list of some hundred thousand objects.
const maxBody = 64 << 20

// Options say where the Admin API is and who is calling. The zero value calls
// [DefaultAddr] without credentials.
type Options struct {
	// Addr is the URL before /admin, or just host:port. Empty is DefaultAddr.
	Addr string
	// BasicAuth is "user:password"; empty sends none. An Authorization among
	// Headers goes before it.
	BasicAuth string
	// Headers are added to every request.
	Headers http.Header
	// Timeout bounds one call; 0 is DefaultTimeout.
	Timeout time.Duration
	// HTTPClient sends the requests; nil is one of the package's own. Its
	// CheckRedirect and Timeout are not used.
	HTTPClient *http.Client
}

// Client calls one Admin API. It is safe for concurrent use and needs no closing.
type Client struct {
	addr    string // without a slash at its end
	headers http.Header
	timeout time.Duration
	http    http.Client
}

// New checks the options. Its errors never show credentials.
func New(o Options) (*Client, error) {
	addr, err := parseAddr(o.Addr)
	if err != nil {
		return nil, err
	}
	c := &Client{addr: addr, headers: o.Headers.Clone(), timeout: o.Timeout}
	if c.headers == nil {
		c.headers = http.Header{}
	}
	if o.BasicAuth != "" && c.headers.Get("Authorization") == "" {
		if !strings.Contains(o.BasicAuth, ":") {
			return nil, errors.New("the credentials of the Admin API must be user:password (AGW_ADMIN_BASIC_AUTH or --admin-basic-auth)")
		}
		c.headers.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(o.BasicAuth)))
	}
	for name, values := range c.headers {
		// net/http would refuse it as well, but as if nobody answered.
		if name == "" || strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
			return nil, fmt.Errorf("the header %q for the Admin API has no name, or a line break in it", name)
		}
	}
	switch {
	case c.timeout < 0:
		return nil, errors.New("the timeout must not be negative")
	case c.timeout == 0:
		c.timeout = DefaultTimeout
	}
	if o.HTTPClient != nil {
		c.http = *o.HTTPClient
	}
	c.http.Timeout = 0
	// A redirect would carry credentials to where nobody meant to send them, and
	// would turn a POST into a GET.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// Addr is the address in use, without a slash at its end.
func (c *Client) Addr() string { return c.addr }

func parseAddr(addr string) (string, error) {
	if addr == "" {
		return DefaultAddr, nil
	}
	if !strings.Contains(addr, "://") {
		addr = "http://" + addr
	}
	u, err := url.Parse(addr)
	switch {
	// The address itself is not shown: it may hold a password.
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return "", errors.New("the address of the Admin API is not a URL: set AGW_ADMIN_ADDR or --admin-addr to one like " + DefaultAddr)
	case u.User != nil:
		return "", errors.New("the address of the Admin API must not carry a user or a password: set AGW_ADMIN_BASIC_AUTH or --admin-basic-auth instead")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the address of the Admin API must not carry a query or a fragment")
	}
	base := strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/")
	return strings.TrimSuffix(base, "/admin"), nil // as agwd dev shows it
}

// call is one request.
type call struct {
	method, path string // path is below /admin, its segments escaped
	query        url.Values
	body         []byte
	contentType  string
	accept       string
}

var errTimeout = errors.New("timeout")

// do returns the answer's status and body. An error means that there is no
// complete answer.
func (c *Client) do(ctx context.Context, r call) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	target := c.addr + "/admin/" + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, errors.New("the request to the Admin API at " + c.addr + " cannot be built")
	}
	req.Header = c.headers.Clone()
	req.Host = c.headers.Get("Host")
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	req.Header.Set("Accept", r.accept)
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return 0, nil, c.redirected(resp)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return 0, nil, c.unreachable(ctx, err)
	case len(body) > maxBody:
		return 0, nil, errors.New("the Admin API's answer is larger than 64 MiB: ask for less with a filter")
	}
	return resp.StatusCode, body, nil
}
