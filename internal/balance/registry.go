package balance

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Key names a target: a provider and the model that it is asked for. The zero
// Key names none.
type Key struct{ Provider, Model string }

// String is for people; it can be ambiguous.
func (k Key) String() string { return k.Provider + "/" + k.Model }

// Settings say when a target is unwell and for how long. A field that is zero or
// less means its default.
type Settings struct {
	// Failures in a row open the breaker; default 5.
	Failures int
	// FailureRatio of at least MinCalls within Window opens it too; defaults 0.5,
	// 20 and 30 s. More than 1 switches that off.
	FailureRatio float64
	MinCalls     int
	Window       time.Duration
	// Cooldown is how long the breaker stays open at first. It doubles with each
	// probe that fails, up to MaxCooldown; defaults 1 s and 60 s.
	Cooldown, MaxCooldown time.Duration
	// Probes may be under way at once after the cool-down; default 1.
	Probes int
	// Rest is for a target that is limited without saying how long; default 1 s.
	Rest time.Duration
	// MaxRest bounds what a target may ask for, so that one odd header does not
	// take it away for a day; default 5 minutes.
	MaxRest time.Duration
	// HalfLife is the age at which a latency counts half; default 10 s.
	HalfLife time.Duration
}

func (s Settings) withDefaults() Settings {
	set(&s.Failures, 5)
	set(&s.FailureRatio, 0.5)
	set(&s.MinCalls, 20)
	set(&s.Window, 30*time.Second)
	set(&s.Cooldown, time.Second)
	set(&s.MaxCooldown, time.Minute)
	s.MaxCooldown = max(s.MaxCooldown, s.Cooldown)
	set(&s.Probes, 1)
	set(&s.Rest, time.Second)
	set(&s.MaxRest, 5*time.Minute)
	set(&s.HalfLife, 10*time.Second)
	return s
}

func set[T int | float64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Registry holds the health of targets from one configuration to the next. It is
// safe for concurrent use. Make it with [NewRegistry]; there is nothing to close.
type Registry struct {
	settings Settings
	now      func() time.Time
	rand     func() float64
	epoch    time.Time

	mu      sync.Mutex
	healths map[Key]*Health
}

// NewRegistry returns an empty registry. now and rand, which returns numbers in
// [0, 1), must be safe for concurrent use; nil means the real ones.
func NewRegistry(s Settings, now func() time.Time, random func() float64) *Registry {
	if now == nil {
		now = time.Now
	}
	if random == nil {
		random = rand.Float64
	}
	return &Registry{settings: s.withDefaults(), now: now, rand: random, epoch: now(), healths: map[Key]*Health{}}
}

// Health returns the health of a target, which is well if it was not known.
func (r *Registry) Health(k Key) *Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.healths[k]
	if h == nil {
		h = newHealth(r)
		r.healths[k] = h
	}
	return h
}

// Keep forgets every target but these. Whoever still has the Health of another
// may go on using it. Call it with the keys of what serves after each change,
// and after one that was refused: its groups have made entries as well.
func (r *Registry) Keep(keys []Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := make(map[Key]*Health, len(keys))
	for _, k := range keys {
		if h := r.healths[k]; h != nil {
			kept[k] = h
		}
	}
	r.healths = kept
}

// clock is the time since the registry was made: an int64 can be atomic.
func (r *Registry) clock() int64 { return int64(r.now().Sub(r.epoch)) }
