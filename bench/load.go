package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// caller is one connection that sends the same request again and again. It
// writes and reads on one goroutine, without a client between it and the socket,
// so that what it measures is the other side.
type caller struct {
	conn   wire
	in     *bufio.Reader
	sends  []byte
	wants  whole
	answer []byte
	// Of a session of MCP's: its headers, and what ends it.
	headers []string
	bye     []byte
}

// wire is a connection, or the standard streams of a process.
type wire interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

func dial(t *target, s scenario) (*caller, error) {
	if s.mcp != "" {
		return dialMCP(t, s)
	}
	key := cmp.Or(s.key, t.key)
	headers := []string{"Accept", "*/*", "Authorization", "Bearer " + key}
	if s.asks == messages {
		headers = []string{"Accept", "*/*", "Anthropic-Version", "2023-06-01", "X-Api-Key", key}
	}
	c, err := connectTo(t.addr, s)
	if err == nil {
		c.sends = c.request(http.MethodPost, s.route+s.asks, s.body, headers...)
	}
	return c, err
}

// connectTo is a caller that does not know yet what it sends.
func connectTo(addr string, s scenario) (*caller, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return newCaller(conn, s), nil
}

func newCaller(conn wire, s scenario) *caller {
	return &caller{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), wants: s.whole(), answer: make([]byte, 8<<10+2*s.size+256*s.events)}
}

// request is the text of a request; headers are names and values in turn.
func (c *caller) request(method, path string, body []byte, headers ...string) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n", method, path)
	for pair := range slices.Chunk(headers, 2) {
		b = fmt.Appendf(b, "%s: %s\r\n", pair[0], pair[1])
	}
	if len(body) > 0 {
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return append(append(b, "\r\n"...), body...)
}

func (c *caller) hangUp() {
	if c.bye != nil {
		_ = c.conn.SetDeadline(time.Now().Add(patience))
		_, _ = c.ask(c.bye)
	}
	_ = c.conn.Close()
}

// ask sends something else than what it repeats, and reads the answer into memory.
func (c *caller) ask(request []byte) (*http.Response, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("status %d: %.200s", resp.StatusCode, body)
	}
	return resp, err
}

// call makes one call and says how long the first byte of the answer's body and
// the whole answer took. An answer that is not whole is an error.
func (c *caller) call() (first, total time.Duration, err error) {
	begin := time.Now()
	if _, err := c.conn.Write(c.sends); err != nil {
		return 0, 0, err
	}
	if c.wants.line {
		return c.readLine(begin)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, 0, err
	}
	n := 0
	for {
		m, err := resp.Body.Read(c.answer[n:])
		if n == 0 && m > 0 {
			first = time.Since(begin)
		}
		n += m
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, 0, fmt.Errorf("the answer broke off after %d bytes: %w", n, err)
		}
		if n == len(c.answer) {
			return 0, 0, fmt.Errorf("the answer is longer than %d bytes", n)
		}
	}
	total = time.Since(begin)
	return first, total, c.wants.check(resp.StatusCode, c.answer[:n])
}

// outcome is what callers saw. Times are sorted.
type outcome struct {
	requests, errors int
	err              error // the first
	first, total     []time.Duration
	elapsed          time.Duration
}

// patience is how long callers may go on after they were told to stop.
const patience = 30 * time.Second

// drive lets callers call until more says no. With a spread they begin one after
// another within it. A caller that got an error stops: after a broken answer its
// connection is of no use.
func drive(ctx context.Context, callers []*caller, spread time.Duration, deadline time.Time, more func() bool) outcome {
	var (
		mu  sync.Mutex
		all outcome
		wg  sync.WaitGroup
	)
	begin := time.Now()
	for i, c := range callers {
		_ = c.conn.SetDeadline(deadline.Add(patience))
		wg.Go(func() {
			time.Sleep(spread * time.Duration(i) / time.Duration(len(callers)))
			o := c.repeat(ctx, more)
			mu.Lock()
			defer mu.Unlock()
			all.add(o)
		})
	}
	wg.Wait()
	all.elapsed = time.Since(begin)
	slices.Sort(all.first)
	slices.Sort(all.total)
	return all
}

func (c *caller) repeat(ctx context.Context, more func() bool) (o outcome) {
	for more() && ctx.Err() == nil {
		first, total, err := c.call()
		o.requests++
		if err != nil {
			o.errors, o.err = 1, err
			return o
		}
		o.first = append(o.first, first)
		o.total = append(o.total, total)
	}
	return o
}

func (o *outcome) add(other outcome) {
	o.requests += other.requests
	o.errors += other.errors
	if o.err == nil {
		o.err = other.err
	}
	o.first = append(o.first, other.first...)
	o.total = append(o.total, other.total...)
}

// driveFor drives for a time.
func driveFor(ctx context.Context, callers []*caller, spread, d time.Duration) outcome {
	deadline := time.Now().Add(d)
	return drive(ctx, callers, spread, deadline, func() bool { return time.Now().Before(deadline) })
}

// quantile of sorted values; 0 when there is none.
func quantile[T any](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
