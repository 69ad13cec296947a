package h1

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// shut counts how often it is closed.
type shut struct {
	net.Conn
	n atomic.Int32
}

func (s *shut) Close() error { s.n.Add(1); return nil }

func TestPoolBounds(t *testing.T) {
	tr := &Transport{MaxIdle: 3, MaxIdlePerHost: 2}
	var all []*shut
	for i := range 8 {
		s := &shut{}
		all = append(all, s)
		tr.idle.put(&conn{Conn: s, t: tr, addr: fmt.Sprint(i / 3)})
	}
	closed := func() (n int) {
		for _, s := range all {
			n += int(s.n.Load())
		}
		return n
	}
	require.Len(t, tr.pooled(), 3)
	require.Equal(t, 5, closed())
	tr.CloseIdleConnections()
	require.Equal(t, 8, closed())
	tr.idle.put(&conn{Conn: &shut{}, t: tr, addr: "0"})
	require.Empty(t, tr.pooled())

	none := &Transport{}
	none.idle.put(&conn{Conn: &shut{}, t: none, addr: "0"})
	require.Empty(t, none.pooled())
}

// Hosts that were called once are not remembered for good.
func TestPoolForgetsHosts(t *testing.T) {
	tr := &Transport{MaxIdle: 2, MaxIdlePerHost: 2}
	for i := range 50 {
		addr := fmt.Sprint(i)
		tr.idle.put(&conn{Conn: &deadlines{}, t: tr, addr: addr})
		require.Nil(t, tr.idle.get(addr, time.Time{}), "it cannot be looked at")
	}
	require.LessOrEqual(t, len(tr.idle.hosts), 2)
}

type deadlines struct{ shut }

func (*deadlines) SetDeadline(time.Time) error { return nil }

func TestPoolExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &Transport{MaxIdle: 9, MaxIdlePerHost: 9, IdleTimeout: time.Minute}
		first, second := &shut{}, &shut{}
		tr.idle.put(&conn{Conn: first, t: tr, addr: "a"})
		time.Sleep(40 * time.Second)
		tr.idle.put(&conn{Conn: second, t: tr, addr: "a"})
		time.Sleep(21 * time.Second)
		require.EqualValues(t, 1, first.n.Load())
		require.Zero(t, second.n.Load())
		time.Sleep(40 * time.Second)
		require.EqualValues(t, 1, second.n.Load())
		synctest.Wait()
		require.Nil(t, tr.idle.timer)
		third := &shut{}
		tr.idle.put(&conn{Conn: third, t: tr, addr: "a"})
		tr.CloseIdleConnections()
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, third.n.Load())
	})
}

func TestCloseWhileCalled(t *testing.T) {
	s := serve(t, each(ok))
	tr := client(t)
	resp, err := tr.RoundTrip(t.Context(), s.req("POST"))
	require.NoError(t, err)
	tr.CloseIdleConnections()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "ok", string(b))
	require.Empty(t, tr.pooled())
}

// No call gets another's answer, whatever the others do with theirs.
func TestConcurrent(t *testing.T) {
	s := serve(t, func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			x := req.Header.Get("X")
			p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(x), x))
		}
	})
	tr := client(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				ctx, cancel := context.WithCancel(context.Background())
				req := s.req("POST")
				x := fmt.Sprintf("%d-%d", i, j)
				req.Header.Set("X", x)
				if j%5 == 4 {
					go cancel()
				}
				resp, err := tr.RoundTrip(ctx, req)
				if err == nil {
					if j%7 != 6 {
						b, err := io.ReadAll(resp.Body)
						if err == nil && string(b) != x || err != nil && j%5 != 4 {
							t.Errorf("%s: %q, %v", x, b, err)
						}
					}
					_ = resp.Body.Close()
				} else if j%5 != 4 {
					t.Errorf("%s: %v", x, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, len(tr.pooled()), tr.MaxIdlePerHost)
}
