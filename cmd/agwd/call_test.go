package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// client follows no redirects. It keeps connections, as callers do: net/http's
// server resets one that is not kept before its 413 has been read.
var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// reply is an answer that has been read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) get(path string) gjson.Result { return gjson.Get(r.body, path) }

// call makes a request. Headers are "Name: value"; those of one name add up.
func call(t testing.TB, method, url, body string, headers ...string) reply {
	t.Helper()
	r, err := try(method, url, body, headers...)
	require.NoError(t, err)
	return r
}

func try(method, url, body string, headers ...string) (reply, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			req.Host = value
		}
		if name == "Content-Type" {
			req.Header.Del(name)
		}
		req.Header.Add(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}, err
}

// askAdmin calls the Admin API: path is what follows /admin/.
func (p *process) askAdmin(method, path, body string, headers ...string) reply {
	p.t.Helper()
	req, err := http.NewRequest(method, p.admin+"/admin/"+path, strings.NewReader(body))
	require.NoError(p.t, err)
	if p.user != "" {
		req.SetBasicAuth(p.user, p.password)
		headers = append(headers, "Authorization: "+req.Header.Get("Authorization"))
	}
	return call(p.t, method, p.admin+"/admin/"+path, body, headers...)
}

// apply applies a bundle, which must be accepted.
func (p *process) apply(bundle string) {
	p.t.Helper()
	r := p.askAdmin("POST", "bundle", bundle, "Content-Type: application/yaml")
	require.Equal(p.t, 200, r.status, r.body)
}

// chat asks for a completion with a virtual key.
func (p *process) chat(key, prompt string) reply {
	p.t.Helper()
	return call(p.t, "POST", p.data+"/v1/chat/completions", question(prompt), "Authorization: Bearer "+key)
}

func question(prompt string) string {
	return fmt.Sprintf(`{"model":"gpt-test","messages":[{"role":"user","content":%q}]}`, prompt)
}

// stored counts the events that are stored.
func (p *process) stored() int {
	p.t.Helper()
	r := p.askAdmin("GET", "metrics", "")
	require.Equal(p.t, 200, r.status, r.body)
	return int(r.get("llm.request_count").Int())
}

// eventually polls until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// everyKey may use every route of the bundle below.
const everyKey = "vk-for-every-route-0123456789"

// bundleFor is a gateway before an upstream: both protocols at the root, a route
// that needs no key, a disabled one, and a key.
func bundleFor(upstream string) string {
	return strings.NewReplacer("UPSTREAM", upstream, "KEY", everyKey).Replace(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
  - {id: up-openai, provider_type: openai, api_key: sk-upstream, base_url: UPSTREAM/v1, default_model: gpt-test}
  - {id: up-anthropic, provider_type: anthropic, api_key: sk-upstream, base_url: UPSTREAM, default_model: claude-test}
llmRoutes:
  - id: chat
    protocol: openai
    match_policy: {path_prefix: /}
    auth_policy: {require_virtual_key: true}
    target_policy: {provider_target: {provider_id: up-openai}}
  - id: messages
    protocol: anthropic
    match_policy: {path_prefix: /}
    auth_policy: {require_virtual_key: true}
    target_policy: {provider_target: {provider_id: up-anthropic}}
  - id: open
    protocol: openai
    match_policy: {path_prefix: /open}
    target_policy: {provider_target: {provider_id: up-openai}}
  - id: off
    disabled: true
    protocol: openai
    match_policy: {path_prefix: /off}
    target_policy: {provider_target: {provider_id: up-openai}}
virtualKeys:
  - {id: every, key: KEY, allowed_route_ids: ["*"]}
`)
}
