package gateway_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// Virtual keys of the bundle below.
const (
	boundKey     = "vk-bound-0123456789abcdef"
	disabledKey  = "vk-disabled-0123456789abc"
	expiringKey  = "vk-expiring-0123456789abc"
	elsewhereKey = "vk-elsewhere-0123456789ab"
	routelessKey = "vk-routeless-0123456789ab"
)

var expiry = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// withKeys is a bundle whose routes want keys, and one that does not.
func withKeys(up *llmtest.Upstream) string {
	const auth = "auth_policy: {require_virtual_key: true}"
	return withRoutes(up,
		route("o", "openai", "path_prefix: /", auth), route("a", "anthropic", "path_prefix: /", auth),
		route("other", "openai", "path_prefix: /other", auth), route("open", "openai", "path_prefix: /open")) + `
virtualKeys:
  - {id: all, key: ` + virtualKey + `, allowed_route_ids: ["*"]}
  - {id: bound, key: ` + boundKey + `, allowed_route_ids: ["*"], allowed_models: [m, gpt-test, claude-test]}
  - {id: disabled, key: ` + disabledKey + `, allowed_route_ids: ["*"], disabled: true}
  - {id: expiring, key: ` + expiringKey + `, allowed_route_ids: [o, a], expires_at: "` + expiry.Format(time.RFC3339) + `"}
  - {id: elsewhere, key: ` + elsewhereKey + `, allowed_route_ids: [other]}
  - {id: routeless, key: ` + routelessKey + `}
`
}

func TestVirtualKey(t *testing.T) {
	up := newUpstream(t)
	var now atomic.Pointer[time.Time]
	clock := func() time.Time { return *now.Load() }
	before, at := expiry.Add(-time.Nanosecond), expiry
	now.Store(&before)
	s := newGateway(t, withKeys(up), gateway.WithClock(clock))
	bearer := func(key string) []string { return []string{"Authorization", "Bearer " + key} }
	tests := []struct {
		name    string
		headers []string
		status  int
		key     string // in the event
	}{
		{"none", nil, 401, ""},
		{"bearer", bearer(virtualKey), 200, "all"},
		{"x-api-key", []string{"X-Api-Key", virtualKey}, 200, "all"},
		{"lower case scheme", []string{"Authorization", "bearer " + virtualKey}, 200, "all"},
		{"spaces", []string{"Authorization", "Bearer   " + virtualKey + " "}, 200, "all"},
		{"wrong", bearer("vk-wrong-wrong-wrong-wrong"), 401, ""},
		{"prefix of a key", bearer(virtualKey[:len(virtualKey)-1]), 401, ""},
		{"key and more", bearer(virtualKey + "x"), 401, ""},
		{"empty", bearer(""), 401, ""},
		{"other scheme", []string{"Authorization", "Basic " + virtualKey}, 401, ""},
		{"no scheme", []string{"Authorization", virtualKey}, 401, ""},
		{"the upstream's", bearer(upstreamKey), 401, ""},
		{"an id is no key", bearer("all"), 401, ""},
		{"SQL", bearer("' OR 1=1 --"), 401, ""},
		{"invalid UTF-8", bearer("\xff\xfe\xff"), 401, ""},
		{"huge", bearer(strings.Repeat("v", 500_000)), 401, ""},
		{"in the query", []string{"X-Nothing", virtualKey}, 401, ""},
		{"wrong, then right", []string{"Authorization", "Bearer dummy", "X-Api-Key", virtualKey}, 200, "all"},
		{"right, then wrong", append(bearer(virtualKey), "X-Api-Key", "dummy"), 200, "all"},
		{"two of a kind", []string{"X-Api-Key", "dummy", "X-Api-Key", virtualKey}, 200, "all"},
		{"forbidden, then right", append(bearer(disabledKey), "X-Api-Key", virtualKey), 200, "all"},
		{"forbidden, then wrong", append(bearer(disabledKey), "X-Api-Key", "dummy"), 403, ""},
		{"disabled", bearer(disabledKey), 403, ""},
		{"not expired yet", bearer(expiringKey), 200, "expiring"},
		{"for another route", bearer(elsewhereKey), 403, ""},
		{"for no route", bearer(routelessKey), 403, ""},
	}
	for _, tt := range tests {
		for _, d := range dialects {
			t.Run(tt.name+" "+d.name, func(t *testing.T) {
				up.Reset()
				got := s.do(t, "POST", d.path, d.body, tt.headers...)
				require.Equal(t, tt.status, got.Status, got.Body)
				e := s.event(t)
				require.Equal(t, tt.status, e.StatusCode)
				if tt.status == 200 {
					require.Equal(t, tt.key, e.VirtualKeyID)
					require.NotContains(t, fmt.Sprint(up.Last()), virtualKey, "the caller's key stays here")
					return
				}
				require.Zero(t, up.Count())
				require.Zero(t, e.LLM.Attempts)
				require.False(t, e.Success)
				kinds := map[string]string{"openai401": "invalid_request_error", "anthropic401": "authentication_error", "openai403": "permission_error", "anthropic403": "permission_error"}
				requireError(t, d.name, got, kinds[fmt.Sprint(d.name, tt.status)])
				require.Equal(t, "false", got.Header.Get("X-Should-Retry"))
				for _, secret := range append(tt.headers, virtualKey) {
					if len(secret) > 14 {
						require.NotContains(t, got.Body, secret)
					}
				}
			})
		}
	}
	now.Store(&at)
	got := s.do(t, "POST", "/v1/messages", messageBody, bearer(expiringKey)...)
	require.Equal(t, 403, got.Status)
	require.Contains(t, got.Body, "expired")
	s.event(t)

	got = s.do(t, "POST", "/other/v1/chat/completions", chatBody, bearer(elsewhereKey)...)
	require.Equal(t, 200, got.Status)
	s.event(t)
	got = s.do(t, "POST", "/open/v1/chat/completions", chatBody)
	require.Equal(t, 200, got.Status)
	require.Empty(t, s.event(t).VirtualKeyID)
	got = s.do(t, "POST", "/open/v1/chat/completions", chatBody, bearer(virtualKey)...)
	require.Equal(t, 200, got.Status)
	require.Equal(t, "all", s.event(t).VirtualKeyID, "who shows a key is known by it")
}

// A key that is held to some models reaches no other, however it is asked for.
func TestAllowedModels(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, withKeys(up))
	json := "application/json"
	form := "multipart/form-data; boundary=" + boundary
	tests := []struct {
		name, method, path, contentType, body string
		status                                int
	}{
		{"allowed", "POST", "/v1/chat/completions", json, chatBody, 200},
		{"escaped", "POST", "/v1/chat/completions", json, `{"model":"\u006d","messages":[{}]}`, 200},
		{"other", "POST", "/v1/chat/completions", json, `{"model":"gpt-9","messages":[{}]}`, 403},
		{"other in case", "POST", "/v1/chat/completions", json, `{"model":"M","messages":[{}]}`, 403},
		{"none", "POST", "/v1/chat/completions", json, `{"messages":[{}]}`, 403},
		{"empty", "POST", "/v1/chat/completions", json, `{"model":"","messages":[{}]}`, 403},
		{"no text", "POST", "/v1/chat/completions", json, `{"model":["m"],"messages":[{}]}`, 400},
		{"twice", "POST", "/v1/chat/completions", json, `{"model":"m","model":"gpt-9"}`, 400},
		{"twice, once escaped", "POST", "/v1/chat/completions", json, `{"model":"m","\u006dodel":"gpt-9"}`, 400},
		{"another spelling", "POST", "/v1/chat/completions", json, `{"model":"m","Model":"gpt-9"}`, 400},
		{"another spelling alone", "POST", "/v1/chat/completions", json, `{"MODEL":"gpt-9"}`, 400},
		{"NUL", "POST", "/v1/chat/completions", json, `{"model":"m\u0000","messages":[{}]}`, 403},
		{"two documents", "POST", "/v1/chat/completions", json, `{"model":"m","messages":[{}]}{"model":"gpt-9"}`, 400},
		{"messages", "POST", "/v1/messages", json, `{"model":"opus","max_tokens":1,"messages":[{}]}`, 403},
		{"counting", "POST", "/v1/messages/count_tokens", json, `{"model":"opus","messages":[{}]}`, 403},
		{"responses", "POST", "/v1/responses", json, `{"model":"gpt-9","input":"x"}`, 403},
		{"embeddings", "POST", "/v1/embeddings", json, `{"model":"gpt-9","input":"x"}`, 403},
		{"speech", "POST", "/v1/audio/speech", json, `{"model":"gpt-9","input":"x","voice":"v"}`, 403},
		{"one model", "GET", "/v1/models/gpt-test", "", "", 200},
		{"another model", "GET", "/v1/models/gpt-test-mini", "", "", 403},
		{"openai batch", "POST", "/v1/batches", json, `{"model":"m","input_file_id":"f","endpoint":"/v1/responses","completion_window":"24h"}`, 403},
		{"anthropic batch", "POST", "/v1/messages/batches", json, `{"model":"m","requests":[{"params":{"model":"opus"}}]}`, 403},
		{"form", "POST", "/v1/audio/transcriptions", form, multipartBody("model", "m"), 200},
		{"form, other", "POST", "/v1/audio/transcriptions", form, multipartBody("model", "whisper"), 403},
		{"form, none", "POST", "/v1/images/edits", form, multipartBody("n", "1"), 403},
		{"form, twice", "POST", "/v1/audio/transcriptions", form, multipartBody("model", "m", "model", "whisper"), 400},
		{"form, another spelling", "POST", "/v1/audio/transcriptions", form, multipartBody("model", "m", "Model", "whisper"), 400},
		{"form, broken", "POST", "/v1/audio/transcriptions", form, "--" + boundary + "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm", 400},
		{"no form", "POST", "/v1/audio/transcriptions", "text/plain", "model=m", 400},
		{"JSON edit", "POST", "/v1/images/edits", json, `{"model":"dall-e"}`, 403},
		{"files", "GET", "/v1/files", "", "", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			up.Reset()
			got := s.do(t, tt.method, tt.path, tt.body, "Authorization", "Bearer "+boundKey, "Content-Type", tt.contentType)
			require.Equal(t, tt.status, got.Status, got.Body)
			require.Equal(t, tt.status == 200, up.Count() == 1)
			e := s.event(t)
			require.Equal(t, "bound", e.VirtualKeyID)
			require.Equal(t, tt.status, e.StatusCode)
			if tt.status == 200 && tt.body != "" {
				require.Equal(t, tt.body, string(up.Last().Body))
			}
		})
	}
	// Without a bound the same requests go through, except for the malformed ones.
	for _, tt := range tests {
		if tt.status == 403 && tt.name != "none" && tt.name != "empty" {
			got := s.do(t, tt.method, tt.path, tt.body, "Authorization", "Bearer "+virtualKey, "Content-Type", tt.contentType)
			require.NotEqual(t, 403, got.Status, tt.name)
			s.event(t)
		}
	}
}

// The list of models is cut to those that the key may use.
func TestModelListIsFiltered(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, withKeys(up))
	ids := func(body string) (list []string) {
		for _, m := range gjson.Get(body, "data.#.id").Array() {
			list = append(list, m.Str)
		}
		return list
	}
	got := s.do(t, "GET", "/v1/models", "", "X-Api-Key", boundKey)
	require.Equal(t, []string{"gpt-test"}, ids(got.Body), got.Body)
	require.True(t, gjson.Valid(got.Body))
	got = s.do(t, "GET", "/v1/models", "", "X-Api-Key", boundKey, "Anthropic-Version", "2023-06-01")
	require.Equal(t, []string{"claude-test"}, ids(got.Body), got.Body)
	require.Equal(t, "claude-test", gjson.Get(got.Body, "first_id").Str)
	require.Equal(t, "claude-test", gjson.Get(got.Body, "last_id").Str)
	require.True(t, gjson.Valid(got.Body))
	got = s.do(t, "GET", "/v1/models", "", "X-Api-Key", virtualKey)
	require.Len(t, ids(got.Body), 3)
	require.Equal(t, "list", gjson.Get(got.Body, "object").Str)
	for range 3 {
		s.event(t)
	}
}

// A page of another origin cannot make a visitor's browser call an open route.
func TestForeignOrigin(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, withKeys(up))
	const chat = "/open/v1/chat/completions"
	for name, tt := range map[string]struct {
		status  int
		path    string
		headers []string
	}{
		"no browser":           {200, chat, nil},
		"foreign origin":       {403, chat, []string{"Origin", "http://evil.example"}},
		"null origin":          {403, chat, []string{"Origin", "null"}},
		"cross-site":           {403, chat, []string{"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}},
		"own origin":           {200, chat, []string{"Origin", s.URL}},
		"foreign, with a key":  {200, chat, []string{"Origin", "http://evil.example", "Authorization", "Bearer " + virtualKey}},
		"foreign, with no key": {401, "/v1/chat/completions", []string{"Origin", "http://evil.example"}},
	} {
		up.Reset()
		got := s.do(t, "POST", tt.path, chatBody, tt.headers...)
		require.Equal(t, tt.status, got.Status, name)
		require.NotContains(t, got.Header, "Access-Control-Allow-Origin")
		require.Equal(t, tt.status == 200, up.Count() == 1 || up.Count() > 0, name)
		s.event(t)
	}
}
