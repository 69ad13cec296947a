package llmproxy

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/balance"
	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/internal/trace"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// Caller is who asks. Its zero value is nobody in particular, who may use every
// model.
type Caller struct {
	KeyID string
	// Models are those that it may use; nil means all.
	Models map[string]struct{}
	// Policy is what it may use altogether.
	Policy limits.Policy
}

// Hop is a request whose route and caller are known.
type Hop struct {
	RouteID  string
	Protocol string
	Plan     *Plan
	Endpoint *Endpoint
	Path     string // canonical and escaped: "/v1/…"
	Caller   Caller
	Limits   []limits.Subject // of the key and the route
	Span     trace.Span
	Started  time.Time
}

// Limits bound what the engine takes. A zero field means its default.
type Limits struct {
	// RequestBody bounds a JSON request body; default 32 MiB.
	RequestBody int64
	// Buffered bounds the large JSON request bodies that are in memory at once;
	// beyond it requests are refused with 503. Default 1 GiB.
	Buffered int64
	// Upload bounds a streamed request body; default 512 MiB.
	Upload int64
	// Event bounds one server-sent event of an upstream; default 8 MiB.
	Event int
	// Answer bounds an answer that is translated, which is read whole; default 64 MiB.
	Answer int64
	// ErrorBody bounds an upstream's error body; a longer one is replaced by the
	// gateway's own. Default 1 MiB.
	ErrorBody int64
	// ClientStall is how long a caller may leave its connection unread while an
	// answer is written to it; default 5 minutes.
	ClientStall time.Duration
}

func (l Limits) withDefaults() Limits {
	set(&l.RequestBody, 32<<20)
	set(&l.Buffered, 1<<30)
	set(&l.Upload, 512<<20)
	set(&l.Event, 8<<20)
	set(&l.Answer, 64<<20)
	set(&l.ErrorBody, 1<<20)
	set(&l.ClientStall, 5*time.Minute)
	return l
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Engine serves LLM calls. It is safe for concurrent use.
type Engine struct {
	limits Limits
	keeper *limits.Keeper
	sink   metrics.Sink
	log    *slog.Logger
	now    func() time.Time

	buffered atomic.Int64 // bytes of large bodies in memory
}

// New returns an engine. keeper holds callers to their limits; sink takes one event
// for each call.
func New(bounds Limits, keeper *limits.Keeper, sink metrics.Sink, log *slog.Logger, now func() time.Time) *Engine {
	return &Engine{limits: bounds.withDefaults(), keeper: keeper, sink: sink, log: log, now: now}
}

// exchange is one call on its way through the engine.
type exchange struct {
	*Engine
	hop Hop
	w   http.ResponseWriter
	r   *http.Request

	req   request
	read  reading
	event *metrics.Event
	llm   *metrics.LLM

	direct       Candidate // where there is no logical model
	logical      *Logical
	star         string // what stands for the * of its name
	order        balance.Order
	most         int // candidates that may be asked
	first        metrics.Try
	denied       bool        // another attempt was not made, so as not to multiply calls
	conversation uint64      // 0: it is bound to nothing
	target       balance.Key // that it went to
	neutral      *codec.Request
	lost         codec.Losses
	used         *Target // that was asked last
	reservation  *limits.Reservation

	reserved int64  // of Engine.buffered
	key      string // the credential's, which no answer may hold
}

// wire is the protocol whose form the caller's answers have.
func (x *exchange) wire() string { return x.hop.Endpoint.Operation.Protocol() }

// Serve answers one request. An answer that breaks off in the middle, where the
// protocol has no way to say so, ends in a panic with [http.ErrAbortHandler], as
// net/http wants it.
func (e *Engine) Serve(w http.ResponseWriter, r *http.Request, hop Hop) {
	x := &exchange{Engine: e, hop: hop, w: w, r: r}
	x.begin()
	defer x.record()
	defer x.release()

	if err := x.readRequest(); err != nil {
		x.fail(err)
		return
	}
	if x.serveLocally() {
		return
	}
	if err := x.choose(); err != nil {
		x.fail(err)
		return
	}
	ctx, cancel := x.total(r.Context())
	defer cancel()
	if err := x.reserveLimits(ctx); err != nil {
		x.fail(err)
		return
	}
	a, err := x.send(ctx)
	if err != nil {
		x.fail(err)
		return
	}
	defer a.close()
	if err := x.relay(a); err != nil {
		a.end(err)
		x.note(err)
		panic(http.ErrAbortHandler)
	}
	x.rememberResponse()
	a.end(x.failing(a))
}

// failing is why the upstream failed its answer, though the caller got the end that
// its protocol has for that; nil when it did not.
func (x *exchange) failing(a *answer) error {
	if a.Status >= 400 { // judged already
		return nil
	}
	switch code := llm.Code(x.event.ErrorType); code {
	case llm.CodeUpstream, llm.CodeUpstreamTimeout, llm.CodeOverloaded, llm.CodeInternal, llm.CodeRateLimited, llm.CodeCanceled:
		return &llm.Error{Code: code}
	}
	return nil
}

// release gives back what the request's body holds; the upstream call may still
// hold the buffer itself.
func (x *exchange) release() {
	x.req.release()
	x.buffered.Add(-x.reserved)
}

// Refuse answers a request that may not go on, and records it. The hop may have
// no target.
func (e *Engine) Refuse(w http.ResponseWriter, r *http.Request, hop Hop, err error) {
	x := &exchange{Engine: e, hop: hop, w: w, r: r}
	x.begin()
	defer x.record()
	x.fail(err)
}

// begin starts the event.
func (x *exchange) begin() {
	s := x.hop.Span
	var both struct { // one allocation
		event metrics.Event
		llm   metrics.LLM
	}
	x.llm, x.event = &both.llm, &both.event
	both.llm = metrics.LLM{API: x.hop.Protocol, Operation: string(x.hop.Endpoint.Operation)}
	if p := x.hop.Plan; p != nil && p.Direct != nil {
		x.llm.ProviderID, x.llm.ProviderType = p.Direct.ProviderID, p.Direct.ProviderType
	}
	both.event = metrics.Event{
		EventID: s.UniqueID(), TraceID: s.TraceID, SpanID: s.SpanID, ParentSpanID: s.ParentID, AgentDepth: s.Depth,
		StartedAt: x.hop.Started, RouteID: x.hop.RouteID, RouteKind: metrics.KindLLM, RouteProtocol: x.hop.Protocol,
		VirtualKeyID: x.hop.Caller.KeyID, LLM: x.llm,
	}
	x.read = newReading(x.hop.Endpoint.Operation)
}

// record completes the event and hands it to the sink.
func (x *exchange) record() {
	e, l := x.event, x.llm
	e.FinishedAt = x.now()
	e.Success = e.ErrorType == "" && e.StatusCode < 400
	l.Stream = x.req.stream
	if l.Model == "" && x.logical == nil {
		l.Model = x.req.model
	}
	l.Dropped = x.lost.Fields()
	l.RequestToolCount, l.RequestToolNames = x.req.toolCount, x.req.toolNames
	x.settle(x.read.fill(l, x.req.promptBytes))
	x.read.release()
	x.sink.Record(x.r.Context(), e)
}

// note sets what went wrong on the event.
func (x *exchange) note(err error) {
	e := llm.AsError(err)
	x.event.ErrorType = string(e.Code)
	if x.event.StatusCode == 0 || e.Code == llm.CodeCanceled {
		x.event.StatusCode = e.HTTPStatus(x.wire())
	}
	if e.Cause != nil && e.Code != llm.CodeCanceled && !errors.Is(e.Cause, io.EOF) {
		x.log.WarnContext(x.r.Context(), "an LLM call failed", "route", x.hop.RouteID, "provider", x.llm.ProviderID,
			"code", e.Code, "error", e.Cause, "trace_id", x.hop.Span.TraceID)
	}
}

// fail answers with an error, where nothing has been answered yet.
func (x *exchange) fail(err error) {
	x.note(err)
	WriteError(x.w, x.wire(), x.hop.Span.RequestID, llm.AsError(err))
}
