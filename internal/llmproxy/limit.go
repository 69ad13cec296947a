package llmproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/models"
)

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

// cost is what a usage costs at a provider, in nano-dollars.
func (x *exchange) cost(t *Target, model string, u llm.Usage) (int64, bool) {
	if t == nil || t.Model == nil {
		return 0, false
	}
	return models.Cost(u, x.hop.Started, func(name string) *models.Price {
		if name == "" {
			name = model
		}
		return t.Model(name).Price
	})
}

// settleEarly settles before the last of an answer goes out: who has that may come with the
// next call before the upstream's stream has ended. last says that nothing more is to come.
func (x *exchange) settleEarly(last bool) {
	if x.reservation != nil && last {
		x.settle(x.read.fill(x.llm, x.req.promptBytes))
	}
}

// settle corrects what was reserved to what the call took. used is the target that
// answered; nil when none was reached. Only the first time counts for the limits.
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
	took := limits.Estimate{Tokens: u.Billed().Total().N, Cost: cost, CostKnown: priced}
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
