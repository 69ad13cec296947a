package main

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

var (
	introduced = regexp.MustCompile(`(?m)^Ctrl-C stops it`)
	devKeyLine = regexp.MustCompile(`(?m)^  virtual key  (vk-\S+)$`)
	curlLine   = regexp.MustCompile(`(?m)^  curl -s (\S+) -H '([^']+)' -H '([^']+)' -d '([^']+)'$`)
)

// startDev starts agwd dev and returns the key that it prints.
func startDev(t *testing.T, dir string, env ...string) (*process, string) {
	p := setup{dir: dir, env: env, args: []string{"dev"}}.start(t)
	p.waitFor(p.stdout, introduced)
	return p, p.waitFor(p.stdout, devKeyLine)[1]
}

func TestDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, key := startDev(t, dir)
	require.Contains(t, p.stdout.String(), p.data)
	require.Contains(t, p.stdout.String(), p.admin+"/admin")

	m := p.waitFor(p.stdout, curlLine)
	r := call(t, "POST", m[1], m[4], m[2], m[3])
	require.Equal(t, 200, r.status, r.body)
	require.Contains(t, r.get("choices.0.message.content").Str, "hello")
	r = call(t, "POST", p.data+"/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`, "X-Api-Key: "+key)
	require.Equal(t, 200, r.status, r.body)
	require.Equal(t, 401, p.chat("vk-of-somebody-else-0123456789", "hello").status)

	require.NotContains(t, p.askAdmin("GET", "virtual_keys", "").body, key)
	require.NotContains(t, p.askAdmin("GET", "bundle", "").body, key)
	require.Equal(t, key, p.askAdmin("GET", "virtual_keys/dev", "").get("key").Str)
	require.Equal(t, 409, p.askAdmin("DELETE", "virtual_keys/dev", "").status, "what dev sets up is read-only")
	require.Zero(t, p.terminate())
	require.NotContains(t, p.stderr.String(), key)

	p, again := startDev(t, dir)
	require.Equal(t, key, again)
	require.Equal(t, 200, p.chat(key, "hello").status)
}

func TestDevTakesProvidersFromTheEnvironment(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	up.Key = "sk-upstream"
	p, key := startDev(t, "", "OPENAI_API_KEY=sk-upstream", "OPENAI_BASE_URL="+up.URL+"/v1", "ANTHROPIC_API_KEY=sk-upstream", "ANTHROPIC_BASE_URL="+up.URL)
	require.Contains(t, p.chat(key, "hello").body, "from the fake upstream")
	require.Equal(t, "/v1/chat/completions", up.Last().Path)
	for _, prefix := range []string{"", "/anthropic"} {
		r := call(t, "POST", p.data+prefix+"/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`, "X-Api-Key: "+key)
		require.Contains(t, r.body, "from the fake upstream")
	}
	echo := call(t, "POST", p.data+"/echo/v1/chat/completions", question("hello"), "Authorization: Bearer "+key)
	require.Equal(t, 200, echo.status)
	require.NotContains(t, echo.body, "from the fake upstream")
	require.NotContains(t, p.stdout.String()+p.stderr.String()+p.askAdmin("GET", "llm/providers", "").body, "sk-upstream")
}

// Dev keeps a file of its own, so that what the daemon has stored in the same
// folder is not at odds with it, and stays as it is.
func TestDevBesideAStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	up := llmtest.NewUpstream(t)
	p := setup{dir: dir}.start(t)
	p.apply(bundleFor(up.URL))
	require.Zero(t, p.terminate())
	p, key := startDev(t, dir)
	r := p.chat(key, "hello")
	require.Equal(t, 200, r.status)
	require.NotContains(t, r.body, "from the fake upstream")
	require.Zero(t, p.terminate())
	p = setup{dir: dir}.start(t)
	require.Contains(t, p.chat(everyKey, "hello").body, "from the fake upstream")
}
