package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/admin/client"
	"github.com/agent-gateway/agent-gateway/configstore"
)

// serve starts a server that answers every request with h.
func serve(t *testing.T, h http.HandlerFunc, o client.Options) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o.Addr = s.URL + o.Addr
	c, err := client.New(o)
	require.NoError(t, err)
	return c
}

func kind(t *testing.T, name string) configstore.Kind {
	t.Helper()
	k, ok := configstore.KindByName(name)
	require.True(t, ok)
	return k
}

func TestRequests(t *testing.T) {
	ctx := t.Context()
	provider, key := kind(t, "provider"), kind(t, "virtual_key")
	tests := []struct {
		name   string
		call   func(c *client.Client) error
		want   string // method, path and query
		answer string
	}{
		{"list", func(c *client.Client) error { _, err := c.List(ctx, provider, nil); return err }, "GET /ops/admin/llm/providers", `{"items":[]}`},
		{"filter", func(c *client.Client) error {
			_, err := c.List(ctx, key, url.Values{"tag": {"a b"}})
			return err
		}, "GET /ops/admin/virtual_keys?tag=a+b", `{"items":[]}`},
		{"get", func(c *client.Client) error { _, err := c.Get(ctx, provider, "main"); return err }, "GET /ops/admin/llm/providers/main", `{}`},
		{"id in one segment", func(c *client.Client) error { _, err := c.Get(ctx, provider, "mcp:a:/b?c%"); return err }, "GET /ops/admin/llm/providers/mcp:a:%2Fb%3Fc%25", `{}`},
		{"delete", func(c *client.Client) error { _, err := c.Delete(ctx, key, "k"); return err }, "DELETE /ops/admin/virtual_keys/k", `{}`},
		{"enable", func(c *client.Client) error { _, err := c.Enable(ctx, provider, "main"); return err }, "POST /ops/admin/llm/providers/main/enable", `{}`},
		{"disable", func(c *client.Client) error { _, err := c.Disable(ctx, provider, "main"); return err }, "POST /ops/admin/llm/providers/main/disable", `{}`},
		{"usage of a key", func(c *client.Client) error { _, err := c.KeyUsage(ctx, "a b"); return err }, "GET /ops/admin/virtual_keys/a%20b/usage", `{"items":[]}`},
		{"provider types", func(c *client.Client) error { _, err := c.ProviderTypes(ctx); return err }, "GET /ops/admin/llm/provider_types", `{"items":[]}`},
		{"handler types", func(c *client.Client) error { _, err := c.APIHandlerTypes(ctx); return err }, "GET /ops/admin/llm/api_handler_types", `{"items":[]}`},
		{"metrics", func(c *client.Client) error { _, err := c.Metrics(ctx, nil); return err }, "GET /ops/admin/metrics", `{}`},
		{"events", func(c *client.Client) error {
			_, err := c.LLMEvents(ctx, url.Values{"limit": {"5"}})
			return err
		}, "GET /ops/admin/metrics/llm/events?limit=5", `{}`},
		{"MCP events", func(c *client.Client) error {
			_, err := c.MCPEvents(ctx, url.Values{"method": {"tools/call"}})
			return err
		}, "GET /ops/admin/metrics/mcp/events?method=tools%2Fcall", `{}`},
		{"apply", func(c *client.Client) error {
			_, err := c.ApplyBundle(ctx, []byte("x"), "application/yaml", false)
			return err
		}, "POST /ops/admin/bundle", `{"status":"ok"}`},
		{"dry run", func(c *client.Client) error {
			_, err := c.ApplyBundle(ctx, []byte("x"), "application/yaml", true)
			return err
		}, "POST /ops/admin/bundle?dry_run=1", `{"status":"ok"}`},
		{"export", func(c *client.Client) error { _, err := c.ExportBundle(ctx); return err }, "GET /ops/admin/bundle", "apiVersion: x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r.Method + " " + r.RequestURI
				user, password, _ := r.BasicAuth()
				if user != "admin" || password != "s:cret" || r.Header.Get("X-Team") != "blue" {
					w.WriteHeader(http.StatusUnauthorized)
				}
				io.WriteString(w, tt.answer)
			}, client.Options{Addr: "/ops/", BasicAuth: "admin:s:cret", Headers: http.Header{"X-Team": {"blue"}}})
			require.NoError(t, tt.call(c))
			require.Equal(t, tt.want, got)
		})
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	const object = `{"id":"a","z_new":12345678901234567890,"a_new":{"b":[]}}`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/a") {
			io.WriteString(w, object)
			return
		}
		io.WriteString(w, `{"items":[`+object+`]}`)
	}, client.Options{})
	one, err := c.Get(t.Context(), kind(t, "provider"), "a")
	require.NoError(t, err)
	require.Equal(t, object, string(one))
	all, err := c.List(t.Context(), kind(t, "provider"), nil)
	require.NoError(t, err)
	require.Equal(t, []json.RawMessage{json.RawMessage(object)}, all)
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		body      string
		basicAuth string
		want      client.Error // without its hint
		text      string
	}{
		{"with a field", 400, `{"error":"is not a URL","field":"base_url"}`, "", client.Error{Status: 400, Message: "is not a URL", Field: "base_url"}, "base_url: is not a URL"},
		{"field in the text", 400, `{"error":"base_url is not a URL","field":"base_url"}`, "", client.Error{Status: 400, Message: "base_url is not a URL", Field: "base_url"}, "base_url is not a URL"},
		{"unknown id", 404, `{"error":"there is no provider x"}`, "", client.Error{Status: 404, Message: "there is no provider x"}, "there is no provider x"},
		{"no credentials", 401, `{"error":"unauthorized"}`, "", client.Error{Status: 401, Message: "unauthorized"}, "unauthorized: set AGW_ADMIN_BASIC_AUTH=user:password or --admin-basic-auth"},
		{"wrong credentials", 401, `nothing`, "admin:hunter22", client.Error{Status: 401}, "the Admin API answered 401 Unauthorized: the credentials are wrong: check AGW_ADMIN_BASIC_AUTH or --admin-basic-auth"},
		{"a proxy's page", 502, `<html>`, "", client.Error{Status: 502}, "the Admin API answered 502 Bad Gateway"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			}, client.Options{BasicAuth: tt.basicAuth})
			_, err := c.Get(t.Context(), kind(t, "provider"), "x")
			var e *client.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.want, client.Error{Status: e.Status, Message: e.Message, Field: e.Field})
			require.Equal(t, tt.text, err.Error())
		})
	}
}

func TestForeignAnswers(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/admin/virtual_keys":
			io.WriteString(w, `{"data":[]}`)
		default:
			io.WriteString(w, "<html>welcome</html>")
		}
	}, client.Options{})
	_, getErr := c.Get(t.Context(), kind(t, "provider"), "x")
	_, listErr := c.List(t.Context(), kind(t, "virtual_key"), nil)
	_, applyErr := c.ApplyBundle(t.Context(), nil, "application/json", false)
	_, exportErr := c.ExportBundle(t.Context())
	for _, err := range []error{getErr, listErr, applyErr, exportErr} {
		require.ErrorContains(t, err, "is not the Admin API's")
		require.ErrorContains(t, err, "AGW_ADMIN_ADDR")
	}
}

func TestReportComesWithAnyStatus(t *testing.T) {
	for _, status := range []int{200, 400, 409, 422} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, `{"status":"error","actions":[{"kind":"provider","id":"a","action":"error","error":"no"}],"counts":{"error":1}}`)
		}, client.Options{})
		report, err := c.ApplyBundle(t.Context(), []byte("{}"), "application/json", false)
		require.NoError(t, err)
		require.Equal(t, client.Report{Status: "error", Actions: []client.Action{{Kind: "provider", ID: "a", Action: "error", Error: "no"}}, Counts: client.Counts{Error: 1}}, report)
	}
}

func TestAnErrorIsNoReport(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"error":"foreign origin"}`)
	}, client.Options{})
	_, err := c.ApplyBundle(t.Context(), []byte("{}"), "application/json", false)
	require.EqualError(t, err, "foreign origin")
}

func TestNoServer(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	c, err := client.New(client.Options{Addr: s.URL, BasicAuth: "admin:hunter22"})
	require.NoError(t, err)
	_, err = c.Metrics(t.Context(), nil)
	var refused *client.ConnectError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.EqualError(t, err, "cannot reach the Admin API at "+s.URL+": is agwd running? Set AGW_ADMIN_ADDR or --admin-addr")
}

func TestTimeoutAndCancellation(t *testing.T) {
	release := make(chan struct{})
	hang := func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("{"))
		w.(http.Flusher).Flush()
		<-release
	}
	slow := serve(t, hang, client.Options{Timeout: 20 * time.Millisecond})
	patient := serve(t, hang, client.Options{})
	t.Cleanup(func() { close(release) }) // before the servers close

	_, err := slow.Metrics(t.Context(), nil)
	require.ErrorContains(t, err, "did not answer within 20ms")

	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	time.AfterFunc(20*time.Millisecond, func() { cancel(stopped) })
	_, err = patient.Metrics(ctx, nil)
	require.ErrorIs(t, err, stopped)
}

func TestRedirectsCarryNothing(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/admin/metrics?token=abc", status)
		}, client.Options{BasicAuth: "admin:hunter22", HTTPClient: &http.Client{}})
		_, err := c.Metrics(t.Context(), nil)
		require.ErrorContains(t, err, "redirects to "+other.URL+",")
		require.NotContains(t, err.Error(), "token")
	}
	require.False(t, reached)
}

func TestAnswersAreBounded(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 1<<20)
		for range 80 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}, client.Options{})
	_, err := c.Metrics(t.Context(), nil)
	require.ErrorContains(t, err, "larger than 64 MiB")
}

func TestAnEmptyIDNeverReachesTheCollection(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }, client.Options{})
	_, err := c.Delete(t.Context(), kind(t, "provider"), "")
	require.EqualError(t, err, "the id of the provider is empty")
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name    string
		options client.Options
		addr    string
		err     string
	}{
		{"nothing", client.Options{}, "http://localhost:8019", ""},
		{"host and port", client.Options{Addr: "localhost:9"}, "http://localhost:9", ""},
		{"a path", client.Options{Addr: "https://h/gate%20way/"}, "https://h/gate%20way", ""},
		{"another scheme", client.Options{Addr: "ftp://hunter22@h"}, "", "is not a URL"},
		{"no URL", client.Options{Addr: "http://hunter22 h:x"}, "", "is not a URL"},
		{"a password in the URL", client.Options{Addr: "http://admin:hunter22@h"}, "", "must not carry a user or a password"},
		{"a query", client.Options{Addr: "http://h?x=hunter22"}, "", "must not carry a query"},
		{"no user", client.Options{BasicAuth: "hunter22"}, "", "must be user:password"},
		{"a header of two lines", client.Options{Headers: http.Header{"X-A": {"hunter22\r\nX-B: c"}}}, "", "line break"},
		{"a negative timeout", client.Options{Timeout: -1}, "", "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := client.New(tt.options)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				require.NotContains(t, err.Error(), "hunter22")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.addr, c.Addr())
		})
	}
}

func TestAGivenAuthorizationGoesFirst(t *testing.T) {
	var got string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		io.WriteString(w, "{}")
	}, client.Options{BasicAuth: "a:b", Headers: http.Header{"Authorization": {"Bearer t"}}})
	_, err := c.Metrics(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "Bearer t", got)
}
