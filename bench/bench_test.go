package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serveUpstream runs an upstream in this process and returns its address.
func serveUpstream(t *testing.T, all []scenario) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- newUpstream(all).serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, ln.Close())
		require.NoError(t, <-ended)
	})
	return ln.Addr().String()
}

// Both proxies and the upstream itself give whole answers to every scenario.
func TestTargetsAnswer(t *testing.T) {
	all := scenarios()
	for i := range all {
		all[i].every /= 20
	}
	up := serveUpstream(t, all)
	target := &url.URL{Scheme: "http", Host: up}
	for name, handler := range map[string]http.Handler{"direct": nil, "reverseproxy": reverseProxy(target), "relay": relay(target)} {
		addr, key := up, upstreamKey
		if handler != nil {
			srv := httptest.NewServer(handler)
			t.Cleanup(srv.Close)
			addr, key = srv.Listener.Addr().String(), virtualKey
		}
		for _, s := range all {
			t.Run(name+"/"+s.name, func(t *testing.T) {
				c, err := dial(addr, key, s)
				require.NoError(t, err)
				left := 3
				o := drive(t.Context(), []*caller{c}, 0, time.Now().Add(time.Minute), func() bool { left--; return left >= 0 })
				require.NoError(t, c.conn.Close())
				require.NoError(t, o.err)
				require.Equal(t, 3, o.requests)
				require.Len(t, o.total, 3)
				require.LessOrEqual(t, o.first[0], o.total[2])
			})
		}
	}
}

func TestUpstreamWantsItsKey(t *testing.T) {
	all := scenarios()
	c, err := dial(serveUpstream(t, all), virtualKey, all[0])
	require.NoError(t, err)
	defer func() { _ = c.conn.Close() }()
	o := driveFor(context.Background(), []*caller{c}, 0, time.Minute)
	require.ErrorContains(t, o.err, "status 401")
	require.Equal(t, 1, o.requests, "a caller stops at an error")
}

// An answer that is not whole is an error.
func TestCheck(t *testing.T) {
	const event = "data: {\"choices\":[]}\n\n"
	for _, test := range []struct {
		name, answer, wants string
		events, status      int
	}{
		{name: "whole", answer: `{"choices":[],"usage":{}}` + "\n"},
		{name: "cut", answer: `{"choices":[],"usage":{`, wants: "not an answer"},
		{name: "no usage", answer: `{}`, wants: "not an answer"},
		{name: "whole stream", events: 2, answer: event + event + "data: [DONE]\n\n"},
		{name: "event missing", events: 3, answer: event + event + "data: [DONE]\n\n", wants: "2 events of 3"},
		{name: "end missing", events: 2, answer: event + event, wants: "no end"},
		{name: "status", status: 502, answer: `{"error":{}}`, wants: "status 502"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &caller{events: test.events}
			err := c.check(max(test.status, 200), []byte(test.answer))
			if test.wants == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.wants)
			}
		})
	}
}

func TestRequestsHaveTheirSize(t *testing.T) {
	sizes := map[string][2]int{"small": {950, 1100}, "agent": {50_000, 52_000}, "stream": {100, 300}, "slow": {100, 300}}
	for _, s := range scenarios() {
		require.True(t, strings.HasPrefix(string(s.body), `{"model":"`+s.name+`"`), "the upstream looks for the first model")
		require.Greater(t, len(s.body), sizes[s.name][0], s.name)
		require.Less(t, len(s.body), sizes[s.name][1], s.name)
	}
	body := prepare(scenarios()[1]).pieces[0]
	require.InDelta(t, 2048, len(body), 150)
	body = prepare(scenarios()[0]).pieces[0]
	require.InDelta(t, 1024, len(body), 150)
}

// Figures are compared with those of the same round.
func TestRow(t *testing.T) {
	var all results
	add := func(target string, round int, cpu, p50 time.Duration) {
		all.samples = append(all.samples, &sample{target: target, scenario: "s", round: round, requests: 10,
			cpu: cpu * time.Microsecond, p50: p50 * time.Microsecond, rss: int64(10+round) << 20})
	}
	for round, slower := range []time.Duration{1, 9, 2} { // the machine's mood
		add("direct", round, 0, 100*slower)
		add("reverseproxy", round, 50*slower, 100*slower+40)
		add("gateway", round, 45*slower, 100*slower+30)
	}
	s := scenario{name: "s", events: 10}
	got := row(s, "gateway", all.of("s", "gateway"), all.of("s", "direct"), all.of("s", "reverseproxy"))
	require.Equal(t, "| s | gateway | 30 | 0 | 90.0 | 9.00 | +0 | +30 | +0 | 12 | 0.0 | 0.90 PASS |", got)
	got = row(s, "direct", all.of("s", "direct"), all.of("s", "direct"), all.of("s", "reverseproxy"))
	require.Equal(t, "| s | direct | 30 | 0 | – | – | 0 | 200 | 0 | – | 0.0 | – |", got)

	var out strings.Builder
	aims(&out, config{scenarios: []scenario{s}}, all)
	require.Contains(t, out.String(), "| s | 0.90 PASS | – | 0.75 PASS | – | 1.00 PASS |")
}

func TestFlags(t *testing.T) {
	for _, test := range []struct{ args, wants string }{
		{"-scenarios small,stream -targets gateway", ""},
		{"-million", ""},
		{"-scenarios tiny", `no "tiny"`},
		{"-targets squid", `no "squid"`},
		{"-rounds 0", "must be positive"},
		{"more", `"more" is not a flag`},
	} {
		c, err := parse(strings.Fields(test.args), &strings.Builder{})
		if test.wants == "" {
			require.NoError(t, err, test.args)
			require.Equal(t, []string{"gateway"}, c.targets, test.args)
		} else {
			require.ErrorContains(t, err, test.wants, test.args)
		}
	}
}
