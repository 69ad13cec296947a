package llmproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/llm"
)

// assumedOutput is how many tokens an answer is taken for, before it is there, when
// the request does not bound it.
const assumedOutput = 4096

// reserveLimits takes the call from the limits of its key and its route.
func (x *exchange) reserveLimits(ctx context.Context) error {
	if len(x.hop.Limits) == 0 {
		return nil
	}
	if x.hop.Endpoint.Unchecked || x.req.background {
		for _, s := range x.hop.Limits {
			if s.Policy.Budget != (limits.Budget{}) {
				return &llm.Error{Code: llm.CodePermissionDenied, NoRetry: true, Message: "what is answered later cannot be charged to a budget: ask for it now, without a batch or background"}
			}
		}
	}
	r, refusal := x.keeper.Reserve(ctx, x.hop.Limits, x.estimate())
	if refusal == nil {
		x.reservation = r
		return nil
	}
	return x.refusal(refusal)
}

// estimate is what the call may take: its prompt by the usual rule, its answer as far
// as the request bounds it, and of the candidates' prices the highest.
func (x *exchange) estimate() limits.Estimate {
	if tapped[x.hop.Endpoint.Operation] == nil { // it uses no tokens
		return limits.Estimate{CostKnown: true}
	}
	out := x.req.maxOutput
	if out <= 0 {
		out = assumedOutput
	}
	if x.hop.Endpoint.Operation == llm.OpenAIEmbeddings || x.hop.Endpoint.Operation == llm.OpenAIRerank {
		out = 0
	}
	out *= max(1, x.req.answers) * max(1, x.req.prompts)
	usage := llm.Usage{Input: llm.Known(max(estimate(x.req.promptBytes), 1)), Output: llm.Known(out)}
	e := limits.Estimate{Tokens: usage.Total().N, CostKnown: true}
	may := func(c Candidate) {
		cost, known := x.cost(c.Target, c.model(x.req.model), usage)
		e.Cost = max(e.Cost, cost)
		e.CostKnown = e.CostKnown && known
	}
	if x.logical == nil {
		may(x.direct)
		return e
	}
	for i := range x.logical.Candidates {
		may(x.logical.candidate(i, x.star))
	}
	return e
}

// cost is what a usage costs at a provider, in nano-dollars.
func (x *exchange) cost(t *Target, model string, u llm.Usage) (int64, bool) {
	if t == nil || t.Model == nil {
		return 0, false
	}
	return t.Model(model).Price.Cost(u, x.hop.Started)
}

// settle corrects what was reserved to what the call took. used is the target that
// answered; nil when none was reached.
func (x *exchange) settle(u llm.Usage) {
	l := x.llm
	cost, priced := int64(0), false
	if x.used != nil && tapped[x.hop.Endpoint.Operation] != nil && (u.Total().Known || x.read.answered) {
		if cost, priced = x.cost(x.used, l.Model, u); priced {
			dollars := float64(cost) / 1e9
			l.CostUSD = &dollars
		}
	}
	if x.reservation == nil {
		return
	}
	if !x.read.answered && !u.Total().Known {
		if llm.Code(x.event.ErrorType) != llm.CodeCanceled || l.Attempts == 0 {
			x.reservation.Cancel() // nothing was made for it
			return
		}
		// The caller left while the upstream worked, which has its prompt at least.
		u = llm.Usage{Input: llm.Known(estimate(x.req.promptBytes)), Output: llm.Known(0)}
		cost, priced = x.cost(x.used, l.Model, u)
	}
	took := limits.Estimate{Tokens: u.Total().N, Cost: cost, CostKnown: priced}
	if !u.Total().Known { // the upstream does not say; a budget is not for free
		took.Tokens = estimate(x.req.promptBytes) + estimate(x.read.textBytes)
	}
	x.reservation.Settle(took)
}

// refusal is a refusal of the limits in the protocol's words. The caller's client is
// not to try again by itself where that cannot help.
func (x *exchange) refusal(r *limits.Refusal) error {
	e := &llm.Error{Code: llm.CodeRateLimited, Message: r.Error(), RetryAfter: r.RetryAfter}
	switch r.Reason {
	case limits.PriceUnknown:
		e.Code, e.NoRetry = llm.CodePermissionDenied, true
		if x.req.model == "" {
			e.Message = "what this request costs is not known, so a budget in dollars cannot cover it: use a key with a budget in tokens, or without one"
			return e
		}
		e.Message = fmt.Sprintf("the price of the model %q is not known, so a budget in dollars cannot cover it: use a model that has a price, or have the gateway's operator set one", x.req.model)
	case limits.StoreUnavailable, limits.Overloaded, limits.Closed:
		e.Code, e.RetryAfter = llm.CodeUnavailable, max(r.RetryAfter, time.Second)
		if r.Err != nil && !errors.Is(r.Err, context.Canceled) {
			e.Cause = r.Err
		}
	default:
		if r.Limit == limits.BudgetUSD || r.Limit == limits.BudgetTokens {
			e.Code, e.NoRetry = llm.CodeBudget, true
		}
		if r.Reason == limits.TooLarge {
			e.NoRetry = true
		}
		x.limitHeaders(r)
	}
	return e
}

// limitHeaders says which limit refused a call, in the headers that the protocol's
// clients read.
func (x *exchange) limitHeaders(r *limits.Refusal) {
	h, now := x.w.Header(), x.now()
	what := map[limits.Limit]string{limits.Requests: "requests", limits.Tokens: "tokens", limits.BudgetTokens: "tokens"}[r.Limit]
	set := func(name, value string) { h[http.CanonicalHeaderKey(name)] = []string{value} }
	reset := r.Reset
	if reset.IsZero() && r.RetryAfter > 0 {
		reset = now.Add(r.RetryAfter)
	}
	if x.wire() != "anthropic" {
		if what == "" {
			return
		}
		set("x-ratelimit-limit-"+what, strconv.FormatInt(r.Max, 10))
		set("x-ratelimit-remaining-"+what, strconv.FormatInt(r.Remaining, 10))
		if !reset.IsZero() {
			set("x-ratelimit-reset-"+what, max(reset.Sub(now), 0).Round(time.Millisecond).String())
		}
		return
	}
	if what != "" {
		set("anthropic-ratelimit-"+what+"-limit", strconv.FormatInt(r.Max, 10))
		set("anthropic-ratelimit-"+what+"-remaining", strconv.FormatInt(r.Remaining, 10))
		if !reset.IsZero() {
			set("anthropic-ratelimit-"+what+"-reset", reset.UTC().Format(time.RFC3339))
		}
	}
	if r.Limit == limits.BudgetUSD || r.Limit == limits.BudgetTokens { // what Claude Code shows
		set("anthropic-ratelimit-unified-status", "rejected")
		if !reset.IsZero() {
			set("anthropic-ratelimit-unified-reset", strconv.FormatInt(reset.Unix(), 10))
		}
	}
}

// ofLimits says whether a header tells of the upstream's limits, which are not the
// caller's where the gateway has its own.
func ofLimits(name string) bool {
	return strings.HasPrefix(name, "X-Ratelimit-") || strings.HasPrefix(name, "Anthropic-Ratelimit-")
}

// manyAnswers is how many answers are reckoned with where the request asks for a number
// that cannot be read: an upstream may be able to.
const manyAnswers = 128

// bounds reads the members that bound an answer, in each spelling that some upstream
// takes, and takes the most of them.
func (q *request) bounds(name string, v []byte) {
	switch name {
	case "max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens":
		q.maxOutput = max(q.maxOutput, amount(v, 0))
	case "n", "best_of", "candidateCount", "candidate_count":
		q.answers = max(q.answers, min(amount(v, manyAnswers), manyAnswers))
	case "generationConfig", "generation_config":
		walk(v, 0, func(name []byte, at int) int {
			end := jsonscan.Skip(v, at)
			if end > at && string(name) != "generationConfig" && string(name) != "generation_config" {
				q.bounds(string(name), v[at:end])
			}
			return end
		})
	}
}

// countPrompts counts the prompts of a completion: each is answered.
func (q *request) countPrompts(v []byte) {
	n := 0
	items(v, 0, func(v []byte, at int) int {
		if v[at] == '"' || v[at] == '[' { // or it is one, in tokens
			n++
		}
		return jsonscan.Skip(v, at)
	})
	q.prompts = int64(n)
}

// amount reads a number that may have a fraction, an exponent, or quotes around it;
// unreadable is for what is none.
func amount(v []byte, unreadable int64) int64 {
	if n, ok := jsonscan.Int(v); ok {
		return n
	}
	if string(v) == "null" {
		return 0
	}
	f, err := strconv.ParseFloat(strings.Trim(string(v), `"`), 64)
	if err != nil || f != f {
		return unreadable
	}
	return int64(min(max(f, 0), 1<<50))
}
