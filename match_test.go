package gateway_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// route is one line of a bundle.
func route(id, protocol, match string, more ...string) string {
	provider := map[string]string{"openai": "oai", "anthropic": "ant"}[protocol]
	return "  - {id: " + id + ", protocol: " + protocol + ", match_policy: {" + match + "}, target_policy: {provider_target: {provider_id: " + provider + "}}" + strings.Join(append([]string{""}, more...), ", ") + "}\n"
}

// withRoutes is a bundle with the providers of oneProvider and these routes.
func withRoutes(up *llmtest.Upstream, routes ...string) string {
	providers, _, _ := strings.Cut(oneProvider(up), "llmRoutes:")
	return providers + "llmRoutes:\n" + strings.Join(routes, "")
}

func TestMatch(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, withRoutes(up,
		route("any", "openai", "path_prefix: /"),
		route("any-anthropic", "anthropic", "path_prefix: /"),
		route("team", "openai", "path_prefix: /team"),
		route("team-a", "openai", "path_prefix: /team/a/"),
		route("off", "openai", "path_prefix: /team/off", "disabled: true"),
		route("host", "openai", "path_prefix: /, host: Api.Example.org"),
		route("wild", "openai", "path_prefix: /, host: '*.example.org'"),
		route("wilder", "openai", "path_prefix: /, host: '*.eu.example.org'"),
		route("host-team", "openai", "path_prefix: /team, host: api.example.org"),
		route("get", "openai", "path_prefix: /methods, methods: [get]"),
		route("post", "openai", "path_prefix: /methods, methods: [POST]"),
		route("only-post", "openai", "path_prefix: /team/only-post, methods: [POST]"),
		route("only-anthropic", "anthropic", "path_prefix: /claude"),
		route("spaced", "openai", "path_prefix: '/with space/ü'"),
	))
	const chat = "/v1/chat/completions"
	tests := []struct {
		method, host, path string
		route              string // "" none
		status             int    // when not 200
		headers            []string
	}{
		{"POST", "", chat, "any", 0, nil},
		{"POST", "", "/chat/completions", "any", 0, nil},
		{"POST", "", "/v1/messages", "any-anthropic", 0, nil},
		{"POST", "", "/messages", "", 404, nil}, // Anthropic's /v1 is not optional
		{"POST", "", "/team" + chat, "team", 0, nil},
		{"POST", "", "/team/chat/completions", "team", 0, nil},
		{"POST", "", "/teams" + chat, "", 404, nil}, // whole segments
		{"POST", "", "/team/a" + chat, "team-a", 0, nil},
		{"POST", "", "/team/ab" + chat, "", 404, nil},
		{"POST", "", "/team/off" + chat, "off", 403, nil},
		{"GET", "", "/team/off/v1/models", "off", 403, nil},
		{"POST", "api.example.org", chat, "host", 0, nil},
		{"POST", "API.example.ORG:8443", chat, "host", 0, nil},
		{"POST", "api.example.org.", chat, "host", 0, nil},
		{"POST", "b.example.org", chat, "wild", 0, nil},
		{"POST", "a.b.example.org", chat, "wild", 0, nil},
		{"POST", "a.eu.example.org", chat, "wilder", 0, nil},
		{"POST", "example.org", chat, "any", 0, nil}, // the wildcard takes subdomains only
		{"POST", "notexample.org", chat, "any", 0, nil},
		{"POST", "b.example.org", "/team" + chat, "team", 0, nil}, // the prefix comes before the host
		{"POST", "api.example.org", "/team" + chat, "host-team", 0, nil},
		{"POST", "api.example.org", "/v1/messages", "any-anthropic", 0, nil}, // the endpoint decides
		{"GET", "", "/methods/v1/models", "get", 0, nil},
		{"POST", "", "/methods" + chat, "post", 0, nil},
		{"POST", "", "/team/only-post" + chat, "only-post", 0, nil},
		{"GET", "", "/team/only-post/v1/models", "", 404, nil},
		{"POST", "", "/claude/v1/messages", "only-anthropic", 0, nil},
		{"POST", "", "/claude" + chat, "", 404, nil},
		{"POST", "", "/with%20space/%C3%BC" + chat, "spaced", 0, nil},
		// Paths that both protocols have.
		{"GET", "", "/v1/models", "any", 0, nil},
		{"GET", "", "/v1/models", "any-anthropic", 0, []string{"Anthropic-Version", "2023-06-01"}},
		{"GET", "", "/v1/files", "any", 0, nil},
		{"GET", "", "/v1/files", "any-anthropic", 0, []string{"Anthropic-Version", "2023-06-01"}},
		{"GET", "", "/claude/v1/models", "only-anthropic", 0, nil}, // there is no other
		{"GET", "", "/team/v1/models", "team", 0, []string{"Anthropic-Version", "2023-06-01"}},
		// Nothing.
		{"GET", "", "/", "", 404, nil},
		{"GET", "", "/v1", "", 404, nil},
		{"GET", "", "/v1/", "", 404, nil},
		{"GET", "", "/team", "", 404, nil},
		{"POST", "", "/v1/unknown", "", 404, nil},
		{"POST", "", "/v1/chat/completions/", "", 404, nil},
		{"POST", "", "/v2/chat/completions", "", 404, nil},
		{"POST", "", "/V1/chat/completions", "", 404, nil},
		// Known paths, other methods.
		{"GET", "", chat, "", 405, nil},
		{"PUT", "", chat, "", 405, nil},
		{"OPTIONS", "", chat, "", 405, nil},
		{"POST", "", "/v1/models", "", 405, nil},
		{"PATCH", "", "/v1/messages", "", 405, nil},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.host+" "+strings.ReplaceAll(tt.path, "/", "∕"), func(t *testing.T) {
			up.Reset()
			body := ""
			switch {
			case tt.method == "POST" && strings.HasSuffix(tt.path, "messages"):
				body = messageBody
			case tt.method == "POST" || tt.method == "PUT":
				body = chatBody
			}
			headers := tt.headers
			if tt.host != "" {
				headers = append(headers, "Host", tt.host)
			}
			got := s.do(t, tt.method, tt.path, body, headers...)
			want := tt.status
			if want == 0 {
				want = 200
			}
			require.Equal(t, want, got.Status, got.Body)
			if tt.route == "" {
				require.Empty(t, s.events, "what has no route leaves no event")
			} else {
				require.Equal(t, tt.route, s.event(t).RouteID)
			}
			if want == 200 {
				require.Equal(t, 1, up.Count())
				return
			}
			require.Zero(t, up.Count())
			protocol, kind := "openai", "invalid_request_error"
			if strings.HasSuffix(tt.path, "/messages") {
				protocol = "anthropic"
			}
			switch {
			case want == 403:
				kind = "permission_error"
			case want == 404 && protocol == "anthropic":
				kind = "not_found_error"
			}
			requireError(t, protocol, got, kind)
			require.Equal(t, want == 405, got.Header.Get("Allow") != "", "405 says what is allowed")
		})
	}
}

func TestAllow(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for path, want := range map[string]string{"/v1/files": "GET, POST", "/v1/files/f": "DELETE, GET", "/v1/chat/completions": "POST", "/v1/messages/batches": "GET, POST"} {
		got := s.do(t, "PATCH", path, "")
		require.Equal(t, 405, got.Status, path)
		require.Equal(t, want, got.Header.Get("Allow"), path)
	}
}

// rawRequest sends a request line as it is.
func rawRequest(t *testing.T, s *stack, line string) string {
	t.Helper()
	conn, err := net.Dial("tcp", host(s.URL))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, line+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	require.NoError(t, err)
	b, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(b)
}

// Whatever is tried with dots and escapes, the upstream sees no path but one of
// the endpoint's.
func TestPathTricks(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, withRoutes(up, route("o", "openai", "path_prefix: /"), route("a", "anthropic", "path_prefix: /"), route("p", "openai", "path_prefix: /p")))
	for _, path := range []string{
		"/v1/files/..%2f..%2fadmin", "/v1/files/%2e%2e", "/v1/files/..", "/v1/files/.", "/v1/files/%2e", "/v1/files/../chat", "/v1/files/a/../../admin",
		"/v1/responses/%2e%2e", "/v1/responses/%2e%2e/input_items", "/v1/responses/..%2Fadmin", "/v1/responses/..%5cadmin", "/v1/responses/a%2f..%2f..%2fb",
		"/v1/models/%2e%2e", "/v1/models/a/../b", "/v1/models/a/%2e%2e/b", "/v1/models/a//b", "/v1/models/", "/v1/models/..%2Ffiles",
		"/v1/files/a%00b", "/v1/files/a%0d%0ab", "/v1/files/a%3fb=c", "/v1/files/a%23b", "/v1/files/%7f",
		"/v1/../v1/files", "/v1//files", "//v1/files", "/v1/./files", "/p/../v1/files", "/p/%2e%2e/v1/files", "/p%2fv1/files", "/%70/v1/files", "/v1%2ffiles",
		"/v1/messages/batches/..%2f..%2ffiles", "/v1/messages/batches/%2e%2e/results",
	} {
		up.Reset()
		got := rawRequest(t, s, "GET "+path)
		require.Regexp(t, `^HTTP/1\.1 (404|400|405) `, got, path)
		require.Zero(t, up.Count(), path)
	}
	for path, want := range map[string]string{
		"/v1/files/a%2Fb":           "/v1/files/a%2Fb",
		"/v1/files/a%252e%252e":     "/v1/files/a%252e%252e",
		"/v1/files/...":             "/v1/files/...",
		"/v1/files/a..b":            "/v1/files/a..b",
		"/v1/models/org/model%3A1":  "/v1/models/org/model%3A1",
		"/v1/models/a%20%C3%BC":     "/v1/models/a%20%C3%BC",
		"/p/v1/models/m;v=1":        "/v1/models/m;v=1",
		"/v1/responses/r@x,y+z&a=b": "/v1/responses/r@x,y+z&a=b",
	} {
		up.Reset()
		rawRequest(t, s, "GET "+path)
		require.Equal(t, want, up.Last().Path, path)
		s.event(t)
	}
}

// The gateway works wherever it is mounted.
func TestMounted(t *testing.T) {
	mounts := map[string]func(http.Handler) http.Handler{
		"StripPrefix": func(gw http.Handler) http.Handler { return http.StripPrefix("/ai", gw) },
		"ServeMux": func(gw http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/ai/", http.StripPrefix("/ai", gw))
			return mux
		},
		"chi": func(gw http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Mount("/ai", http.StripPrefix("/ai", gw))
			return r
		},
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			up := newUpstream(t)
			s := newStack(t, func(gw *gateway.Gateway) http.Handler { return mount(gw) }, gateway.WithStaticBundle([]byte(oneProvider(up)), nil))
			got := s.do(t, "POST", "/ai/v1/chat/completions", chatStream)
			require.Equal(t, 200, got.Status)
			require.Contains(t, got.Body, "[DONE]")
			s.do(t, "GET", "/ai/v1/files/a%2Fb", "")
			require.Equal(t, "/v1/files/a%2Fb", up.Last().Path)
			require.Equal(t, 404, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
			s.event(t)
			s.event(t)
		})
	}
}

// A dispatcher takes what its protocols' routes take, and nothing else.
func TestDispatcher(t *testing.T) {
	up := newUpstream(t)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.URL.Path+" "+string(b))
	})
	bundle := withRoutes(up, route("o", "openai", "path_prefix: /"), route("a", "anthropic", "path_prefix: /"), route("off", "openai", "path_prefix: /off", "disabled: true"))
	s := newStack(t, func(gw *gateway.Gateway) http.Handler { return gw.Dispatcher(next, gateway.OpenAI) }, gateway.WithStaticBundle([]byte(bundle), nil))
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	s.event(t)
	got := s.do(t, "POST", "/v1/messages", messageBody)
	require.Equal(t, http.StatusTeapot, got.Status)
	require.Equal(t, "/v1/messages "+messageBody, got.Body)
	require.NotContains(t, got.Header, "X-Request-Id", "what is not the gateway's is not touched")
	require.Equal(t, http.StatusTeapot, s.do(t, "GET", "/index.html", "").Status)
	require.Equal(t, http.StatusTeapot, s.do(t, "GET", "/v1/chat/completions", "").Status)
	require.Equal(t, 403, s.do(t, "POST", "/off/v1/chat/completions", chatBody).Status, "a disabled route does not fall through")
	s.event(t)

	all := newStack(t, func(gw *gateway.Gateway) http.Handler { return gw.Dispatcher(nil) }, gateway.WithStaticBundle([]byte(bundle), nil))
	require.Equal(t, 200, all.do(t, "POST", "/v1/messages", messageBody).Status)
	require.Equal(t, 404, all.do(t, "GET", "/index.html", "").Status)
	all.event(t)
}

// Without a route there is no gateway, but an answer that says so.
func TestEmptyGateway(t *testing.T) {
	s := newStack(t, func(gw *gateway.Gateway) http.Handler { return gw })
	require.NoError(t, s.Ready())
	requireError(t, "openai", s.do(t, "POST", "/v1/chat/completions", chatBody), "invalid_request_error")
	requireError(t, "anthropic", s.do(t, "POST", "/v1/messages", messageBody), "not_found_error")
}
