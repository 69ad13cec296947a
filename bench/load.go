package main

import (
	"bufio"
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
	conn   net.Conn
	in     *bufio.Reader
	sends  []byte
	wants  whole
	answer []byte
}

func dial(addr, key string, s scenario) (*caller, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	auth := "Authorization: Bearer " + key
	if s.asks == messages {
		auth = "Anthropic-Version: 2023-06-01\r\nX-Api-Key: " + key
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\nContent-Type: application/json\r\n%s\r\nContent-Length: %d\r\n\r\n",
		s.route+s.asks, addr, auth, len(s.body))
	return &caller{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), sends: append([]byte(head), s.body...), wants: s.whole(),
		answer: make([]byte, 8<<10+2*s.size+256*s.events)}, nil
}

// call makes one call and says how long the first byte of the answer's body and
// the whole answer took. An answer that is not whole is an error.
func (c *caller) call() (first, total time.Duration, err error) {
	begin := time.Now()
	if _, err := c.conn.Write(c.sends); err != nil {
		return 0, 0, err
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
