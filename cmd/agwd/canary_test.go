package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// What must not be found where it does not belong.
const (
	canaryProvider   = "canary-provider-api-key-0123456789"
	canaryHeader     = "canary-extra-header-0123456789"
	canaryCredential = "canary-credential-key-0123456789"
	canaryKey        = "canary-virtual-key-0123456789"
	canaryStranger   = "canary-wrong-virtual-key-0123456789"
	canaryMaster     = "canary-master-key-0123456789-0123456789"
	canaryPassword   = "canary-admin-password-0123456789"
	canaryCookie     = "canary-cookie-0123456789"
	canaryPrompt     = "canary-prompt-0123456789"
	canaryArguments  = "canary-tool-arguments-0123456789"
	canaryUpstream   = "canary-upstream-text-0123456789"
)

// canaries are all of them, and the forms that some travel in.
var canaries = []string{
	canaryProvider, canaryHeader, canaryCredential, canaryKey, canaryStranger, canaryMaster, canaryPassword, canaryCookie,
	canaryPrompt, canaryArguments, canaryUpstream, "canary",
	base64.StdEncoding.EncodeToString([]byte("admin:" + canaryPassword)),
}

// clean asserts that no canary is in a text.
func clean(t *testing.T, where, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		for _, c := range canaries {
			if i := strings.Index(line, c); i >= 0 {
				t.Errorf("%s holds %q: %q", where, c, line[max(0, i-300):min(len(line), i+len(c)+60)])
				break
			}
		}
	}
}

// TestCanaries calls in every way that succeeds or fails, at the most talkative
// log level, and then looks for what should have stayed where it was.
func TestCanaries(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	hash, err := exec.Command("agwd", "hash-password", "--plaintext", canaryPassword).Output()
	require.NoError(t, err)
	s := setup{
		dir:  t.TempDir(),
		env:  []string{"AGW_MASTER_KEY=" + canaryMaster, "AGW_ADMIN_BASIC_AUTH_HASH=admin:" + strings.TrimSpace(string(hash))},
		args: []string{"--log-level", "debug"},
	}
	p := s.start(t)
	p.user, p.password = "admin", canaryPassword
	p.apply(canaryBundle(up.URL, rawUpstream(t), closedAddr(t)))

	callUpstream(t, p, up)
	callWrongly(t, p)
	askEverything(t, p)
	shown := p.askAdmin("GET", "virtual_keys/key", "")
	require.Equal(t, canaryKey, shown.get("key").Str, "an administrator can read a key back")

	// The files while agwd runs, the log of the last writes among them, and after.
	for _, when := range []string{"running", "stopped"} {
		require.NoError(t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			clean(t, path+" while "+when, string(text))
			return err
		}))
		if when == "running" {
			require.Zero(t, p.terminate())
		}
	}
	clean(t, "stdout", p.stdout.String())
	clean(t, "stderr", p.stderr.String())
	require.Positive(t, up.Count())

	// A wrong key for the store tells nothing either.
	s.env[0] = "AGW_MASTER_KEY=" + canaryMaster + "-wrong"
	wrong := s.launch(t)
	require.Equal(t, 1, wrong.wait())
	clean(t, "stderr of a refused start", wrong.stderr.String())
}

func canaryBundle(upstream, raw, closed string) string {
	return strings.NewReplacer("UPSTREAM", upstream, "RAW", raw, "CLOSED", closed, "P-KEY", canaryProvider, "X-KEY", canaryHeader, "C-KEY", canaryCredential, "V-KEY", canaryKey).Replace(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
  - {id: good, provider_type: openai, api_key: P-KEY, base_url: UPSTREAM/v1, default_model: m, network: {extra_headers: {X-Team: X-KEY}, max_retries: 1, retry_delay_seconds: 0.001}}
  - {id: claude, provider_type: anthropic, api_key: P-KEY, base_url: UPSTREAM, default_model: m, network: {extra_headers: {X-Team: X-KEY}}}
  - {id: raw, provider_type: openai, api_key: P-KEY, base_url: RAW/v1, default_model: m}
  - {id: closed, provider_type: openai, api_key: P-KEY, base_url: CLOSED/v1, default_model: m, network: {extra_headers: {X-Team: X-KEY}}}
credentials:
  - {id: second, provider_id: good, attributes: {api_key: C-KEY}}
llmRoutes:
  - {id: good, protocol: openai, match_policy: {path_prefix: /}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: good}}}
  - {id: claude, protocol: anthropic, match_policy: {path_prefix: /}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: claude}}}
  - {id: raw, protocol: openai, match_policy: {path_prefix: /raw}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: raw}}}
  - {id: closed, protocol: openai, match_policy: {path_prefix: /closed}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: closed}}}
virtualKeys:
  - {id: key, key: V-KEY, allowed_route_ids: ["*"]}
`)
}

// canaryBody is a request whose every text is a canary.
func canaryBody(stream bool) string {
	return fmt.Sprintf(`{"model":"m","max_tokens":9,"stream":%t,"messages":[{"role":"user","content":%q}],"metadata":{"user_id":%q}}`, stream, canaryPrompt, canaryPrompt)
}

// callUpstream makes calls that the upstream answers in every way it can.
func callUpstream(t *testing.T, p *process, up *llmtest.Upstream) {
	faults := []llmtest.Fault{
		{}, {Size: 100_000},
		{Break: llmtest.BeforeHeaders}, {Break: llmtest.AfterHeaders}, {Break: llmtest.MidEvent, After: 2}, {Break: llmtest.Cut, After: 2},
		{Break: llmtest.End, After: 1}, {Break: llmtest.ErrorEvent, After: 1, Message: canaryUpstream, Code: canaryUpstream, Type: canaryUpstream},
		{Redirect: "https://example.invalid/?" + canaryUpstream}, {Gzip: true}, {HugeLine: 9 << 20}, {ContentType: "text/html; " + canaryUpstream},
		{DuplicateHeaders: true, Header: http.Header{"Set-Cookie": {canaryUpstream}, "Server": {canaryUpstream}, "X-Request-Id": {canaryUpstream}}},
	}
	for _, status := range []int{400, 401, 402, 403, 404, 408, 413, 429, 500, 502, 503, 529} {
		f := llmtest.Fault{Status: status, Message: canaryUpstream, Code: canaryUpstream, Type: canaryUpstream, RetryAfter: canaryUpstream}
		faults = append(faults, f, llmtest.Fault{Status: status, Body: llmtest.BodyHTML, Message: canaryUpstream}, llmtest.Fault{Status: status, Body: llmtest.BodyText, Message: canaryUpstream})
	}
	for i := range faults {
		for _, stream := range []bool{false, true} {
			for _, path := range []string{"/v1/chat/completions", "/v1/messages", "/v1/responses"} {
				up.Script(func(llmtest.Recorded) *llmtest.Fault { return &faults[i] })
				_, _ = try("POST", p.data+path, canaryBody(stream), "Authorization: Bearer "+canaryKey, "Cookie: "+canaryCookie)
			}
		}
	}
	up.Script(nil)
	tools := `{"model":"m","messages":[{"role":"user","content":"` + canaryPrompt + `"}],"tools":[{"type":"function","function":{"name":"f","description":"` + canaryPrompt +
		`","parameters":{"type":"object","properties":{"a":{"const":"` + canaryArguments + `"}}}}}]}`
	require.Contains(t, call(t, "POST", p.data+"/v1/chat/completions", tools, "X-Api-Key: "+canaryKey).body, canaryArguments)
	for mode := range rawAnswers {
		_, _ = try("POST", p.data+"/raw/v1/chat/completions", strings.Replace(canaryBody(false), `"m"`, `"`+mode+`"`, 1), "Authorization: Bearer "+canaryKey)
	}
	require.Equal(t, 502, call(t, "POST", p.data+"/closed/v1/chat/completions", canaryBody(true), "Authorization: Bearer "+canaryKey).status)
}

// callWrongly makes calls that the gateway refuses.
func callWrongly(t *testing.T, p *process) {
	for _, headers := range [][]string{{"Authorization: Bearer " + canaryStranger}, {"X-Api-Key: " + canaryStranger}, {"Authorization: Basic " + canaryStranger}, {"Cookie: " + canaryCookie}} {
		require.Equal(t, 401, call(t, "POST", p.data+"/v1/chat/completions", canaryBody(false), headers...).status)
	}
	for _, body := range []string{canaryBody(false)[:60], canaryPrompt, canaryBody(false) + canaryPrompt, `{"` + canaryPrompt + `":1,"` + canaryPrompt + `":2}`, `{"model":["` + canaryPrompt + `"]}`} {
		require.Equal(t, 400, call(t, "POST", p.data+"/v1/chat/completions", body, "Authorization: Bearer "+canaryKey).status)
	}
	require.Equal(t, 404, call(t, "POST", p.data+"/canary/v1/x", canaryBody(false), "Authorization: Bearer "+canaryKey).status)
	_, _ = try("GET", p.data+"/v1/models?key="+canaryStranger+"&api_key="+canaryKey, "", "Authorization: Bearer "+canaryKey)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.data, "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n", canaryKey, canaryPrompt)
	require.NoError(t, err)
	_, _ = http.ReadResponse(bufio.NewReader(conn), nil)
	_ = conn.Close()
}

// askEverything looks at all that the Admin API shows, and at what it says of
// mistakes with secrets in them.
func askEverything(t *testing.T, p *process) {
	eventually(t, "the events", func() bool { return p.askAdmin("GET", "metrics", "").get("pipeline.queued").Int() == 0 })
	for _, path := range []string{
		"health", "ready", "openapi.json", "schema/bundle.json", "bundle", "llm/provider_types", "llm/api_handler_types",
		"llm/providers", "llm/providers/good", "llm/providers/claude", "llm/providers/none", "credentials", "credentials/second", "llm/routes", "llm/routes/good", "virtual_keys",
		"metrics", "metrics/prometheus", "metrics/llm/events?limit=1000", "metrics/llm/events?success=false&limit=1000",
	} {
		clean(t, path, p.askAdmin("GET", path, "").body)
	}
	clean(t, "the bundle as JSON", p.askAdmin("GET", "bundle", "", "Accept: application/json").body)
	for _, tt := range [][3]string{
		{"PUT", "llm/providers/good", `{"provider_type":"openai","api_key":"` + canaryProvider + `","base_url":"ftp://x"}`},
		{"PUT", "llm/providers/good", `{"provider_type":"openai","api_key":"` + canaryProvider + ``},
		{"PUT", "llm/providers/good", `{"provider_type":"openai","api_key":{"a":"` + canaryProvider + `"}}`},
		{"PUT", "llm/providers/good", `{"provider_type":"openai","base_url":"http://a:` + canaryProvider + `@b"}`},
		{"PUT", "llm/providers/good", `{"provider_type":"openai","base_url":"http://b/?key=` + canaryProvider + `"}`},
		{"PUT", "llm/providers/good", `{"provider_type":"openai","base_url":"http://[` + canaryProvider + `"}`},
		{"PUT", "llm/providers/good", `{"provider_type":"openai","network":{"extra_headers":{"Host":"` + canaryHeader + `"}}}`},
		{"POST", "virtual_keys", `{"id":"other","key":"` + canaryKey + `"}`},
		{"POST", "virtual_keys", `{"id":"other","key":"` + canaryKey + ` "}`},
		{"POST", "virtual_keys", `{"id":"other","key":"` + strings.Repeat(canaryKey, 20) + `"}`},
		{"POST", "credentials", `{"id":"other","provider_id":"none","attributes":{"api_key":"` + canaryCredential + `"}}`},
		{"POST", "bundle", "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nproviders:\n  - {id: a, provider_type: openai, api_key: \"" + canaryProvider + "}\n"},
		{"POST", "bundle", "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nproviders:\n  - id: a\n    api_key: " + canaryProvider + ": x\n"},
		{"POST", "bundle", "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nvirtualKeys:\n  - {id: a, key: " + canaryKey + "}\n  - {id: b, key: " + canaryKey + "}\n"},
	} {
		kind := "Content-Type: application/json"
		if tt[1] == "bundle" {
			kind = "Content-Type: application/yaml"
		}
		r := p.askAdmin(tt[0], tt[1], tt[2], kind)
		require.GreaterOrEqual(t, r.status, 400, tt[2])
		require.Less(t, r.status, 500, tt[2])
		clean(t, "the answer to "+tt[0]+" "+tt[1], r.body)
	}
	r := p.askAdmin("PUT", "llm/providers/claude", `{"provider_type":"anthropic","api_key":"`+canaryProvider+`","default_model":"m"}`)
	require.Equal(t, 200, r.status)
	clean(t, "the answer to PUT", r.body)
	require.Equal(t, 401, call(t, "GET", p.admin+"/admin/ready", "", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("admin:"+canaryPassword+"x"))).status)
}
