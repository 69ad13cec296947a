package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// The keys that the tests' bundles use, so that leaks of them can be looked for.
const (
	upstreamKey = "sk-upstream-canary-0123456789"
	virtualKey  = "vk-everything-canary-0123456789"
)

// patience is for what must happen; soon is for what must happen at once.
const (
	patience = 30 * time.Second
	soon     = time.Second
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(mcpChild); addr != "" {
		os.Exit(runMCPChild(addr))
	}
	goleak.VerifyTestMain(m)
}

// stack is a gateway behind real servers.
type stack struct {
	*gateway.Gateway
	URL      string // of the data plane
	AdminURL string // of the Admin API, "/admin" included
	client   *http.Client
	events   recorder
	log      *logText
}

// recorder is a sink whose events a test can wait for.
type recorder chan *metrics.Event

// Record implements metrics.Sink.
func (r recorder) Record(_ context.Context, e *metrics.Event) { r <- e }

// running counts the gateways of the test that is running.
var running atomic.Int32

// newGateway starts a gateway with a static bundle and ends it with the test:
// then there may be no more goroutines than before.
func newGateway(t *testing.T, bundle string, opts ...gateway.Option) *stack {
	t.Helper()
	return newStack(t, func(gw *gateway.Gateway) http.Handler { return gw },
		append([]gateway.Option{gateway.WithStaticBundle([]byte(bundle), os.LookupEnv)}, opts...)...)
}

// newStack is newGateway with a handler of the caller's around the gateway.
func newStack(t *testing.T, mount func(*gateway.Gateway) http.Handler, opts ...gateway.Option) *stack {
	t.Helper()
	before := goleak.IgnoreCurrent()
	running.Add(1)
	s := &stack{events: make(recorder, 1024), log: &logText{}, client: newClient()}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gw, err := gateway.New(append([]gateway.Option{gateway.WithSink(s.events), gateway.WithLogger(log), gateway.WithInsecureAdmin()}, opts...)...)
	require.NoError(t, err)
	s.Gateway = gw
	data, admin := httptest.NewServer(mount(gw)), httptest.NewServer(gw.Admin())
	s.URL, s.AdminURL = data.URL, admin.URL+"/admin"
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		data.Close()
		admin.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, gw.Shutdown(ctx))
		if running.Add(-1) == 0 { // the first of a test's gateways is the last to go
			require.NoError(t, goleak.Find(before), "goroutines are left after Shutdown")
		}
		for _, secret := range []string{upstreamKey, virtualKey} {
			require.NotContains(t, s.log.String(), secret, "a key is in the log")
		}
	})
	return s
}

// newClient is an HTTP client that changes as little as it can.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// event returns the next event that was recorded.
func (s *stack) event(t *testing.T) *metrics.Event {
	t.Helper()
	select {
	case e := <-s.events:
		return e
	case <-time.After(patience):
		t.Fatal("no event was recorded")
		return nil
	}
}

// answer is a response that has been read to its end.
type answer struct {
	Status int
	Header http.Header
	Body   string
	err    error // reading the body
}

// start sends a request and returns when the headers are there. Headers are
// pairs of a name and a value.
func (s *stack) start(t *testing.T, ctx context.Context, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = s.URL + path
	}
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, r)
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
		if headers[i] == "Content-Type" {
			req.Header.Set("Content-Type", headers[i+1])
		}
	}
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	return resp
}

// do makes a request and reads its answer to the end, or to where it breaks.
func (s *stack) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return read(s.start(t, ctx, method, path, body, headers...))
}

// beside makes a request while the test goes on; the answer, or why there is none, goes to
// got.
func (s *stack) beside(req *http.Request, got chan<- answer) {
	go func() {
		resp, err := s.client.Do(req)
		if err != nil {
			got <- answer{err: err}
			return
		}
		got <- read(resp)
	}()
}

func read(resp *http.Response) answer {
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	h := maps.Clone(resp.Header)
	return answer{resp.StatusCode, h, string(b), err}
}

// oneProvider is a bundle with an OpenAI and an Anthropic provider at one
// upstream, and a route to each of them on /. extra are lines of the providers.
func oneProvider(up *llmtest.Upstream, extra ...string) string {
	more := ""
	for _, line := range extra {
		more += "    " + line + "\n"
	}
	return `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
  - id: oai
    provider_type: openai
    api_key: ` + upstreamKey + `
    base_url: ` + up.URL + `/v1
` + more + `
  - id: ant
    provider_type: anthropic
    api_key: ` + upstreamKey + `
    base_url: ` + up.URL + `
` + more + `
llmRoutes:
  - id: openai
    protocol: openai
    match_policy: {path_prefix: /}
    target_policy: {provider_target: {provider_id: oai}}
  - id: anthropic
    protocol: anthropic
    match_policy: {path_prefix: /}
    target_policy: {provider_target: {provider_id: ant}}
`
}

func newUpstream(t *testing.T) *llmtest.Upstream {
	t.Helper()
	up := llmtest.NewUpstream(t)
	up.Key = upstreamKey
	return up
}

// logText is a log that several goroutines write to.
type logText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
