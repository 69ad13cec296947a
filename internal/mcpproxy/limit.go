package mcpproxy

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/limits"
)

// reserve takes the request from the limits of its key. It costs no tokens and no money:
// requests and calls at once are counted, and a budget that is used up stops it too.
// release gives back the place among the calls at once.
func (x *exchange) reserve() (release func(), ok bool) {
	if len(x.hop.Limits) == 0 || x.keeper == nil {
		return func() {}, true
	}
	nothing := limits.Estimate{CostKnown: true}
	r, refused := x.keeper.Reserve(x.r.Context(), x.hop.Limits, nothing)
	if refused == nil {
		return func() { r.Settle(nothing) }, true
	}
	status, after := http.StatusTooManyRequests, refused.RetryAfter
	switch refused.Reason {
	case limits.StoreUnavailable, limits.Overloaded, limits.Closed:
		status, after = http.StatusServiceUnavailable, max(after, time.Second)
	}
	if after > 0 {
		x.w.Header()["Retry-After"] = []string{strconv.Itoa(int(math.Ceil(after.Seconds())))}
	}
	x.refuse(status, x.in, codeUnavailable, "%s", refused.Error())
	return nil, false
}
