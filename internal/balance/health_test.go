package balance_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

const (
	neutral = balance.Neutral
	success = balance.Success
	failure = balance.Failure
	limited = balance.Limited
)

func one(s balance.Settings) (*balance.Health, *clock) {
	c := newClock()
	return balance.NewRegistry(s, c.now, dice()).Health(key("a")), c
}

func TestWhatOpensTheBreaker(t *testing.T) {
	mixed := func(n int, pattern ...balance.Result) []balance.Result { return slices.Repeat(pattern, n) }
	for name, tc := range map[string]struct {
		results []balance.Result
		want    balance.State
	}{
		"nothing":                              {nil, balance.Closed},
		"four failures in a row":               {times(4, failure), balance.Closed},
		"five":                                 {times(5, failure), balance.Open},
		"a success starts the row again":       {append(append(times(4, failure), success), times(4, failure)...), balance.Closed},
		"what is neutral does not":             {append(append(times(4, failure), neutral), failure), balance.Open},
		"what is neutral alone":                {times(50, neutral), balance.Closed},
		"half of nineteen and a half":          {append(mixed(9, success, failure), success), balance.Closed},
		"half of twenty":                       {mixed(10, success, failure), balance.Open},
		"a third of many":                      {mixed(30, success, success, failure), balance.Closed},
		"the ratio is looked at with failures": {append(mixed(9, failure, success), failure, success), balance.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := one(balance.Settings{})
			end(h, tc.results...)
			require.Equal(t, tc.want, h.Status().State)
		})
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	h, c := one(balance.Settings{})
	for range 9 {
		end(h, failure, success)
	}
	c.advance(30 * time.Second)
	end(h, success, failure)
	require.Equal(t, balance.Closed, h.Status().State, "2 calls are in the window")

	h, c = one(balance.Settings{})
	for range 9 {
		end(h, failure, success)
	}
	c.advance(28 * time.Second)
	end(h, success, failure)
	require.Equal(t, balance.Open, h.Status().State)
}

func TestBreakerLifeCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // with the real clock's functions
		h := balance.NewRegistry(balance.Settings{}, time.Now, nil).Health(key("a"))
		end(h, times(5, failure)...)
		for _, cooldown := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			cooldown *= time.Second
			require.Equal(t, balance.Status{State: balance.Open, Wait: cooldown}, h.Status())
			time.Sleep(cooldown - time.Nanosecond)
			_, ok := h.TryBegin()
			require.False(t, ok, "before the cool-down of %s is over", cooldown)
			time.Sleep(time.Nanosecond)
			require.Equal(t, balance.HalfOpen, h.Status().State)

			probe, ok := h.TryBegin()
			require.True(t, ok)
			_, ok = h.TryBegin()
			require.False(t, ok, "one probe is enough")
			probe.End(neutral, 0)
			require.Equal(t, balance.HalfOpen, h.Status().State, "what is neutral gives the probe back")

			probe, ok = h.TryBegin()
			require.True(t, ok)
			probe.End(failure, 0)
		}
		time.Sleep(time.Minute)
		probe, ok := h.TryBegin()
		require.True(t, ok)
		probe.End(success, 0)
		require.Equal(t, balance.Closed, h.Status().State)

		end(h, times(4, failure)...)
		require.Equal(t, balance.Closed, h.Status().State, "it starts from nothing")
		end(h, failure)
		require.Equal(t, time.Second, h.Status().Wait, "the cool-down too")
	})
}

func TestFirstByteClosesTheBreaker(t *testing.T) {
	h, c := one(balance.Settings{})
	end(h, times(5, failure)...)
	c.advance(time.Second)
	stream, ok := h.TryBegin()
	require.True(t, ok)
	require.Equal(t, balance.Probing, h.Status().State)
	stream.FirstByte()
	require.Equal(t, balance.Closed, h.Status().State)
	end(h, times(4, failure)...)
	stream.End(failure, 0)
	require.Equal(t, balance.Open, h.Status().State, "a stream that breaks later is still a failure")
}

func TestLateResultsSayNothing(t *testing.T) {
	h, c := one(balance.Settings{})
	var early [8]balance.Attempt
	for i := range early {
		early[i] = h.Begin()
	}
	for i := range 5 {
		early[i].End(failure, 0)
	}
	early[5].End(success, 0)
	early[6].End(failure, 0)
	require.Equal(t, balance.Status{State: balance.Open, Wait: time.Second, InFlight: 1}, withoutLatency(h))
	c.advance(time.Second)
	early[7].End(failure, 0)
	require.Equal(t, balance.HalfOpen, h.Status().State)
}

func withoutLatency(h *balance.Health) balance.Status {
	s := h.Status()
	s.Latency = 0
	return s
}

func TestForcedAttempts(t *testing.T) {
	h, c := one(balance.Settings{})
	end(h, times(5, failure)...)
	end(h, failure, failure)
	require.Equal(t, time.Second, h.Status().Wait, "they do not lengthen the cool-down")
	end(h, success)
	require.Equal(t, balance.Closed, h.Status().State, "but may end it")

	a := h.Begin()
	a.End(limited, time.Minute)
	end(h, success)
	require.Equal(t, balance.Closed, h.Status().State)

	end(h, times(5, failure)...)
	forced := h.Begin()
	c.advance(time.Second)
	forced.End(failure, 0)
	_, ok := h.TryBegin()
	require.True(t, ok, "it had no probe to lose")
}

func TestRest(t *testing.T) {
	for name, tc := range map[string]struct {
		result     balance.Result
		retryAfter time.Duration
		want       time.Duration
	}{
		"a limit with a time":           {limited, 7 * time.Second, 7 * time.Second},
		"a limit without":               {limited, 0, time.Second},
		"too long":                      {limited, 24 * time.Hour, 5 * time.Minute},
		"a failure with a time":         {failure, 7 * time.Second, 7 * time.Second},
		"a failure without":             {failure, 0, 0},
		"nonsense":                      {failure, -time.Second, 0},
		"only failures are listened to": {success, time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := one(balance.Settings{})
			for range 10 { // as often as one likes
				a := h.Begin()
				a.End(tc.result, tc.retryAfter)
				if tc.result != limited {
					break
				}
			}
			require.Equal(t, tc.want, h.Status().Wait)
			require.Equal(t, tc.want == 0, h.Status().State == balance.Closed)
			if tc.want > 0 {
				require.Equal(t, balance.Resting, h.Status().State)
				_, ok := h.TryBegin()
				require.False(t, ok)
			}
			c.advance(tc.want)
			require.Equal(t, balance.Closed, h.Status().State)
		})
	}
}

func TestRestOutlastsTheCooldown(t *testing.T) {
	h, c := one(balance.Settings{})
	end(h, times(4, failure)...)
	a := h.Begin()
	a.End(failure, 10*time.Second)
	require.Equal(t, balance.Status{State: balance.Open, Wait: 10 * time.Second}, h.Status())
	c.advance(5 * time.Second)
	require.Equal(t, balance.Status{State: balance.Resting, Wait: 5 * time.Second}, h.Status())
	c.advance(5 * time.Second)
	probe, ok := h.TryBegin()
	require.True(t, ok)
	probe.End(limited, time.Second)
	c.advance(time.Second)
	require.Equal(t, balance.HalfOpen, h.Status().State, "a limit gives the probe back")
}
