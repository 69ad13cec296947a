package llmproxy

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/balance"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
)

// answer is an upstream's answer, and how it is read. Whoever has it closes it.
type answer struct {
	*llm.Response
	lane    *lane
	opening *opening
	attempt balance.Attempt
	watch   *watch
}

// opening is a stream whose first events have been looked at.
type opening struct {
	in     *sse.Reader
	piece  *[]byte
	events []byte
	err    error
}

// kind is the media type, without its parameters.
func (a *answer) kind() string {
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

func (a *answer) isStream() bool { return a.Status < 300 && a.kind() == "text/event-stream" }

// reader reads the answer as a stream of events, from where it was left.
func (a *answer) reader(maxEvent int) *opening {
	if a.opening == nil {
		piece := pieces.Get().(*[]byte)
		a.opening = &opening{in: sse.NewReader(a.Body, *piece, maxEvent), piece: piece}
	}
	return a.opening
}

// Read returns the next whole events.
func (o *opening) Read() ([]byte, error) {
	if o.events != nil || o.err != nil {
		events, err := o.events, o.err
		o.events, o.err = nil, nil
		return events, err
	}
	return o.in.Read()
}

// open waits for a stream's first events. One that begins with an error which may
// pass, or with nothing, is returned as that error: nothing of it has reached the
// caller yet.
func (x *exchange) open(a *answer) error {
	o := a.reader(x.limits.Event)
	events, err := o.in.Read()
	first := o.in.Rest()
	switch {
	case err == nil:
		o.events = events
		first = events[:o.in.Ends()[0]]
	case err == io.EOF && len(first) > 0 && wholeLine(first):
		o.err = err // it lacks its blank line only, and is relayed from where it is
	default:
		return x.streamBroken(err)
	}
	e := sse.Parse(first)
	if failure := streamError(a.lane, e); failure != nil && passing(failure.Code) {
		return failure
	}
	return nil
}

// passing says whether an error inside of a stream may not come again.
func passing(code llm.Code) bool {
	switch code {
	case llm.CodeInvalidRequest, llm.CodeContextLength, llm.CodeNotFound, llm.CodeModelNotFound, llm.CodeTooLarge, llm.CodePermissionDenied:
		return false
	}
	return true
}

// end tells the target's health how the answer went on.
func (a *answer) end(err error) {
	switch {
	case err == nil && a.Status < 400:
		a.attempt.End(balance.Success, 0)
	case err != nil:
		a.attempt.End(resultOf(err), 0)
	}
}

// discard ends an answer that nobody gets. A short one is read to its end, so that
// its connection can be used again.
func (a *answer) discard() {
	_, _ = io.CopyN(io.Discard, a.Body, 64<<10)
	a.close()
}

func (a *answer) close() {
	_ = a.Body.Close()
	if a.opening != nil {
		pieces.Put(a.opening.piece)
		a.opening = nil
	}
	a.attempt.End(balance.Neutral, 0)
	a.watch.stop()
}

// watch holds the timeouts of one attempt.
type watch struct {
	ctx       context.Context
	cancel    context.CancelCauseFunc
	total     bool // the call as a whole is bounded
	firstByte *time.Timer
	idle      time.Duration
	idleTimer *time.Timer
}

var errSlow = &llm.Error{Code: llm.CodeUpstreamTimeout, Message: "the upstream did not answer within the route's timeout"}

// watch begins to watch an attempt, as far as the route has timeouts of its own.
func (x *exchange) watch(ctx context.Context) *watch {
	t := x.hop.Plan.Timeouts
	w := &watch{ctx: ctx, total: t.Total > 0}
	if t.Connect > 0 {
		w.ctx = llm.WithConnectTimeout(w.ctx, t.Connect)
	}
	if t.FirstByte == 0 && t.Idle == 0 {
		return w
	}
	w.ctx, w.cancel = context.WithCancelCause(w.ctx)
	w.idle = t.Idle
	if t.FirstByte > 0 {
		w.firstByte = time.AfterFunc(t.FirstByte, func() { w.cancel(errSlow) })
	}
	return w
}

// begun says that some of the answer has come.
func (w *watch) begun() {
	if w.firstByte != nil {
		w.firstByte.Stop()
	}
}

// explain puts the route's timeout in the place of the error that it led to.
func (w *watch) explain(err error) error {
	if context.Cause(w.ctx) == errSlow {
		return errSlow
	}
	return err
}

func (w *watch) stop() {
	if w.cancel == nil {
		return
	}
	w.begun()
	if w.idleTimer != nil {
		w.idleTimer.Stop()
	}
	w.cancel(nil)
}

// body bounds the silence before the answer's first byte, and from then on that between
// two reads: an upstream may send its headers at once and think for long.
func (w *watch) body(r io.ReadCloser) io.ReadCloser {
	if w.cancel == nil && !w.total {
		return r
	}
	return &watchedBody{ReadCloser: r, w: w, begun: w.firstByte == nil}
}

type watchedBody struct {
	io.ReadCloser
	w     *watch
	begun bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if idle := b.w.idle; idle > 0 && b.begun {
		if b.w.idleTimer == nil {
			b.w.idleTimer = time.AfterFunc(idle, func() { b.w.cancel(errSlow) })
		} else {
			b.w.idleTimer.Reset(idle)
		}
		defer b.w.idleTimer.Stop()
	}
	n, err := b.ReadCloser.Read(p)
	if !b.begun && (n > 0 || err != nil) {
		b.begun = true
		b.w.begun()
	}
	if err != nil && err != io.EOF {
		err = b.w.explain(err)
	}
	return n, err
}

// total bounds all attempts of a call together.
func (x *exchange) total(ctx context.Context) (context.Context, context.CancelFunc) {
	if x.hop.Plan.Timeouts.Total == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, x.hop.Plan.Timeouts.Total, errSlow)
}
