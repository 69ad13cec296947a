package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/acp"
	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/anthropic"
	"github.com/agent-gateway/agent-gateway/llm/echo"
	"github.com/agent-gateway/agent-gateway/llm/gemini"
	"github.com/agent-gateway/agent-gateway/llm/openai"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/sse"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// The interfaces that an embedder may implement, by the names that users of this
// package know.
type (
	Provider        = llm.Provider
	ProviderFactory = llm.Factory
	Store           = configstore.Store
	StateStore      = configstore.StateStore
	Sink            = metrics.Sink
	MCPTransport    = mcp.Transport
	ACPAgent        = acp.Agent
)

// Protocol is a dialect that callers speak.
type Protocol string

// The protocols that are served.
const (
	OpenAI    Protocol = "openai"
	Anthropic Protocol = "anthropic"
	CC        Protocol = "cc" // Anthropic's, with what Claude Code expects of a gateway
	Gemini    Protocol = "gemini"
	MCP       Protocol = "mcp"
)

// Option configures a gateway. An option that does not fit makes New fail.
type Option func(*Settings) error

// startTimeout bounds what New waits for its store.
const startTimeout = 30 * time.Second

// Settings are what options set.
type Settings struct {
	store     configstore.Store
	masterKey []byte
	static    []configstore.Object

	types     map[string]llm.Factory
	only      []string // of types; empty enables all
	providers map[string]llm.Provider
	dialers   map[string]mcp.Transport // by the names of transports; in place of the gateway's own

	sinks         []metrics.Sink
	writer        metrics.Writer
	reader        metrics.Reader
	exposition    http.Handler
	watchPipeline func(func() metrics.PipelineStats)

	adminAuth     func(http.Handler) http.Handler
	insecureAdmin bool
	allowStdio    bool
	origins       []string

	log           *slog.Logger
	now           func() time.Time
	limits        Limits
	mcpLimits     MCPLimits
	maxAgentDepth int
}

func newSettings() *Settings {
	s := &Settings{
		store: configstore.NewMemory(), types: map[string]llm.Factory{}, providers: map[string]llm.Provider{}, dialers: map[string]mcp.Transport{},
		log: slog.Default(), now: time.Now,
	}
	for _, t := range openai.Types {
		s.types[t.Name] = func(cfg llm.Config) (llm.Provider, error) { return openai.New(cfg) }
	}
	for _, name := range anthropic.Types {
		s.types[name] = func(cfg llm.Config) (llm.Provider, error) { return anthropic.New(cfg) }
	}
	s.types["gemini"] = func(cfg llm.Config) (llm.Provider, error) { return gemini.New(cfg) }
	s.types["echo"] = func(cfg llm.Config) (llm.Provider, error) { return echo.New(cfg) }
	return s
}

// WithStore keeps the configuration in a store, instead of in memory. The caller
// closes it, after Shutdown. Unless it forgets everything with the process
// ([configstore.Ephemeral]), it needs WithMasterKey.
func WithStore(store Store) Option {
	return func(s *Settings) error {
		if store == nil {
			return errors.New("WithStore: the store is nil")
		}
		s.store = store
		return nil
	}
}

// WithMasterKey seals the secrets in the store with keys derived from this one,
// of at least 32 bytes. A store that another key sealed is refused.
func WithMasterKey(key []byte) Option {
	return func(s *Settings) error {
		if len(key) < configstore.MinMasterKey {
			return fmt.Errorf("WithMasterKey: the key has %d bytes; it needs at least %d", len(key), configstore.MinMasterKey)
		}
		s.masterKey = slices.Clone(key)
		return nil
	}
}

// WithStatic adds objects that nothing can change while the gateway runs. They
// hide stored objects of the same kind and id.
func WithStatic(objects ...configstore.Object) Option {
	return func(s *Settings) error {
		var failed []error
		for _, o := range objects {
			kind, ok := configstore.KindOf(o)
			if !ok {
				failed = append(failed, fmt.Errorf("WithStatic: %T is not an object of a known kind", o))
				continue
			}
			o = configstore.Clone(o)
			if d, ok := o.(configstore.Defaulter); ok {
				d.Default()
			}
			for _, f := range o.Validate() {
				failed = append(failed, fmt.Errorf("WithStatic: %s %s: %s", kind.Name, o.ObjectID(), f))
			}
			if slices.ContainsFunc(s.static, func(other configstore.Object) bool {
				k, _ := configstore.KindOf(other)
				return k.Name == kind.Name && other.ObjectID() == o.ObjectID()
			}) {
				failed = append(failed, fmt.Errorf("WithStatic: %s %s is given twice", kind.Name, o.ObjectID()))
			}
			s.static = append(s.static, o)
		}
		return errors.Join(failed...)
	}
}

// WithStaticBundle adds the objects of a bundle in YAML or JSON, as WithStatic
// does. lookup expands ${VAR} in it; nil leaves variables unexpanded. All faults
// are reported, each with its line.
func WithStaticBundle(bundle []byte, lookup func(name string) (string, bool)) Option {
	return func(s *Settings) error {
		b, faults := configstore.ParseBundle(bundle, configstore.YAML, lookup)
		var failed []error
		for _, f := range faults {
			if !f.Warning {
				failed = append(failed, f)
			}
		}
		if len(failed) > 0 {
			return errors.Join(failed...)
		}
		var objects []configstore.Object
		for _, item := range b.Items {
			objects = append(objects, item.Object)
		}
		return WithStatic(objects...)(s)
	}
}

// WithProvider puts a provider of the embedder's behind the gateway, under an id
// that routes can name. The caller closes it, after Shutdown.
func WithProvider(id string, p Provider) Option {
	return func(s *Settings) error {
		if id == "" || p == nil {
			return errors.New("WithProvider: the id is empty or the provider is nil")
		}
		if s.providers[id] != nil {
			return fmt.Errorf("WithProvider: provider %s is given twice", id)
		}
		s.providers[id] = p
		return nil
	}
}

// WithProviderType adds a type that configured providers may have, or replaces a
// built-in one.
func WithProviderType(name string, f ProviderFactory) Option {
	return func(s *Settings) error {
		if name == "" || name == runtime.CustomType || f == nil {
			return fmt.Errorf("WithProviderType: %q is not a name for a type, or the factory is nil", name)
		}
		s.types[name] = f
		return nil
	}
}

// WithMCPTransport reaches the MCP servers of services with that transport,
// "streamable_http", "sse" or "stdio", in place of the gateway's own.
func WithMCPTransport(name string, t MCPTransport) Option {
	return func(s *Settings) error {
		switch name {
		case configstore.TransportStreamableHTTP, configstore.TransportSSE, configstore.TransportStdio:
		default:
			return fmt.Errorf("WithMCPTransport: %q is not a transport: use streamable_http, sse or stdio", name)
		}
		if t == nil || s.dialers[name] != nil {
			return fmt.Errorf("WithMCPTransport: the transport %s is nil, or given twice", name)
		}
		s.dialers[name] = t
		return nil
	}
}

// idler holds connections that nobody uses.
type idler interface{ CloseIdleConnections() }

// transports are those by which MCP servers are reached, and what of them is the
// gateway's own to close.
func (s *Settings) transports() (all map[string]mcp.Transport, own []idler) {
	all = map[string]mcp.Transport{
		configstore.TransportStreamableHTTP: streamable.New(streamable.Options{}),
		configstore.TransportSSE:            sse.New(sse.Options{Log: s.log}),
		configstore.TransportStdio:          stdio.New(stdio.Options{Log: s.log}),
	}
	for _, t := range all {
		if i, ok := t.(idler); ok {
			own = append(own, i)
		}
	}
	maps.Copy(all, s.dialers)
	return all, own
}

// WithProviderTypes enables these types only. Without it all are enabled.
func WithProviderTypes(names ...string) Option {
	return func(s *Settings) error {
		s.only = append(s.only, names...)
		return nil
	}
}

// WithSink adds a sink for events. One with a method Pipeline(func()
// metrics.PipelineStats) is told of the pipeline's health; one that is also a
// [metrics.Reader] answers the Admin API's questions, unless the event writer
// does.
func WithSink(sink Sink) Option {
	return func(s *Settings) error {
		if sink == nil {
			return errors.New("WithSink: the sink is nil")
		}
		s.sinks = append(s.sinks, sink)
		if p, ok := sink.(interface {
			Pipeline(func() metrics.PipelineStats)
		}); ok {
			s.watchPipeline = p.Pipeline
		}
		if r, ok := sink.(metrics.Reader); ok && s.reader == nil {
			s.reader = r
		}
		return nil
	}
}

// WithExposition serves /admin/metrics/prometheus with h, such as the sink of
// package metrics/prometheus.
func WithExposition(h http.Handler) Option {
	return func(s *Settings) error {
		if h == nil {
			return errors.New("WithExposition: the handler is nil")
		}
		s.exposition = h
		return nil
	}
}

// WithEventWriter stores events, in batches behind a bounded queue. A writer that
// is also a [metrics.Reader] answers the Admin API's questions. The caller closes
// it, after Shutdown.
func WithEventWriter(w metrics.Writer) Option {
	return func(s *Settings) error {
		if w == nil || s.writer != nil {
			return errors.New("WithEventWriter: the writer is nil, or given twice")
		}
		s.writer = w
		if r, ok := w.(metrics.Reader); ok {
			s.reader = r
		}
		return nil
	}
}

// WithAdminAuth opens the Admin API to whoever auth lets through.
func WithAdminAuth(auth func(http.Handler) http.Handler) Option {
	return func(s *Settings) error {
		if auth == nil {
			return errors.New("WithAdminAuth: the middleware is nil")
		}
		s.adminAuth = auth
		return nil
	}
}

// WithInsecureAdmin opens the Admin API to everybody who reaches it. It is for
// those who authenticate before it, and for tests.
func WithInsecureAdmin() Option {
	return func(s *Settings) error {
		s.insecureAdmin = true
		return nil
	}
}

// WithAllowStdio lets every caller of the Admin API write MCP services with the
// transport stdio, which have the gateway run commands on its machine. Without it
// such services are taken from static configuration, and from callers that reach the
// Admin API over loopback and through no proxy.
func WithAllowStdio() Option {
	return func(s *Settings) error {
		s.allowStdio = true
		return nil
	}
}

// WithAdminOrigins lets pages of these origins, "https://host[:port]", use the
// Admin API.
func WithAdminOrigins(origins ...string) Option {
	return func(s *Settings) error {
		for _, o := range origins {
			u, err := url.Parse(o)
			if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Path != "" || u.RawQuery != "" || u.User != nil {
				return fmt.Errorf("WithAdminOrigins: %q is not an origin such as https://admin.example.org", o)
			}
		}
		s.origins = append(s.origins, origins...)
		return nil
	}
}

// WithLogger logs there, instead of to slog.Default(). Secrets and the content of
// calls are never logged.
func WithLogger(log *slog.Logger) Option {
	return func(s *Settings) error {
		if log == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		s.log = log
		return nil
	}
}

// WithClock tells the time, instead of time.Now.
func WithClock(now func() time.Time) Option {
	return func(s *Settings) error {
		if now == nil {
			return errors.New("WithClock: the clock is nil")
		}
		s.now = now
		return nil
	}
}

// WithMaxAgentDepth refuses call chains that have come through a gateway this
// often, with 403. 0, the default, is no limit.
func WithMaxAgentDepth(n int) Option {
	return func(s *Settings) error {
		if n < 0 {
			return fmt.Errorf("WithMaxAgentDepth: %d is negative", n)
		}
		s.maxAgentDepth = n
		return nil
	}
}

// Limits bound what the gateway takes, of MCP only where that is said; [MCPLimits] has its
// others. A zero field means its default.
type Limits struct {
	RequestBody int64         // bytes of a JSON request; default 32 MiB
	Buffered    int64         // bytes of large JSON requests in memory at once, beyond which 503; default 1 GiB
	Upload      int64         // bytes of a streamed upload; default 512 MiB
	Event       int           // bytes of one event of a stream; default 8 MiB
	Answer      int64         // bytes of an answer that is translated in one piece; default 64 MiB
	ErrorBody   int64         // bytes of an upstream's error that are relayed; default 1 MiB
	BodyTime    time.Duration // until a caller has sent its request, of MCP as well, plus a second for each KiB that has come; default 1 minute
	ClientStall time.Duration // how long a caller may leave its answer unread; default 5 minutes
}

// WithLimits sets the bounds.
func WithLimits(l Limits) Option {
	return func(s *Settings) error {
		if l.RequestBody < 0 || l.Buffered < 0 || l.Upload < 0 || l.Event < 0 || l.Answer < 0 || l.ErrorBody < 0 || l.BodyTime < 0 || l.ClientStall < 0 {
			return errors.New("WithLimits: a limit is negative")
		}
		s.limits = l
		return nil
	}
}

// MCPLimits bound what the gateway takes of MCP. A zero field means its default.
type MCPLimits struct {
	Body           int64         // bytes of a request; default 4 MiB
	Sessions       int           // of callers; default 10,000
	SessionsPerKey int           // of one virtual key, or of all callers without one; default 1,000
	InFlight       int           // requests under way; default 10,000
	Queue          int           // messages of a session that wait for a stream, beyond which the oldest is dropped; default 256
	History        int           // ended requests that the Admin API shows; default 1,000
	Start          time.Duration // until a server has started and answered initialize; default 60 seconds
	KeepAlive      time.Duration // without a message until a caller's stream gets a comment; default 15 seconds
	ClientStall    time.Duration // how long a caller may leave its answer unread; default 5 minutes
}

// WithMCPLimits sets the bounds of MCP.
func WithMCPLimits(l MCPLimits) Option {
	return func(s *Settings) error {
		if l.Body < 0 || l.Sessions < 0 || l.SessionsPerKey < 0 || l.InFlight < 0 || l.Queue < 0 || l.History < 0 || l.Start < 0 || l.KeepAlive < 0 || l.ClientStall < 0 {
			return errors.New("WithMCPLimits: a limit is negative")
		}
		s.mcpLimits = l
		return nil
	}
}

func (l Limits) engine() llmproxy.Limits {
	return llmproxy.Limits{RequestBody: l.RequestBody, Buffered: l.Buffered, Upload: l.Upload, Event: l.Event, Answer: l.Answer, ErrorBody: l.ErrorBody, ClientStall: l.ClientStall}
}

// bodyTime is the default of Limits.BodyTime.
const bodyTime = time.Minute

// sealer seals the store's secrets. Without a key only a store that forgets them
// is taken.
func (s *Settings) sealer() (*configstore.Sealer, error) {
	if s.masterKey != nil {
		return configstore.NewSealer(s.masterKey)
	}
	if e, ok := s.store.(configstore.Ephemeral); ok && e.Ephemeral() {
		return configstore.NewEphemeralSealer(), nil
	}
	return nil, errors.New("a persistent store needs a master key to seal its secrets: give WithMasterKey")
}

func (s *Settings) typeNames() []string { return slices.Sorted(maps.Keys(s.types)) }

func (s *Settings) enabledTypes() (map[string]llm.Factory, error) {
	if len(s.only) == 0 {
		return s.types, nil
	}
	enabled := map[string]llm.Factory{}
	for _, name := range s.only {
		if s.types[name] == nil {
			return nil, fmt.Errorf("there is no provider type %q: the types are %s", name, strings.Join(s.typeNames(), ", "))
		}
		enabled[name] = s.types[name]
	}
	return enabled, nil
}

// guardAdmin closes the Admin API unless somebody said who may use it.
func (s *Settings) guardAdmin(api http.Handler) http.Handler {
	switch {
	case s.adminAuth != nil:
		return s.adminAuth(api)
	case s.insecureAdmin:
		return api
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error":"the Admin API is closed: make the gateway with WithAdminAuth, or with WithInsecureAdmin where something before it authenticates"}` + "\n"))
	})
}
