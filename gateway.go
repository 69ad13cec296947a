package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/agent-gateway/agent-gateway/admin"
	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/httpbody"
	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// Gateway serves LLM and MCP traffic by its configuration. It is safe for concurrent
// use. Make one with [New]; its zero value is not usable.
type Gateway struct {
	runtime  *runtime.Runtime
	data     *runtime.Dataplane
	admin    http.Handler
	pipeline *metrics.Pipeline
	keeper   *limits.Keeper
	mcp      *mcpproxy.Engine
	own      []idler // transports of MCP

	shutdown sync.Once
	ended    error
}

// New makes a gateway. Every option is validated here, and what is wrong with
// all of them is reported together. Call Shutdown to end it.
func New(opts ...Option) (*Gateway, error) {
	s := newSettings()
	var failed []error
	for _, opt := range opts {
		failed = append(failed, opt(s))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	sealer, err := s.sealer()
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	factories, err := s.enabledTypes()
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	transports, own := s.transports()
	rt, err := runtime.Open(ctx, runtime.Config{
		Store: s.store, Sealer: sealer, Static: s.static, Factories: factories, Providers: s.providers,
		Transports: transports, Log: s.log, Now: s.now,
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	states, _ := s.store.(configstore.StateStore) // without one, budgets begin anew with each start
	gw := &Gateway{runtime: rt, own: own, keeper: limits.New(states, limits.Options{Now: s.now, Logger: s.log})}
	sinks := fanOut(slices.Clone(s.sinks))
	cfg := admin.Config{Runtime: rt, ProviderTypes: s.typeNames(), Reader: s.reader, Exposition: s.exposition, AllowStdio: s.allowStdio, Origins: s.origins, Log: s.log}
	if s.writer != nil {
		gw.pipeline = metrics.NewPipeline(s.writer, metrics.PipelineOptions{Logger: s.log})
		sinks = append(sinks, gw.pipeline)
		cfg.Pipeline = gw.pipeline.Stats
		if s.watchPipeline != nil {
			s.watchPipeline(gw.pipeline.Stats)
		}
	}
	gw.mcp = mcpproxy.New(mcpproxy.Limits(s.mcpLimits), gw.keeper, sinks, s.log, s.now)
	rt.FollowServices(gw.mcp.Keep)
	gw.data = &runtime.Dataplane{
		Runtime: rt, LLM: llmproxy.New(s.limits.engine(), gw.keeper, sinks, s.log, s.now), MCP: gw.mcp,
		MaxAgentDepth: s.maxAgentDepth, BodyTime: cmp.Or(s.limits.BodyTime, bodyTime), Now: s.now,
	}
	cfg.Limits, cfg.MCP = gw.keeper, gw.mcp
	api, err := admin.New(cfg)
	if err != nil {
		rt.Close()
		_ = gw.mcp.Close(ctx)
		_ = gw.keeper.Close(ctx)
		return nil, fmt.Errorf("gateway: %w", err)
	}
	guarded, adminBodyTime := s.guardAdmin(api), gw.data.BodyTime
	gw.admin = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, done := httpbody.Timed(w, r, adminBodyTime)
		defer done()
		guarded.ServeHTTP(w, r)
	})
	return gw, nil
}

// ServeHTTP serves the data plane: the routes of all protocols, and 404 in the
// caller's protocol for what none of them takes. It works under any mux and
// behind http.StripPrefix.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.data.Serve(w, r, nil, nil)
}

// Dispatcher serves the routes of the given protocols, all when none is given,
// and hands what they do not take to next. With a nil next that is a 404.
func (g *Gateway) Dispatcher(next http.Handler, protocols ...Protocol) http.Handler {
	var dialects []string
	for _, p := range protocols {
		dialects = append(dialects, string(p))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.data.Serve(w, r, dialects, next) })
}

// Admin is the Admin API, on paths that begin with /admin. It answers 403 to
// everything unless WithAdminAuth or WithInsecureAdmin was given.
func (g *Gateway) Admin() http.Handler { return g.admin }

// Ready says why the newest configuration is not served; nil when it is.
func (g *Gateway) Ready() error { return g.runtime.Ready() }

// VirtualKey returns the text of a virtual key, for programs that hand it to
// their own agents; "" when there is no such key.
func (g *Gateway) VirtualKey(id string) string {
	e := g.runtime.Set().Get("virtual_key", id)
	if e == nil {
		return ""
	}
	return e.Object.(*configstore.VirtualKey).Key.Reveal()
}

// Drain ends the streams that have no end of their own: what MCP servers say of
// themselves. An [http.Server] would wait for them:
//
//	server.RegisterOnShutdown(gw.Drain)
//
// Shutdown does it too. Calls under way go on.
func (g *Gateway) Drain() { g.mcp.Drain() }

// Shutdown waits for the requests under way, writes the events that are queued,
// both until ctx is done, and frees what the gateway holds. Stop the HTTP server
// first, so that no new requests come. What was given to New, the store, the
// event writer and the providers, stays open. Calls after the first do nothing
// and return the same.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.shutdown.Do(func() {
		g.mcp.Drain()
		g.ended = errors.Join(g.data.Drain(ctx), g.mcp.Close(ctx), g.keeper.Close(ctx))
		g.runtime.Close()
		for _, t := range g.own {
			t.CloseIdleConnections()
		}
		if g.pipeline != nil {
			g.ended = errors.Join(g.ended, g.pipeline.Close(ctx))
		}
	})
	return g.ended
}

// fanOut hands each event to several sinks.
type fanOut []metrics.Sink

func (f fanOut) Record(ctx context.Context, e *metrics.Event) {
	for _, s := range f {
		s.Record(ctx, e)
	}
}
