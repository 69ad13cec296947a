package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
)

// children are the processes that this one has started and that have not been waited for.
func children(t *testing.T) (list []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may be gone
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			list = append(list, string(text))
		}
	}
	return list
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

// leavesNothing holds a test to leave no process and no descriptor behind, once what it
// has started from here on has ended. newGateway looks for goroutines.
func leavesNothing(t *testing.T) {
	t.Helper()
	before := descriptors(t)
	t.Cleanup(func() {
		require.Empty(t, children(t), "Shutdown returns when they have ended")
		require.Eventually(t, func() bool { return descriptors(t) <= before }, patience, step)
	})
}

// fleet is a gateway with a route for each of these servers, at /0, /1, ...
func fleet(t *testing.T, service string, opts []gateway.Option, ups ...*mcpServer) *stack {
	t.Helper()
	services, routes := "mcpServices:\n", "mcpRoutes:\n"
	for i, up := range ups {
		services += fmt.Sprintf("- {id: s%d, %s}\n", i, more(up.fields, service))
		routes += fmt.Sprintf("- {id: r%d, service_id: s%[1]d, match_policy: {path_prefix: /%[1]d}}\n", i)
	}
	_, keys, _ := strings.Cut(ups[0].bundle("", ""), "virtualKeys:")
	s := newGateway(t, "\napiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\n"+services+routes+"virtualKeys:"+keys, opts...)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-s.events:
			case <-done:
				return
			}
		}
	}()
	t.Cleanup(func() { close(done) })
	return s
}

// visit is a caller of its own, which may fail a test from any goroutine.
type visit struct {
	*mcpCaller
	i int
}

// post sends a message and reads the answer.
func (v *visit) post(ctx context.Context, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.s.URL+v.path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", jsonKind)
	h := v.headers()
	for i := 0; i < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	resp, err := v.s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	a := read(resp)
	return a, a.err
}

// begin begins a session, as soon as it may.
func (v *visit) begin(ctx context.Context) error {
	for {
		got, err := v.post(ctx, initialize)
		switch {
		case err != nil:
			return err
		case got.Status == 200:
			v.session = got.Header.Get("Mcp-Session-Id")
			_, err = v.post(ctx, initialized)
			return err
		case got.Status != 503:
			return fmt.Errorf("initialize: %d %s", got.Status, got.Body)
		}
	}
}

// echo has the caller be served.
func (v *visit) echo(ctx context.Context) error {
	want := fmt.Sprintf("%d %d", v.i, v.last)
	got, err := v.post(ctx, v.request("tools/call", toolCall("echo", quotedText(want))))
	if err != nil || got.Status != 200 || !strings.Contains(got.Body, quoted(want)) {
		return fmt.Errorf("echo of %q on %s: %d %s %w", want, v.path, got.Status, got.Body, err)
	}
	return nil
}

func quotedText(s string) string { return `{"text":` + quoted(s) + `}` }

// leave ends the visit in one of several ways.
func (v *visit) leave(ctx context.Context, clock *clock) error {
	call := func(tool string) string { return v.request("tools/call", toolCall(tool, `{"count":1000}`)) }
	switch v.i % 5 {
	case 0: // in good order
	case 1: // in the middle of a call, when its first message is here
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if _, err := v.stream(ctx, http.MethodPost, call("slow")); err != nil {
			return err
		}
	case 2: // while it listens
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if _, err := v.stream(ctx, http.MethodGet, ""); err != nil {
			return err
		}
	case 3: // and takes the server with it
		if _, err := v.post(ctx, call("crash")); err != nil {
			return err
		}
		clock.forward(30 * time.Second)
		return nil
	case 4: // and has not read much
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if _, err := v.stream(ctx, http.MethodPost, call("flood")); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, v.s.URL+v.path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Mcp-Session-Id", v.session)
	req.Header.Set("Authorization", "Bearer "+v.key)
	resp, err := v.s.client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("DELETE: %d", resp.StatusCode)
	}
	return nil
}

// stream sends a message and reads the head of the answer, and of a POST its first line.
func (v *visit) stream(ctx context.Context, method, body string) (line string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, v.s.URL+v.path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", jsonKind)
	h := v.headers()
	for i := 0; i < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	resp, err := v.s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if method == http.MethodPost {
		line, err = bufio.NewReader(resp.Body).ReadString('\n')
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", method, resp.StatusCode)
	}
	return line, err
}

// Hundreds of sessions come and go, in every way, over every transport. Those who stay are
// served all the while, and in the end nothing is left.
func TestMCPSessionsComeAndGo(t *testing.T) {
	sessions := 500
	if testing.Short() {
		sessions = 50
	}
	leavesNothing(t)
	clock := newClock()
	ups := []*mcpServer{newMCP(t, "json", nil), newMCP(t, "events", nil), newMCP(t, "sse", nil), faulty("server")}
	s := fleet(t, "isolation: session", []gateway.Option{gateway.WithClock(clock.now)}, ups...)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var over atomic.Bool
	var stay, come sync.WaitGroup
	for i := range ups {
		v := &visit{&mcpCaller{s: s, path: "/" + strconv.Itoa(i), key: bob}, -1}
		require.NoError(t, v.begin(ctx))
		stay.Go(func() {
			for !over.Load() {
				if err := v.echo(ctx); err != nil {
					t.Error("who stays:", err)
					return
				}
			}
		})
	}
	var next atomic.Int64
	for range 8 {
		come.Go(func() {
			for i := int(next.Add(1)) - 1; i < sessions; i = int(next.Add(1)) - 1 {
				v := &visit{&mcpCaller{s: s, path: "/" + strconv.Itoa(i/5%len(ups)), key: alice}, i}
				err := v.begin(ctx)
				if err == nil {
					err = v.echo(ctx)
				}
				if err == nil {
					err = v.leave(ctx, clock)
				}
				if err != nil {
					t.Errorf("session %d: %v", i, err)
				}
			}
		})
	}
	come.Wait()
	over.Store(true)
	stay.Wait()
}

// Calls at once find their own answers, whoever shares the server.
func TestMCPManyAtOnce(t *testing.T) {
	leavesNothing(t)
	for _, isolation := range []string{"session", "key", "shared"} {
		ups := []*mcpServer{newMCP(t, "json", nil), newMCP(t, "events", nil), newMCP(t, "sse", nil), faulty("server")}
		s := fleet(t, "isolation: "+isolation, nil, ups...)
		var wg sync.WaitGroup
		for i := range ups {
			session := s.mcp(alice)
			session.path = "/" + strconv.Itoa(i)
			session.begin(t)
			for n := range 50 {
				v := &visit{&mcpCaller{s: s, path: session.path, key: alice, last: 1000 * n}, n}
				if n%2 == 0 {
					v.session, v.version = session.session, session.version
				}
				wg.Go(func() {
					for range 5 {
						if err := v.echo(t.Context()); err != nil {
							t.Error(isolation, err)
							return
						}
					}
				})
			}
		}
		wg.Wait()
	}
}
