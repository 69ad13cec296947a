package llmproxy

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Credentials are what a provider may be called with, and how one of them is chosen.
// They are safe for concurrent use.
type Credentials struct {
	list     []Credential
	selector string
	turn     atomic.Uint64
}

// Credential is one of them.
type Credential struct {
	llm.Credential
	// Rank puts kinds of credentials before others, the lowest first; Priority orders
	// those of one rank, the highest first.
	Rank, Priority int
	// State is how it has fared.
	State *CredentialState
}

// NewCredentials makes a pool. selector is "priority" (or ""), "round_robin",
// "fill_first" or "least_used". Without any credential, calls are made without.
func NewCredentials(selector string, list []Credential) *Credentials {
	if len(list) == 0 {
		list = []Credential{{State: new(CredentialState)}}
	}
	slices.SortStableFunc(list, func(a, b Credential) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(b.Priority, a.Priority))
	})
	return &Credentials{list: list, selector: selector}
}

// First is the credential that a call at now would try first.
func (c *Credentials) First(now time.Time) llm.Credential { return c.order(now)[0].Credential }

// All lists the credentials in the order of the configuration.
func (c *Credentials) All() []Credential { return slices.Clone(c.list) }

// order lists the credentials to try for one call, the first choice first: those
// that are well, or else the one that may be so soonest.
func (c *Credentials) order(now time.Time) []Credential {
	if len(c.list) == 1 {
		return c.list
	}
	usable := make([]Credential, 0, len(c.list))
	soonest := c.list[0]
	for _, cred := range c.list {
		rested := cred.State.rested(now)
		if rested {
			usable = append(usable, cred)
		} else if cred.State.due().Before(soonest.State.due()) {
			soonest = cred
		}
	}
	if len(usable) == 0 {
		return []Credential{soonest}
	}
	turn := int(c.turn.Add(1) - 1)
	for from := 0; from < len(usable); {
		to := from + 1
		for to < len(usable) && c.equal(usable[from], usable[to]) {
			to++
		}
		c.arrange(usable[from:to], turn)
		from = to
	}
	return usable
}

// equal says whether the selector may choose between two neighbours.
func (c *Credentials) equal(a, b Credential) bool {
	switch c.selector {
	case "fill_first":
		return false
	case "round_robin", "least_used":
		return a.Rank == b.Rank
	}
	return a.Rank == b.Rank && a.Priority == b.Priority
}

// arrange orders credentials among which the selector may choose.
func (c *Credentials) arrange(some []Credential, turn int) {
	if len(some) == 1 {
		return
	}
	if c.selector == "least_used" {
		slices.SortStableFunc(some, func(a, b Credential) int { return cmp.Compare(a.State.used.Load(), b.State.used.Load()) })
		return
	}
	n := turn % len(some)
	rotated := append(slices.Clone(some[n:]), some[:n]...)
	copy(some, rotated)
}

// CredentialState is how a credential has fared. It outlives changes of the
// configuration. Its zero value is one of which nothing is known.
type CredentialState struct {
	used  atomic.Int64
	until atomic.Int64 // Unix nanoseconds; it rests until then

	mu      sync.Mutex
	reason  string
	invalid bool
	strikes int // refusals in a row
}

// CredentialStatus is a CredentialState as it is shown.
type CredentialStatus struct {
	Unavailable    bool      `json:"unavailable"`
	NextRetryAfter time.Time `json:"next_retry_after,omitzero"`
	LastError      string    `json:"last_error,omitempty"`
	// AuthInvalid says that the upstream did not accept the key itself.
	AuthInvalid bool `json:"auth_invalid"`
}

// Status tells how the credential fares.
func (s *CredentialState) Status(now time.Time) CredentialStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := CredentialStatus{LastError: s.reason, AuthInvalid: s.invalid}
	if !s.rested(now) {
		st.Unavailable, st.NextRetryAfter = true, s.due().UTC()
	}
	return st
}

func (s *CredentialState) rested(now time.Time) bool { return now.UnixNano() >= s.until.Load() }

func (s *CredentialState) due() time.Time { return time.Unix(0, s.until.Load()) }

// How long a credential rests, by what its upstream answered. Each refusal in a row
// doubles that, as far as maxRest.
const (
	restInvalid = 5 * time.Minute  // 401
	restDenied  = time.Minute      // 403: perhaps of one model only
	restBilling = 10 * time.Minute // 402
	restLimited = 2 * time.Second  // 429 without Retry-After
	maxRest     = time.Hour
)

// answered takes notice of an upstream's status.
func (s *CredentialState) answered(status int, retryAfter time.Duration, now time.Time) {
	rest := time.Duration(0)
	switch status {
	case 401:
		rest = restInvalid
	case 403:
		rest = restDenied
	case 402:
		rest = restBilling
	case 429:
		rest = restLimited
	default:
		if status < 400 && s.until.Load() != 0 {
			s.mu.Lock()
			s.reason, s.invalid, s.strikes = "", false, 0
			s.until.Store(0)
			s.mu.Unlock()
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rest = min(rest<<min(s.strikes, 10), maxRest)
	s.strikes++
	if retryAfter > 0 {
		rest = min(retryAfter, maxRest)
	}
	s.invalid = s.invalid || status == 401
	s.reason = fmt.Sprintf("the upstream answered %d", status)
	s.until.Store(now.Add(rest).UnixNano())
}
