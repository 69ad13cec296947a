package limits

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit names one limit of a policy.
type Limit string

// The limits of a policy.
const (
	Requests     Limit = "requests_per_minute"
	Tokens       Limit = "tokens_per_minute"
	Concurrency  Limit = "concurrency"
	BudgetUSD    Limit = "budget_usd" // amounts in nano-dollars
	BudgetTokens Limit = "budget_tokens"
)

var budgetLimits = [units]Limit{BudgetUSD, BudgetTokens}

// Reason is why a call was refused.
type Reason string

// Reasons of a Refusal.
const (
	// Exceeded: less is left than the call wants. It passes after RetryAfter.
	Exceeded Reason = "exceeded"
	// TooLarge: the estimate alone is over the limit, so waiting does not help.
	TooLarge Reason = "too_large"
	// PriceUnknown: there is a dollar budget, and nobody knows what the call costs.
	PriceUnknown Reason = "price_unknown"
	// StoreUnavailable: the store did not answer in time, or failed; see Err.
	StoreUnavailable Reason = "store_unavailable"
	// Overloaded: as many subjects as the keeper may hold are in use.
	Overloaded Reason = "overloaded"
	// Closed: the keeper was closed.
	Closed Reason = "closed"
)

// Refusal says why a call may not go on. Nothing was taken from any subject.
type Refusal struct {
	Subject string
	Limit   Limit // "" when no limit is the reason
	Reason  Reason
	// Max is the limit's value, Remaining what is left of it: never negative,
	// and not always 0, since the call may just have wanted more.
	Max, Remaining int64
	// Reset is when the whole limit is available again if nothing is used until
	// then; zero when that is never, or not known.
	Reset time.Time
	// RetryAfter is how long to wait before this call would pass; 0 when waiting
	// does not help. For concurrency and the store it is a guess.
	RetryAfter time.Duration
	// Err is what the store or the context said; nil for other reasons.
	Err error
}

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// guess is how long to wait for what has no date.
const guess = time.Second

var limitWords = map[Limit]string{
	Requests:     "limit of %d requests per minute",
	Tokens:       "limit of %d tokens per minute",
	Concurrency:  "limit of %d calls at once",
	BudgetTokens: "budget of %d tokens",
}

// whose are the subjects in words for a caller, who knows no ids of ours.
func (r *Refusal) whose() string {
	kind, _, _ := strings.Cut(r.Subject, ":")
	if kind == "key" {
		return "this virtual key's"
	}
	return "this " + kind + "'s"
}

// Error tells a caller what to do about it.
func (r *Refusal) Error() string {
	limit := "budget of $" + strconv.FormatFloat(float64(r.Max)/1e9, 'f', -1, 64)
	if word, ok := limitWords[r.Limit]; ok {
		limit = fmt.Sprintf(word, r.Max)
	}
	switch r.Reason {
	case TooLarge:
		return fmt.Sprintf("this request alone may take more than %s %s; make it smaller", r.whose(), limit)
	case PriceUnknown:
		return fmt.Sprintf("the price of this request is not known, so %s %s cannot cover it; use a model that has a price", r.whose(), limit)
	case StoreUnavailable:
		return fmt.Sprintf("%s budget cannot be checked now; try again later", r.whose())
	case Overloaded:
		return "too many keys and routes with limits are in use at once; try again later"
	case Closed:
		return "the gateway is shutting down"
	}
	when := "try again later"
	switch {
	case r.RetryAfter > 0:
		when = fmt.Sprint("try again in ", max(r.RetryAfter.Round(time.Second), time.Second))
	case r.Reset.IsZero():
		when = "it does not reset"
	}
	return fmt.Sprintf("what is left of %s %s does not cover this request; %s", r.whose(), limit, when)
}
