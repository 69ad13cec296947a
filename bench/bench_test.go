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

// serveHandler serves a target in this process and returns its address.
func serveHandler(t *testing.T, handler http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// All targets and the upstream itself give whole answers to every scenario, and the
// gateway does what the scenario is about.
func TestTargetsAnswer(t *testing.T) {
	all := scenarios()
	for i := range all {
		all[i].every /= 20
	}
	up := serveUpstream(t, all)
	where := &url.URL{Scheme: "http", Host: up}
	seen := &seen{}
	for name, handler := range map[string]http.Handler{"direct": nil, "reverseproxy": reverseProxy(where), "relay": relay(where), "gateway": newGateway(t, up, seen)} {
		addr, key := up, upstreamKey
		if handler != nil {
			addr, key = serveHandler(t, handler), virtualKey
		}
		for _, s := range all {
			if !s.doneBy(name) {
				continue
			}
			t.Run(name+"/"+s.name, func(t *testing.T) {
				const calls = 3
				at := &target{name: name, addr: addr, key: key}
				callers, hangUp, err := connect(at, s, 1)
				require.NoError(t, err)
				defer hangUp()
				left := calls
				o := drive(t.Context(), callers, 0, time.Now().Add(time.Minute), func() bool { left--; return left >= 0 })
				require.NoError(t, o.err)
				require.Equal(t, calls, o.requests)
				require.Len(t, o.total, calls)
				require.LessOrEqual(t, o.first[0], o.total[calls-1])
				if name == "gateway" {
					seen.are(t, s, calls, at.sent)
				}
			})
		}
	}
}

func TestUpstreamWantsItsKey(t *testing.T) {
	all := scenarios()
	c, err := dial(&target{addr: serveUpstream(t, all), key: virtualKey}, all[0])
	require.NoError(t, err)
	defer func() { _ = c.conn.Close() }()
	o := driveFor(context.Background(), []*caller{c}, 0, time.Minute)
	require.ErrorContains(t, o.err, "status 401")
	require.Equal(t, 1, o.requests, "a caller stops at an error")
}

// An answer that is not whole is an error.
func TestCheck(t *testing.T) {
	const (
		event = "data: {\"choices\":[]}\n\n"
		done  = "data: [DONE]\n\n"
		text  = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" a\"}}]}\n\n"
		block = "event: content_block_delta\ndata: {}\n\n"
		stop  = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	)
	relayed, translated, up := scenario{asks: chat, reaches: chat}, scenario{asks: messages, reaches: chat, size: 4}, scenario{asks: chat, reaches: messages}
	for _, test := range []struct {
		name, answer, wants string
		of                  scenario
		events, status      int
	}{
		{name: "whole", of: relayed, answer: `{"choices":[],"usage":{}}` + "\n"},
		{name: "cut", of: relayed, answer: `{"choices":[],"usage":{`, wants: "not an answer"},
		{name: "no usage", of: relayed, answer: `{}`, wants: "not an answer"},
		{name: "whole stream", of: relayed, events: 2, answer: event + event + done},
		{name: "event missing", of: relayed, events: 3, answer: event + event + done, wants: "2 events of 3"},
		{name: "end missing", of: relayed, events: 2, answer: event + event, wants: "no end"},
		{name: "status", of: relayed, status: 502, answer: `{"error":{}}`, wants: "status 502"},
		{name: "translated", of: translated, answer: `{"type":"message","text":"The ","stop_reason":"end_turn","usage":{}}`},
		{name: "translated, text missing", of: translated, answer: `{"type":"message","text":"The","stop_reason":"end_turn","usage":{}}`, wants: "not an answer"},
		{name: "translated, not ended", of: translated, answer: `{"type":"message","text":"The ","stop_reason":null,"usage":{}}`, wants: "not an answer"},
		{name: "translated stream", of: translated, events: 4, answer: event + block + block + stop},
		{name: "translated stream, delta missing", of: translated, events: 4, answer: block + event + event + stop, wants: "1 events of 2"},
		{name: "translated stream, end missing", of: translated, events: 4, answer: block + block + done, wants: "no end"},
		{name: "translated from messages", of: up, events: 8, answer: event + text + text + event + done},
		{name: "translated from messages, delta missing", of: up, events: 8, answer: event + text + event + done, wants: "1 events of 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.of.events = test.events
			err := test.of.whole().check(max(test.status, 200), []byte(test.answer))
			if test.wants == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.wants)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct{ args, targets, wants string }{
		{"-scenarios small,stream -targets gateway", "gateway", ""},
		{"-scenarios stream-translated -targets gateway,relay", "gateway,relay", ""},
		{"-targets relay", "relay", ""},
		{"-million", "gateway", ""},
		{"-sessions", "gateway", ""},
		{"-sessions -million", "", "not together"},
		{"-scenarios mcp-stdio -targets direct", "direct", ""},
		{"-scenarios small,small-limits -targets relay", "", "small-limits is the gateway's alone"},
		{"-scenarios tiny", "", `no "tiny"`},
		{"-targets squid", "", `no "squid"`},
		{"-rounds 0", "", "must be positive"},
		{"more", "", `"more" is not a flag`},
	} {
		c, err := parse(strings.Fields(test.args), &strings.Builder{})
		if test.wants == "" {
			require.NoError(t, err, test.args)
			require.Equal(t, test.targets, strings.Join(c.targets, ","), test.args)
		} else {
			require.ErrorContains(t, err, test.wants, test.args)
		}
	}
}
