package sse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// wire is a stream of events and an address for POST.
type wire struct {
	opts   Options
	client *http.Client
	header http.Header // of each request
	post   *url.URL

	live context.Context // of the session; whatever is sent ends with it
	end  context.CancelFunc

	body   io.ReadCloser
	events *sse.Reader
	text   []byte // of events that were read together
	ends   []int  // where those in it end that were not looked at
	at     int
	first  mcp.Message // came before the session was there
}

var _ duplex.Wire = (*wire)(nil)

// header is what goes with each request of a service.
func header(own http.Header) http.Header {
	h := make(http.Header, len(own)+2)
	for name, v := range own {
		h[http.CanonicalHeaderKey(name)] = v
	}
	h["Accept-Encoding"] = []string{"identity"}
	if h["User-Agent"] == nil {
		h["User-Agent"] = []string{"agent-gateway"}
	}
	return h
}

// request makes a request. What the service's configuration says wins over what belongs
// to the message.
func (w *wire) request(ctx context.Context, method string, u *url.URL, own http.Header) *http.Request {
	h := make(http.Header, len(w.header)+len(own)+2)
	for name, v := range own {
		h[http.CanonicalHeaderKey(name)] = v
	}
	maps.Copy(h, w.header)
	r := &http.Request{Method: method, URL: u, Host: u.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if host := h.Get("Host"); host != "" {
		r.Host = host
		delete(h, "Host")
	}
	return r.WithContext(ctx)
}

// Send posts the message.
func (w *wire) Send(ctx context.Context, m mcp.Message) error {
	if w.live.Err() != nil {
		return duplex.ErrNotSent
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.live, cancel)()
	if in, err := jsonrpc.Parse(m.Data); err != nil || in.Kind() != jsonrpc.Request {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, w.opts.PostTimeout)
		defer done()
	}
	r := w.request(ctx, http.MethodPost, w.post, m.Header)
	r.Header["Content-Type"] = []string{"application/json"}
	r.ContentLength = int64(len(m.Data))
	r.Body = io.NopCloser(bytes.NewReader(m.Data))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.Data)), nil }
	resp, err := w.do(r)
	if err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode >= 300 {
		return refused(resp)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	_ = resp.Body.Close()
	return nil
}

// do sends a request. What went wrong is said without the address, in which there may
// be a secret.
func (w *wire) do(r *http.Request) (*http.Response, error) {
	resp, err := w.client.Do(r)
	if err == nil {
		return resp, nil
	}
	switch {
	case w.live.Err() != nil:
		return nil, ErrClosed
	case r.Context().Err() != nil:
		return nil, context.Cause(r.Context())
	}
	return nil, fmt.Errorf("sse: the server cannot be reached: %w", withoutContent(err))
}

// Receive reads the next event that carries a message.
func (w *wire) Receive() (mcp.Message, error) {
	if m := w.first; len(m.Data) > 0 {
		w.first = mcp.Message{}
		return m, nil
	}
	for {
		e, err := w.event()
		if err != nil {
			err = w.broken(err)
			w.end()
			_ = w.body.Close()
			return mcp.Message{}, err
		}
		if name := string(e.Name); e.HasData && (name == "" || name == "message") {
			return message(e), nil
		}
	}
}

func message(e sse.Event) mcp.Message {
	m := mcp.Message{Data: bytes.Clone(e.Data), EventID: string(e.ID)}
	if ms, err := strconv.ParseUint(string(e.Retry), 10, 31); err == nil {
		m.Retry = time.Duration(ms) * time.Millisecond
	}
	return m
}

// event reads the next event, which is valid until the one after it.
func (w *wire) event() (sse.Event, error) {
	if len(w.ends) == 0 {
		text, err := w.events.Read()
		if err != nil {
			return sse.Event{}, err
		}
		w.text, w.ends, w.at = text, w.events.Ends(), 0
	}
	from := w.at
	w.at, w.ends = w.ends[0], w.ends[1:]
	return sse.Parse(w.text[from:w.at]), nil
}

// Close ends the session: its stream is its life.
func (w *wire) Close(context.Context) error {
	w.end()
	return nil
}
