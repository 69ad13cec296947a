package llmproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/trace"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// Target is where a route sends its calls. It is immutable.
type Target struct {
	ProviderID, ProviderType string
	Provider                 llm.Provider
	// DefaultModel is asked for when a request names none.
	DefaultModel string
	// Credentials are tried in their order; at least one, which may be empty.
	Credentials []llm.Credential
	// MaxRetries is how often a failed call is made again, after RetryDelay,
	// which doubles each time.
	MaxRetries int
	RetryDelay time.Duration
}

// Caller is who asks. Its zero value is nobody in particular, who may use every
// model.
type Caller struct {
	KeyID string
	// Models are those that it may use; nil means all.
	Models map[string]struct{}
}

// Hop is a request whose route and caller are known.
type Hop struct {
	RouteID  string
	Protocol string
	Target   *Target
	Endpoint *Endpoint
	Path     string // canonical and escaped: "/v1/…"
	Caller   Caller
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
	sink   metrics.Sink
	log    *slog.Logger
	now    func() time.Time

	buffered atomic.Int64 // bytes of large bodies in memory
}

// New returns an engine. sink takes one event for each call.
func New(limits Limits, sink metrics.Sink, log *slog.Logger, now func() time.Time) *Engine {
	return &Engine{limits: limits.withDefaults(), sink: sink, log: log, now: now}
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

	reserved int64  // of Engine.buffered
	key      string // the credential's, which no answer may hold
}

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
	if op := hop.Endpoint.Operation; !slices.Contains(hop.Target.Provider.Native(op, x.req.model), op) {
		x.fail(&llm.Error{Code: llm.CodeUnsupported, NoRetry: true, Message: fmt.Sprintf("provider %s of type %s does not serve %s", hop.Target.ProviderID, hop.Target.ProviderType, op)})
		return
	}
	resp, err := x.send(r.Context())
	if err != nil {
		x.fail(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if err := x.relay(resp); err != nil {
		x.note(err)
		panic(http.ErrAbortHandler)
	}
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

// send makes the call: with each credential until one is accepted, and again
// after a failure that may pass. This is the only loop that tries again.
func (x *exchange) send(ctx context.Context) (*llm.Response, error) {
	t := x.hop.Target
	cred, retries := 0, 0
	for {
		c := t.Credentials[cred]
		x.key = c.APIKey
		x.llm.Attempts++
		x.llm.CredentialID, x.llm.CredentialSource = c.ID, c.Source
		resp, err := t.Provider.Send(ctx, &llm.Call{
			Operation: x.hop.Endpoint.Operation, Method: x.r.Method, Path: x.hop.Path, Query: upstreamQuery(x.r),
			Model: x.req.model, Stream: x.req.stream, Header: upstreamHeader(x.r.Header), Body: x.req.body, Credential: c,
		})
		if resp == nil && err == nil {
			err = &llm.Error{Code: llm.CodeInternal, Final: true, Message: "provider " + t.ProviderID + " returned neither an answer nor an error"}
		}
		again := x.req.replayable() && ctx.Err() == nil
		switch {
		case err == nil && (resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden):
			discard(resp)
			x.log.WarnContext(ctx, "an upstream refused a credential", "provider", t.ProviderID, "credential", c.ID, "status", resp.Status, "trace_id", x.hop.Span.TraceID)
			if cred++; again && cred < len(t.Credentials) {
				continue
			}
			return nil, &llm.Error{Code: llm.CodeUpstreamAuth, NoRetry: true,
				Message: "provider " + t.ProviderID + " refused the gateway's credential; ask the gateway's operator to check it"}
		case err == nil && !retryable(resp.Status):
			return resp, nil
		case err != nil && (!again || isFinal(err)):
			return nil, err
		}
		if !again || retries >= t.MaxRetries {
			if resp != nil && ctx.Err() != nil {
				_ = resp.Body.Close()
				return nil, gone(ctx.Err())
			}
			if err != nil {
				return nil, noRetry(err, retries)
			}
			if retries > 0 {
				x.w.Header()["X-Should-Retry"] = []string{"false"}
			}
			return resp, nil
		}
		wait := backoff(t.RetryDelay, retries)
		if resp != nil {
			if after, ok := retryAfter(resp.Header, x.now()); ok {
				wait = after
			}
			if wait > maxRetryWait { // better to tell the caller now
				return resp, nil
			}
			discard(resp)
		}
		retries++
		if err := sleep(ctx, wait); err != nil {
			return nil, gone(err)
		}
	}
}

// discard ends an answer that nobody gets. A short one is read to its end, so
// that its connection can be used again.
func discard(resp *llm.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

func isFinal(err error) bool {
	var e *llm.Error
	return errors.As(err, &e) && e.Final
}

// noRetry marks the error of a call that the gateway has made several times, so
// that its client does not multiply them.
func noRetry(err error, retries int) error {
	if retries == 0 {
		return err
	}
	e := *llm.AsError(err)
	e.NoRetry = true
	return &e
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
	if t := x.hop.Target; t != nil {
		x.llm.ProviderID, x.llm.ProviderType = t.ProviderID, t.ProviderType
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
	l.Model = x.req.model
	l.RequestToolCount, l.RequestToolNames = x.req.toolCount, x.req.toolNames
	x.read.fill(l, x.req.promptBytes)
	x.read.release()
	x.sink.Record(x.r.Context(), e)
}

// note sets what went wrong on the event.
func (x *exchange) note(err error) {
	e := llm.AsError(err)
	x.event.ErrorType = string(e.Code)
	if x.event.StatusCode == 0 || e.Code == llm.CodeCanceled {
		x.event.StatusCode = e.HTTPStatus(x.hop.Protocol)
	}
	if e.Cause != nil && e.Code != llm.CodeCanceled && !errors.Is(e.Cause, io.EOF) {
		x.log.WarnContext(x.r.Context(), "an LLM call failed", "route", x.hop.RouteID, "provider", x.llm.ProviderID,
			"code", e.Code, "error", e.Cause, "trace_id", x.hop.Span.TraceID)
	}
}

// fail answers with an error, where nothing has been answered yet.
func (x *exchange) fail(err error) {
	x.note(err)
	WriteError(x.w, x.hop.Protocol, x.hop.Span.RequestID, llm.AsError(err))
}
