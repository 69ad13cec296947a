package admin

import (
	"net/http"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
)

// limitUsage is how one limit stands. Dollars have fractions, the rest has none.
type limitUsage struct {
	Limit     limits.Limit `json:"limit"`
	Max       float64      `json:"max"`
	Used      float64      `json:"used"`
	Remaining float64      `json:"remaining"`
	ResetAt   *time.Time   `json:"reset_at"`
}

// keyUsage tells what a virtual key has used of its limits, and what is left.
func (a *api) keyUsage(w http.ResponseWriter, r *http.Request) {
	id := pathParam(r, "id")
	policy, ok := a.Runtime.KeyPolicy(id)
	if !ok {
		fail(w, http.StatusNotFound, "", "there is no virtual_key %q", id)
		return
	}
	list, err := a.Limits.Usage(r.Context(), runtime.KeySubject(id), policy)
	if err != nil {
		a.Log.ErrorContext(r.Context(), "the use of a virtual key cannot be read", "virtual_key", id, "error", err)
		fail(w, http.StatusServiceUnavailable, "", "the store does not say what virtual_key %q has used: try again", id)
		return
	}
	items := []limitUsage{}
	for _, u := range list {
		unit := 1.0
		if u.Limit == limits.BudgetUSD {
			unit = 1e9
		}
		item := limitUsage{Limit: u.Limit, Max: float64(u.Max) / unit, Used: float64(u.Used) / unit, Remaining: float64(u.Remaining) / unit}
		if !u.Reset.IsZero() {
			reset := u.Reset.UTC()
			item.ResetAt = &reset
		}
		items = append(items, item)
	}
	reply(w, http.StatusOK, map[string]any{"id": id, "budget_period": string(policy.Budget.Period), "items": items})
}
