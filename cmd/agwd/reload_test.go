package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// TestReloadUnderLoad changes the configuration, well and badly, while requests
// run. None of them notices.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	p := setup{}.start(t)
	p.apply(bundleFor(up.URL))
	var answered, failed atomic.Int64
	load, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for load.Err() == nil {
				r, err := try("POST", p.data+"/v1/chat/completions", question("hello"), "Authorization: Bearer "+everyKey)
				if answered.Add(1); (err != nil || r.status != 200) && failed.Add(1) == 1 {
					t.Errorf("%v %d %s", err, r.status, r.body)
				}
			}
		})
	}
	for n := range 20 {
		provider := fmt.Sprintf(`{"provider_type":"openai","base_url":"%s/v1","default_model":"gpt-test-%d"}`, up.URL, n)
		require.Equal(t, 200, p.askAdmin("PUT", "llm/providers/up-openai", provider).status)
		for path, body := range map[string]string{
			"llm/providers/up-openai": `{"provider_type":"opanai"}`,
			"llm/routes/chat":         `{"protocol":"openai","match_policy":{"path_prefix":"/"},"target_policy":{"provider_target":{"provider_id":"none"}}}`,
			"virtual_keys/every":      `{"allowed_route_ids":["none"]}`,
		} {
			r := p.askAdmin("PUT", path, body)
			require.GreaterOrEqual(t, r.status, 400, path)
			require.Less(t, r.status, 500, r.body)
		}
		require.Equal(t, 409, p.askAdmin("DELETE", "llm/providers/up-openai", "").status)
		bad := strings.Replace(bundleFor(up.URL), "id: off", "id: off2", 1) // two routes for the same requests
		require.Equal(t, 400, p.askAdmin("POST", "bundle", bad, "Content-Type: application/yaml").status)
	}
	stop()
	all.Wait()
	require.Zero(t, failed.Load())
	require.Positive(t, answered.Load())
	require.Equal(t, 200, p.askAdmin("GET", "ready", "").status)
	require.Equal(t, "gpt-test-19", p.askAdmin("GET", "llm/providers/up-openai", "").get("default_model").Str)
	require.Equal(t, "sk-upstream", strings.TrimPrefix(up.Last().Header.Get("Authorization"), "Bearer "), "a key that a PUT leaves out stays")
}

// TestForeignChange: another daemon commits what this one cannot serve. It goes
// on with what it has, says so, and recovers.
func TestForeignChange(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	dir := t.TempDir()
	env := []string{"AGW_MASTER_KEY=" + masterKeyText}
	all := setup{dir: dir, env: env}.start(t)
	whole := bundleFor(up.URL)
	begin, end := strings.Index(whole, "  - id: messages"), strings.Index(whole, "  - id: open")
	openAIOnly := strings.Replace(whole[:begin]+whole[end:], "  - {id: up-anthropic", "  # - {", 1)
	all.apply(openAIOnly)
	some := setup{dir: dir, env: env, args: []string{"--provider-type", "openai"}}.start(t)
	require.Equal(t, 200, some.chat(everyKey, "hello").status)

	require.Equal(t, 201, all.askAdmin("POST", "llm/providers", `{"id":"echo","provider_type":"echo"}`).status)
	eventually(t, "the daemon to see what it cannot serve", func() bool { return some.askAdmin("GET", "ready", "").status == 503 })
	r := some.askAdmin("GET", "ready", "")
	require.Equal(t, "stale", r.get("status").Str)
	require.Contains(t, r.body, `provider echo: provider_type is \"echo\"; this gateway has openai`)
	require.Equal(t, 200, some.chat(everyKey, "hello").status)
	require.Contains(t, some.stderr.String(), "the last good one goes on")

	require.Equal(t, 200, all.askAdmin("DELETE", "llm/providers/echo", "").status)
	eventually(t, "the daemon to recover", func() bool { return some.askAdmin("GET", "ready", "").status == 200 })
}

// unservable starts a daemon on a store with a provider whose type it does not
// have.
func unservable(t *testing.T, bundle string) *process {
	t.Helper()
	dir := t.TempDir()
	p := setup{dir: dir}.start(t)
	p.apply(bundle)
	require.Zero(t, p.terminate())
	p = setup{dir: dir, args: []string{"--provider-type", "openai"}}.start(t)
	r := p.askAdmin("GET", "ready", "")
	require.Equal(t, 503, r.status)
	require.Equal(t, "not_ready", r.get("status").Str)
	require.Contains(t, r.body, `provider_type is \"anthropic\"; this gateway has openai`)
	require.Equal(t, 200, p.askAdmin("GET", "health", "").status)
	require.Equal(t, 503, p.chat(everyKey, "hello").status)
	require.Contains(t, p.stderr.String(), "mend it through the Admin API")
	return p
}

// TestMending: a stored set that does not compile leaves the Admin API up, and
// each way to mend it works.
func TestMending(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	for _, tt := range []struct {
		name  string
		steps [][3]string // method, path, body
	}{
		{"change the provider and its route", [][3]string{
			{"PUT", "llm/routes/messages", `{"protocol":"openai","match_policy":{"path_prefix":"/messages"},"target_policy":{"provider_target":{"provider_id":"up-openai"}}}`},
			{"DELETE", "llm/providers/up-anthropic", ""},
		}},
		{"delete the route, then its provider", [][3]string{
			{"DELETE", "llm/routes/messages", ""},
			{"DELETE", "llm/providers/up-anthropic", ""},
		}},
		{"one bundle", [][3]string{
			{"POST", "bundle", strings.NewReplacer("provider_type: anthropic", "provider_type: openai", "protocol: anthropic\n    match_policy: {path_prefix: /}", "protocol: openai\n    match_policy: {path_prefix: /messages}").Replace(bundleFor(up.URL))},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := unservable(t, bundleFor(up.URL))
			for _, step := range tt.steps {
				kind := "Content-Type: application/json"
				if step[1] == "bundle" {
					kind = "Content-Type: application/yaml"
				}
				r := p.askAdmin(step[0], step[1], step[2], kind)
				require.Equal(t, 200, r.status, "%s %s: %s", step[0], step[1], r.body)
			}
			require.Equal(t, 200, p.askAdmin("GET", "ready", "").status)
			require.Equal(t, 200, p.chat(everyKey, "hello").status)
		})
	}
}
