package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// roles are what a child process of this program can be. Each listens on
// loopback and prints its address, but for the MCP server, which does neither.
var roles = map[string]func(upstream *url.URL) http.Handler{
	"upstream":     func(*url.URL) http.Handler { return nil },
	"reverseproxy": reverseProxy,
	"relay":        relay,
	mcpServer:      func(*url.URL) http.Handler { return nil },
}

// serveRole is a child's life. It ends with its standard input, so that no child
// outlives the program that started it; a line of input asks for the counters.
func serveRole(role string, args []string, stdin io.Reader, stdout io.Writer) error {
	if role == mcpServer {
		return speakMCP(stdin, stdout)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	up := newUpstream(scenarios())
	failed := make(chan error, 1)
	if role == "upstream" {
		go func() { failed <- up.serve(ln) }()
	} else {
		if len(args) != 1 {
			return fmt.Errorf("%s: one argument, the upstream's URL", role)
		}
		target, err := url.Parse(args[0])
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		srv := &http.Server{Handler: roles[role](target), ReadHeaderTimeout: 20 * time.Second}
		go func() { failed <- srv.Serve(ln) }()
	}
	if _, err := fmt.Fprintln(stdout, ln.Addr()); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			if _, err := fmt.Fprintln(stdout, up.conns.Load(), up.requests.Load()); err != nil {
				return
			}
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
		return nil
	}
}

// transport is the same for both proxies: connections enough to reuse them all,
// and buffers for bodies of the size that agents send.
func transport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
		WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10}
}

// reverseProxy is the standard library's, with buffers that are used again, and
// full duplex: without it the server closes the request's body when the answer
// begins, and when the transport has not seen the body's end by then, it gives
// up the answer. A few in a hundred of these fast streams would break.
func reverseProxy(upstream *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.Header.Set("Authorization", "Bearer "+upstreamKey)
		},
		Transport: transport(), BufferPool: &buffers{},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// buffers is a pool of copy buffers.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

// relay is the least that a net/http program can do: the request into memory,
// one round trip, the answer back as it comes.
func relay(upstream *url.URL) http.Handler {
	rt, free := transport(), &buffers{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0)) // the bench always says it
		if _, err := io.ReadFull(r.Body, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		to := *upstream
		to.Path = r.URL.Path
		out := (&http.Request{
			Method: r.Method, URL: &to, ContentLength: r.ContentLength, Body: io.NopCloser(bytes.NewReader(body)),
			Header: http.Header{"Content-Type": r.Header["Content-Type"], "Authorization": {"Bearer " + upstreamKey}},
		}).WithContext(r.Context())
		resp, err := rt.RoundTrip(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		buf := free.Get()
		defer free.Put(buf)
		if err := passOn(w, resp, buf); err != nil {
			panic(http.ErrAbortHandler) // the way to break off an answer
		}
	})
}

// passOn copies an answer; what has no known length is flushed read by read.
func passOn(w http.ResponseWriter, resp *http.Response, buf []byte) error {
	rc := http.NewResponseController(w)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if resp.ContentLength < 0 {
				if err := rc.Flush(); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
