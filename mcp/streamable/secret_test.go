package streamable_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

const secret = "canary-credential"

// trap is a server that remembers whatever comes.
type trap struct {
	mu  sync.Mutex
	got []string
}

func (s *trap) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, fmt.Sprint(r.Method, r.URL, r.Header, string(body)))
}

// A redirect to another origin is an answer, and nothing is sent there.
func TestRedirectElsewhere(t *testing.T) {
	other := &trap{}
	elsewhere := httptest.NewServer(other)
	defer elsewhere.Close()
	for _, rt := range []http.RoundTripper{nil, &http.Transport{DisableKeepAlives: true}} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			for _, to := range []string{elsewhere.URL, elsewhere.URL + "/mcp", "//" + strings.TrimPrefix(elsewhere.URL, "http://") + "/mcp", "https://127.0.0.1/", "http://localhost:1/", ""} {
				ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if to != "" {
						w.Header().Set("Location", to)
					}
					w.WriteHeader(code)
				}))
				c := dial(t, streamable.Options{RoundTripper: rt}, mcp.Service{URL: ts.URL, Header: http.Header{"X-Api-Key": {secret}}})
				var refused *mcp.StatusError
				_, err := do(limited(t), c, modern("1", "x", `"text":"`+secret+`"`))
				require.ErrorAs(t, err, &refused)
				require.Equal(t, code, refused.Code)
				require.Empty(t, refused.Header.Get("Location"))
				require.ErrorAs(t, c.Notify(limited(t), mcp.Message{Data: []byte(`{}`)}), &refused)
				_, err = c.Listen(limited(t), "")
				require.ErrorAs(t, err, &refused)
				ts.Close()
			}
		}
	}
	require.Empty(t, other.got)
}

// One within the origin is followed when it keeps method and body, and not for ever.
func TestRedirectWithin(t *testing.T) {
	var paths []string
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		paths = append(paths, r.URL.Path)
		if r.Header.Get("X-Api-Key") != secret || r.Header.Get("Accept") == "" {
			t.Errorf("the headers of %s are %v", r.URL, r.Header)
		}
		switch r.URL.Path {
		case "/mcp":
			w.Header().Set("Location", "/mcp/")
			w.WriteHeader(307)
		case "/loop":
			w.Header().Set("Location", "http://user:password@"+r.Host+"/loop")
			w.WriteHeader(308)
		case "/see":
			w.Header().Set("Location", "/mcp/")
			w.WriteHeader(303)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"length":%d}}`, len(body))
		}
	}))
	defer ts.Close()
	open := func(path string) mcp.Conn {
		paths = nil
		return dial(t, streamable.Options{}, mcp.Service{URL: ts.URL + path, Header: http.Header{"X-Api-Key": {secret}}})
	}
	m := legacy("1", "x", "")
	list, err := do(limited(t), open("/mcp"), m)
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"result":{"length":%d}}`, len(m.Data))}, list)
	require.Equal(t, []string{"/mcp", "/mcp/"}, paths)
	for path, want := range map[string]int{"/loop": 308, "/see": 303} {
		_, err = do(limited(t), open(path), m)
		var refused *mcp.StatusError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, want, refused.Code)
		require.LessOrEqual(t, len(paths), 4)
	}
}

// Whatever goes wrong, no error tells the address, the credentials or the content.
func TestErrorsTellNoSecrets(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(&trap{})
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	defer untrusted.Close()
	plain := httptest.NewUnstartedServer(&trap{})
	plain.Config.ErrorLog = quiet
	plain.Start()
	defer plain.Close()
	host := strings.TrimPrefix(untrusted.URL, "https://")
	for name, tt := range map[string]struct {
		url, want string
		rt        http.RoundTripper
		header    string
	}{
		"nobody there":       {url: "http://127.0.0.1:1", want: "connection refused"},
		"nobody there, TLS":  {url: "https://127.0.0.1:1", want: "connection refused"},
		"no such host":       {url: "http://canary-host.invalid", want: "cannot be resolved"},
		"untrusted":          {url: "https://" + host, want: "certificate"},
		"no TLS there":       {url: strings.Replace(plain.URL, "http:", "https:", 1), want: "does not speak TLS"},
		"TLS there":          {url: "http://" + host, want: "400"},
		"impossible header":  {url: plain.URL, want: "nothing was sent", header: "a\nb"},
		"a broken transport": {url: plain.URL, want: "the exchange failed", rt: roundTrip(func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("%v %v", r.URL, r.Header) })},
		"impossible header, by net/http": {url: plain.URL, want: "nothing was sent", header: "a\nb",
			rt: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{}}},
	} {
		t.Run(name, func(t *testing.T) {
			u := strings.Replace(tt.url, "://", "://canary-user:"+secret+"@", 1) + "/canary-path?key=" + secret
			s := mcp.Service{URL: u, Header: http.Header{"X-Api-Key": {secret + tt.header}}}
			c := dial(t, streamable.Options{RoundTripper: tt.rt}, s)
			_, err := do(limited(t), c, modern("1", "x", `"text":"canary-text"`))
			require.ErrorContains(t, err, tt.want)
			for _, err := range []error{err, c.Notify(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"canary-method"}`)})} {
				require.Error(t, err)
				for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
					require.NotContains(t, text, "canary")
					require.NotContains(t, text, "127.0.0.1")
				}
			}
		})
	}
}

// The cause can be had by who looks for it.
func TestErrorCause(t *testing.T) {
	c := dial(t, streamable.Options{}, mcp.Service{URL: "http://127.0.0.1:1"})
	_, err := do(limited(t), c, modern("1", "x", ""))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	reason := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	_, err = c.Call(ctx, modern("1", "x", ""))
	require.ErrorIs(t, err, reason)
}

// A name and password in the address become what HTTP makes of them.
func TestUserInURL(t *testing.T) {
	got := &trap{}
	ts := httptest.NewServer(got)
	defer ts.Close()
	u := strings.Replace(ts.URL, "://", "://a%40b:c%3A@", 1)
	for _, h := range []http.Header{nil, {"Authorization": {"Bearer x"}}} {
		_, err := do(limited(t), dial(t, streamable.Options{}, mcp.Service{URL: u, Header: h}), modern("1", "x", ""))
		require.Error(t, err)
	}
	require.Contains(t, got.got[0], "Authorization:[Basic YUBiOmM6]")
	require.Contains(t, got.got[1], "Authorization:[Bearer x]")
	require.NotContains(t, strings.Join(got.got, ""), "a%40b")
}
