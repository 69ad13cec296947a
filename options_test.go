package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/llm"
)

func newRequest(ctx context.Context, url, body string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

// closing is a provider that remembers that it was closed.
type closing struct{ closed bool }

func (c *closing) Native(op llm.Operation, _ string) []llm.Operation { return []llm.Operation{op} }

func (c *closing) Send(context.Context, *llm.Call) (*llm.Response, error) {
	return llm.JSONResponse(200, []byte(`{"mine":true}`)), nil
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// persistent is a store that does not say that it forgets.
type persistent struct{ configstore.Store }

// Options that do not fit are refused, each with its name, all at once.
func TestOptionsAreValidated(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []gateway.Option
		says []string
	}{
		"nil store":            {[]gateway.Option{gateway.WithStore(nil)}, []string{"WithStore"}},
		"persistent, no key":   {[]gateway.Option{gateway.WithStore(persistent{configstore.NewMemory()})}, []string{"WithMasterKey"}},
		"short key":            {[]gateway.Option{gateway.WithMasterKey([]byte("short"))}, []string{"WithMasterKey", "5 bytes", "32"}},
		"nil provider":         {[]gateway.Option{gateway.WithProvider("x", nil)}, []string{"WithProvider"}},
		"provider twice":       {[]gateway.Option{gateway.WithProvider("x", &closing{}), gateway.WithProvider("x", &closing{})}, []string{"provider x", "twice"}},
		"unknown type":         {[]gateway.Option{gateway.WithProviderTypes("opnai")}, []string{`"opnai"`, "openai"}},
		"type named custom":    {[]gateway.Option{gateway.WithProviderType("custom", func(llm.Config) (llm.Provider, error) { return nil, nil })}, []string{"custom"}},
		"bad origin":           {[]gateway.Option{gateway.WithAdminOrigins("example.org")}, []string{"WithAdminOrigins", "example.org"}},
		"negative limit":       {[]gateway.Option{gateway.WithLimits(gateway.Limits{Event: -1})}, []string{"WithLimits"}},
		"negative depth":       {[]gateway.Option{gateway.WithMaxAgentDepth(-1)}, []string{"WithMaxAgentDepth"}},
		"several":              {[]gateway.Option{gateway.WithLogger(nil), gateway.WithClock(nil), gateway.WithSink(nil), gateway.WithEventWriter(nil), gateway.WithAdminAuth(nil)}, []string{"WithLogger", "WithClock", "WithSink", "WithEventWriter", "WithAdminAuth"}},
		"faulty static":        {[]gateway.Option{gateway.WithStatic(&configstore.Provider{ID: "p"})}, []string{"provider p", "provider_type"}},
		"static twice":         {[]gateway.Option{gateway.WithStatic(&configstore.Provider{ID: "p", ProviderType: "echo"}, &configstore.Provider{ID: "p", ProviderType: "echo"})}, []string{"provider p", "twice"}},
		"bundle with faults":   {[]gateway.Option{gateway.WithStaticBundle([]byte("apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nproviders:\n  - {id: p, provider_typ: x}\n  - {id: q}\n"), nil)}, []string{"line 4", "provider_type", "line 5"}},
		"bundle, missing name": {[]gateway.Option{gateway.WithStaticBundle([]byte("apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nproviders:\n  - {id: p, provider_type: echo, api_key: '${NOT_THERE}'}\n"), func(string) (string, bool) { return "", false })}, []string{"NOT_THERE"}},
	} {
		_, err := gateway.New(tt.opts...)
		require.Error(t, err, name)
		require.True(t, strings.HasPrefix(err.Error(), "gateway: "), err)
		for _, say := range tt.says {
			require.Contains(t, err.Error(), say, name)
		}
	}
}

// A store that another master key sealed is refused, rather than misread.
func TestWrongMasterKey(t *testing.T) {
	store := configstore.NewMemory()
	t.Cleanup(func() { _ = store.Close() })
	first, err := gateway.New(gateway.WithStore(store), gateway.WithMasterKey([]byte(strings.Repeat("a", 32))))
	require.NoError(t, err)
	require.NoError(t, first.Shutdown(t.Context()))
	_, err = gateway.New(gateway.WithStore(store), gateway.WithMasterKey([]byte(strings.Repeat("b", 32))))
	require.ErrorContains(t, err, "master key")
	again, err := gateway.New(gateway.WithStore(store), gateway.WithMasterKey([]byte(strings.Repeat("a", 32))))
	require.NoError(t, err)
	require.NoError(t, again.Shutdown(t.Context()))
}

// What is stored survives the gateway, and secrets are sealed in it.
func TestStoreKeepsEverything(t *testing.T) {
	store := configstore.NewMemory()
	t.Cleanup(func() { _ = store.Close() })
	key := gateway.WithMasterKey([]byte(strings.Repeat("a", 32)))
	secret := ""
	t.Run("first", func(t *testing.T) {
		s := newAdmin(t, gateway.WithStore(store), key)
		createAll(t, s)
		secret = s.VirtualKey("k")
	})
	snap, err := store.Load(t.Context())
	require.NoError(t, err)
	for _, r := range snap.Records {
		for _, plain := range []string{"sk-secret-1", "sk-secret-2", "secret-a", secret} {
			require.NotContains(t, string(r.Data), plain, r.Kind)
		}
	}
	s := newAdmin(t, gateway.WithStore(store), key)
	require.Equal(t, secret, s.VirtualKey("k"))
	for _, k := range adminKinds {
		s.admin(t, 200, "GET", k.path+"/"+k.id, "")
	}
}

// A stored set that this gateway cannot serve leaves the Admin API up to mend it.
func TestStoredSetDoesNotCompile(t *testing.T) {
	store := configstore.NewMemory()
	t.Cleanup(func() { _ = store.Close() })
	t.Run("first", func(t *testing.T) {
		s := newAdmin(t, gateway.WithStore(store), gateway.WithMasterKey([]byte(strings.Repeat("a", 32))), gateway.WithProviderType("mine", func(llm.Config) (llm.Provider, error) { return &closing{}, nil }))
		s.admin(t, 201, "POST", "/llm/providers", `{"id":"p","provider_type":"mine"}`)
		s.admin(t, 201, "POST", "/llm/providers", `{"id":"q","provider_type":"mine"}`)
		s.admin(t, 201, "POST", "/llm/routes", `{"id":"r","protocol":"openai","match_policy":{"path_prefix":"/"},"target_policy":{"provider_target":{"provider_id":"p"}}}`)
	})
	s := newAdmin(t, gateway.WithStore(store), gateway.WithMasterKey([]byte(strings.Repeat("a", 32))))
	require.ErrorContains(t, s.Ready(), "provider p")
	got := s.do(t, "POST", "/v1/chat/completions", chatBody)
	require.Equal(t, 503, got.Status)
	requireError(t, "openai", got, "server_error")
	ready := s.admin(t, 503, "GET", "/ready", "")
	require.Equal(t, "not_ready", ready.Get("status").Str)
	require.Len(t, ready.Get("problems").Array(), 2)
	s.admin(t, 200, "PUT", "/llm/providers/p", `{"id":"p","provider_type":"echo"}`)
	require.Error(t, s.Ready())
	s.admin(t, 200, "DELETE", "/llm/providers/q", "")
	require.NoError(t, s.Ready())
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	s.event(t)
}

// A provider of the embedder's is used like any other, its errors too.
func TestWithProvider(t *testing.T) {
	p := &scripted{}
	s := newAdmin(t, gateway.WithProvider("mine", p))
	s.admin(t, 201, "POST", "/llm/routes", `{"id":"r","protocol":"openai","match_policy":{"path_prefix":"/"},"target_policy":{"provider_target":{"provider_id":"mine"}}}`)
	require.Equal(t, "static", s.admin(t, 200, "GET", "/llm/providers/mine", "").Get("source").Str)
	require.NotContains(t, s.do(t, "GET", s.AdminURL+"/bundle", "").Body, "custom", "code made it; no bundle can")
	for _, tt := range []struct {
		err    error
		status int
		says   string
	}{
		{nil, 200, "mine"},
		{llm.Errorf(llm.CodeModelNotFound, "there is no such model"), 404, "there is no such model"},
		{&llm.Error{Code: llm.CodeOverloaded, Message: "later"}, 503, "later"},
		{io.ErrUnexpectedEOF, 500, "log has the cause"},
	} {
		p.err = tt.err
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, tt.status, got.Status)
		require.Contains(t, got.Body, tt.says)
		s.event(t)
	}
}

type scripted struct {
	closing
	err error
}

func (s *scripted) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	if s.err != nil {
		return nil, s.err
	}
	return s.closing.Send(ctx, call)
}
