package llmproxy

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/balance"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// verdict is what is to be done about an attempt.
type verdict uint8

const (
	accept         verdict = iota
	nextCredential         // the credential was refused; another may not be
	tryAgain               // it may pass by itself
	nextCandidate          // this candidate cannot do it
	giveUp                 // nobody can
)

// outcome is what an attempt led to: an answer or an error.
type outcome struct {
	a   *answer
	err error
}

// replaceBy keeps the newer of two outcomes.
func (o *outcome) replaceBy(next outcome) {
	if o.a != nil {
		o.a.discard()
	}
	*o = next
}

// send asks the candidates, one after the other, until one gives an answer that can
// be relayed: each with its credentials until one is accepted, and again after a
// failure that may pass. This is the only loop that tries again. Nothing has reached
// the caller before it returns. Retries at one candidate are bounded for all calls
// together, and so is asking others while they fail too.
func (x *exchange) send(ctx context.Context) (*answer, error) {
	var kept outcome // relayed if nobody does better
	var later postponed
	for n := 0; ; n++ {
		c, attempt, ok := x.next(n)
		retries, patience := 0, x.patience(c, n)
		if !ok {
			// Where nobody else could be asked, the one that wanted to be left alone is.
			if later.Target == nil || later.attempts != x.llm.Attempts || !later.Retries.Retry() {
				return x.final(ctx, kept)
			}
			if err := sleep(ctx, later.until.Sub(x.now())); err != nil {
				kept.replaceBy(outcome{err: over(ctx)})
				return x.final(ctx, kept)
			}
			c, attempt, retries, patience = later.Candidate, later.begin(), 1, maxRetryWait
			later = postponed{}
		}
		detour := n > 0
		if detour && !c.Detours.Begin(ctx) {
			attempt.End(balance.Neutral, 0)
			x.denied = true
			continue
		}
		creds := c.credentials(c.model(x.req.model)).order(x.now())
		cred := 0
		if retries == 0 { // else this call is counted
			c.Retries.Call()
		}
		for again := true; again; {
			o := x.try(ctx, c, creds[cred], attempt, n+1 < x.most || cred+1 < len(creds) || retries < c.MaxRetries)
			v, wait := x.judge(ctx, c, creds[cred], o)
			if detour {
				c.Detours.End(v == accept)
				detour = false
			}
			switch v {
			case accept:
				if o.a.Status < 400 {
					x.remember(c.Key)
				}
				kept.replaceBy(outcome{})
				return o.a, nil
			case giveUp:
				kept.replaceBy(o)
				return x.final(ctx, kept)
			}
			if _, isUnfit := o.err.(unfit); !isUnfit || kept == (outcome{}) {
				kept.replaceBy(o)
			}
			limited := o.a != nil && o.a.Status == http.StatusTooManyRequests
			switch {
			case cred+1 < len(creds) && (v == nextCredential || limited):
				cred++
			case v == tryAgain && retries < c.MaxRetries && wait <= patience && c.Retries.Retry():
				if wait == 0 {
					wait = balance.Backoff(orDefault(c.RetryDelay), maxRetryWait, retries, rand.Float64) + time.Millisecond
				}
				if err := sleep(ctx, wait); err != nil {
					kept.replaceBy(outcome{err: over(ctx)})
					return x.final(ctx, kept)
				}
				retries++
				detour = true
				if !c.Detours.Begin(ctx) {
					detour, again, x.denied = false, false, true
				}
			default:
				again = false
				if v == tryAgain && retries < c.MaxRetries && wait > patience && wait <= maxRetryWait {
					later = postponed{c, x.now().Add(wait), x.llm.Attempts}
				}
			}
			if again {
				attempt = c.begin()
			}
		}
	}
}

// postponed is a candidate that was not waited for, as others were left.
type postponed struct {
	Candidate
	until    time.Time // it wants to be left alone
	attempts int       // that were made until then
}

// patience is the longest wait that the n-th candidate may ask for before it is made another
// try at. While others are well, the caller does not wait for one that says it is not.
func (x *exchange) patience(c Candidate, n int) time.Duration {
	if n+1 < x.most && x.order.More() {
		return min(orDefault(c.RetryDelay), maxRetryWait)
	}
	return maxRetryWait
}

func orDefault(delay time.Duration) time.Duration {
	if delay == 0 {
		return defaultRetryDelay
	}
	return delay
}

// next begins the attempt at the n-th candidate of the call.
func (x *exchange) next(n int) (c Candidate, attempt balance.Attempt, ok bool) {
	if n >= x.most {
		return c, attempt, false
	}
	if x.logical == nil {
		return x.direct, attempt, true
	}
	i, attempt, ok := x.order.Next()
	if !ok {
		return c, attempt, false
	}
	return x.logical.candidate(i, x.star), attempt, true
}

// begin begins another attempt at the same candidate.
func (c *Candidate) begin() balance.Attempt {
	if c.Health == nil {
		return balance.Attempt{}
	}
	return c.Health.Begin()
}

// try makes one upstream call. more says that there are other ways to go on, so that
// a stream's first event is waited for.
func (x *exchange) try(ctx context.Context, c Candidate, cred Credential, attempt balance.Attempt, more bool) (o outcome) {
	began := x.now()
	call, lane, err := x.prepare(c)
	if err == nil {
		err = x.sendUpload()
	}
	if err != nil {
		attempt.End(balance.Neutral, 0)
		return outcome{err: unfit{err}}
	}
	x.key = cred.APIKey
	x.llm.Attempts++
	x.llm.ProviderID, x.llm.ProviderType = c.ProviderID, c.ProviderType
	x.llm.CredentialID, x.llm.CredentialSource = cred.ID, cred.Source
	x.llm.Model, x.used = c.model(x.req.model), c.Target
	defer func() { x.tried(c, cred, o, began) }()
	call.Credential = cred.Credential
	cred.State.used.Add(1)
	watch := x.watch(ctx)
	resp, err := c.Provider.Send(watch.ctx, call)
	switch {
	case err == nil && resp == nil:
		err = &llm.Error{Code: llm.CodeInternal, Final: true, Message: "provider " + c.ProviderID + " returned neither an answer nor an error"}
		fallthrough
	case err != nil:
		err = watch.explain(err)
		watch.stop()
		attempt.End(resultOf(err), 0)
		return outcome{err: err}
	}
	a := &answer{Response: resp, lane: lane, attempt: attempt, watch: watch}
	resp.Body = watch.body(resp.Body)
	if more && a.isStream() {
		if err := x.open(a); err != nil {
			a.attempt.End(resultOf(err), llm.AsError(err).RetryAfter)
			a.close()
			return outcome{err: err}
		}
	}
	if a.Status < 400 {
		a.attempt.FirstByte()
	}
	return outcome{a: a}
}

// unfit marks the error of a request that a candidate's protocol cannot express.
type unfit struct{ error }

func (u unfit) Unwrap() error { return u.error }

// resultOf is what an error says of the target's health.
func resultOf(err error) balance.Result {
	switch llm.AsError(err).Code {
	case llm.CodeCanceled, llm.CodeInvalidRequest:
		return balance.Neutral
	case llm.CodeRateLimited:
		return balance.Limited
	}
	return balance.Failure
}

// tried notes an attempt for the event, which keeps them when there are several.
func (x *exchange) tried(c Candidate, cred Credential, o outcome, began time.Time) {
	t := metrics.Try{ProviderID: c.ProviderID, Model: x.llm.Model, CredentialID: cred.ID, LatencyMS: float64(x.now().Sub(began).Microseconds()) / 1000}
	switch {
	case o.err != nil:
		t.ErrorType = string(llm.AsError(o.err).Code)
	case o.a.Status >= 400:
		t.StatusCode, t.ErrorType = o.a.Status, string(llm.CodeOf(o.a.Status))
	default:
		t.StatusCode = o.a.Status
	}
	if x.llm.Attempts == 1 {
		x.first = t
		return
	}
	if x.llm.Attempts == 2 {
		x.llm.Tries = append(x.llm.Tries, x.first)
	}
	if len(x.llm.Tries) < maxTries {
		x.llm.Tries = append(x.llm.Tries, t)
	}
}

// maxTries bounds what an event keeps of them.
const maxTries = 32

// judge decides what is to be done about an attempt. wait is how long the upstream
// asked to be left alone.
func (x *exchange) judge(ctx context.Context, c Candidate, cred Credential, o outcome) (v verdict, wait time.Duration) {
	again := x.req.replayable() && ctx.Err() == nil
	if o.err != nil {
		_, isUnfit := o.err.(unfit)
		switch {
		case isUnfit:
			return nextCandidate, 0
		case !again || isFinal(o.err):
			return giveUp, 0
		}
		return tryAgain, llm.AsError(o.err).RetryAfter
	}
	a, now := o.a, x.now()
	if a.Status < 400 {
		cred.State.answered(a.Status, 0, now)
		return accept, 0
	}
	wait, _ = codec.RetryAfter(a.Header, now)
	cred.State.answered(a.Status, wait, now)
	switch {
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		x.log.WarnContext(ctx, "an upstream refused a credential", "provider", c.ProviderID, "credential", cred.ID, "status", a.Status, "trace_id", x.hop.Span.TraceID)
		v = nextCredential
	case a.Status == http.StatusPaymentRequired:
		a.attempt.End(balance.Limited, wait)
		v = nextCredential
	case a.Status == http.StatusTooManyRequests:
		a.attempt.End(balance.Limited, wait)
		v = tryAgain
	case retryable(a.Status):
		a.attempt.End(balance.Failure, wait)
		v = tryAgain
	default:
		return accept, 0 // the caller's mistake, and the caller's to read
	}
	if !again {
		return giveUp, 0
	}
	return v, wait
}

// final is the outcome when nobody gave an answer that is accepted: the last refusal
// is relayed, unless it was of the gateway's own credential.
func (x *exchange) final(ctx context.Context, o outcome) (*answer, error) {
	several := x.llm.Attempts > 1 || x.denied
	a := o.a
	switch {
	case a == nil && o.err == nil:
		return nil, llm.Errorf(llm.CodeUnavailable, "no upstream of the model %q can be asked now", x.req.model)
	case a == nil:
		return nil, noRetry(o.err, several)
	case ctx.Err() != nil:
		a.close()
		return nil, over(ctx)
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		a.discard()
		return nil, &llm.Error{Code: llm.CodeUpstreamAuth, NoRetry: true,
			Message: "provider " + x.llm.ProviderID + " refused the gateway's credential; ask the gateway's operator to check it"}
	}
	if several {
		x.w.Header()["X-Should-Retry"] = []string{"false"}
	}
	return a, nil
}

// over is the error of a call whose context has ended: its caller went away, or its
// time was up.
func over(ctx context.Context) error {
	if context.Cause(ctx) == errSlow {
		return errSlow
	}
	return gone(ctx.Err())
}

func isFinal(err error) bool { return llm.AsError(err).Final }

// noRetry marks the error of a call that the gateway has made several times, so
// that its client does not multiply them.
func noRetry(err error, several bool) error {
	e := *llm.AsError(err)
	e.NoRetry = e.NoRetry || several
	return &e
}
