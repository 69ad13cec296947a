package balance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

func TestLatency(t *testing.T) {
	h, c := one(balance.Settings{})
	call := func(d time.Duration) {
		a := h.Begin()
		c.advance(d)
		a.FirstByte()
		c.advance(time.Hour) // the rest of the stream does not matter
		a.End(success, 0)
	}
	require.Zero(t, h.Status().Latency)
	call(time.Second)
	require.Equal(t, time.Second, h.Status().Latency)

	h, c = one(balance.Settings{})
	a, b := h.Begin(), h.Begin()
	c.advance(time.Second)
	a.End(success, 0)
	require.Equal(t, time.Second, h.Status().Latency)
	c.advance(2 * time.Second)
	e := h.Begin()
	c.advance(8 * time.Second)
	e.End(failure, 0)
	b.End(success, 0) // 11 s now, and 1 s a half-life ago
	require.InDelta(t, (11+0.5*1)/1.5, h.Status().Latency.Seconds(), 1e-6)
}

func TestRegistry(t *testing.T) {
	r := balance.NewRegistry(balance.Settings{}, nil, nil)
	a, b := r.Health(key("a")), r.Health(key("b"))
	require.Same(t, a, r.Health(key("a")))
	r.Keep([]balance.Key{key("a"), key("never")})
	require.Same(t, a, r.Health(key("a")))
	require.NotSame(t, b, r.Health(key("b")))
	end(b, success) // whoever has it goes on

	require.Equal(t, "a/m", key("a").String())
	var none balance.Attempt
	none.FirstByte()
	none.End(failure, 0)
}

func TestStateNames(t *testing.T) {
	for s, want := range map[balance.State]string{
		balance.Closed: "closed", balance.HalfOpen: "half_open", balance.Probing: "half_open", balance.Resting: "resting", balance.Open: "open",
	} {
		require.Equal(t, want, s.String())
	}
}
