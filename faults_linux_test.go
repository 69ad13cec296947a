package gateway_test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deaf is an address that takes no more connections, and refuses none.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 { // until the queue of those who wait is full
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue of a listener that accepts nobody has no end")
	return ""
}

// An upstream that cannot be connected to in time is given up, and another is asked.
func TestConnectTimeout(t *testing.T) {
	addr := deaf(t)
	up := newUpstream(t)
	bundle := func(candidates string) string {
		return fmt.Sprintf(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: deaf, provider_type: openai, api_key: %[1]s, base_url: "http://%[2]s/v1"}
- {id: deaf-tls, provider_type: anthropic, api_key: %[1]s, base_url: "https://%[2]s"}
- {id: well, provider_type: openai, api_key: %[1]s, base_url: "%[3]s/v1"}
llmRoutes:
- {id: r, protocol: openai, match_policy: {path_prefix: /}, policy: {timeouts: {connect_seconds: 0.05}}, target_policy: {model_targets: [{name: m, strategy: priority, candidates: [%[4]s]}]}}
`, upstreamKey, addr, up.URL, candidates)
	}
	const first, second = "{provider_id: deaf, upstream_model: m, priority: 9}", "{provider_id: deaf-tls, upstream_model: m, priority: 5}"
	s := newGateway(t, bundle(first+", "+second))
	for _, body := range []string{chatBody, chatStream} {
		got := s.do(t, "POST", "/v1/chat/completions", body)
		require.Equal(t, 504, got.Status, got.Body)
		requireError(t, "openai", got, "timeout")
		e := s.event(t)
		require.Equal(t, "upstream_timeout", e.ErrorType)
		require.Len(t, e.LLM.Tries, 2)
		require.Equal(t, "upstream_timeout", e.LLM.Tries[0].ErrorType)
	}
	s = newGateway(t, bundle(first+", "+second+", {provider_id: well, upstream_model: m}"))
	require.Equal(t, "well", s.target(t))
}
