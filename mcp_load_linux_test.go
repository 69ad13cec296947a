package gateway_test

import (
	"context"
	"fmt"
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
	for i := range ups {
		require.Eventually(t, func() bool {
			return len(s.admin(t, 200, "GET", fmt.Sprintf("/mcp/services/s%d/sessions", i), "").Get("items").Array()) == 1
		}, patience, step, "who stays is all that is left")
	}
	for _, up := range ups[:2] {
		require.Eventually(t, func() bool { return up.http.Sessions() == 1 }, patience, step, "at the servers as well")
	}
	require.Eventually(t, func() bool { return s.admin(t, 200, "GET", "/mcp/runtime", "").Get("in_flight.#").Int() == 0 }, patience, step)
	require.Eventually(t, func() bool { return len(children(t)) == 1 }, patience, step)
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
			for n := range 30 {
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
