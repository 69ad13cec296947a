package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// What is bound to the provider that made it goes back there.
func TestAffinity(t *testing.T) {
	turn := func(model, id, state string) string {
		return fmt.Sprintf(`{"model":"%s","max_tokens":9,"messages":[{"role":"system","content":"s"},{"role":"user","content":"%s"}%s]}`, model, id, state)
	}
	input := func(id, state string) string {
		return fmt.Sprintf(`{"model":"m","input":[{"role":"user","content":"%s"}%s]}`, id, state)
	}
	tests := map[string]struct {
		protocol, path string
		first, later   string
	}{
		"signature":          {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"}]}`, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]},{"role":"user","content":"b"}]}`},
		"redacted thinking":  {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"}]}`, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"d"}]},{"role":"user","content":"b"}]}`},
		"cache_control":      {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"ID"}]}`, `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"ID"},{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}`},
		"encrypted content":  {"openai", "/v1/responses", input("ID", ""), input("ID", `,{"type":"reasoning","id":"r","summary":[],"encrypted_content":"e"},{"role":"user","content":"b"}`)},
		"prompt_cache_key":   {"openai", "/v1/responses", `{"model":"m","prompt_cache_key":"ID","input":"one"}`, `{"model":"m","prompt_cache_key":"ID","input":"two"}`},
		"thought signature":  {"openai", "/v1/chat/completions", turn("m", "ID", ""), turn("m", "ID", `,{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"x"}}}]},{"role":"tool","tool_call_id":"1","content":"ok"}`)},
		"a pattern's target": {"openai", "/v1/chat/completions", turn("w-1", "ID", ""), turn("w-1", "ID", `,{"role":"assistant","content":"a","thinking_blocks":[{}]},{"role":"user","content":"b"}`)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ups := several(t, 2)
			policy := `{model_targets: [{name: m, strategy: round_robin, candidates: [{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb}]}, {name: "w-*", strategy: round_robin, candidates: [{provider_id: a, upstream_model: "x-*"}, {provider_id: b, upstream_model: "x-*"}]}]}`
			if tt.protocol == "anthropic" {
				policy = strings.ReplaceAll(policy, "provider_id: ", "provider_id: ant-")
			}
			s := newGateway(t, logical(tt.protocol, policy, ups))
			ask := func(body, id string) string {
				got := s.do(t, "POST", tt.path, strings.ReplaceAll(body, "ID", id))
				require.Equal(t, 200, got.Status, got.Body)
				return s.event(t).LLM.ProviderID
			}
			made := map[string]string{}
			for _, id := range []string{"one", "two", "three", "four"} {
				made[id] = ask(tt.first, id)
			}
			require.NotEqual(t, made["one"], made["two"], "the first turns are spread")
			for range 3 {
				for id, target := range made {
					require.Equal(t, target, ask(tt.later, id), id)
				}
			}
		})
	}
}

// A stored response is continued where it is stored, streamed or not.
func TestAffinityOfStoredResponses(t *testing.T) {
	ups := several(t, 2)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: round_robin, `+twoCandidates+`}]}`, ups))
	// The fakes number their responses alike: one of them is to count from elsewhere.
	for range 20 {
		require.Equal(t, 200, s.do(t, "POST", ups[1].URL+"/v1/responses", `{"model":"m","input":"x"}`, "Authorization", "Bearer "+upstreamKey).Status)
	}
	for _, stream := range []string{"", `,"stream":true`} {
		made := map[string]string{}
		for i := range 4 {
			got := s.do(t, "POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":"hello %d"%s}`, i, stream))
			require.Equal(t, 200, got.Status, got.Body)
			id := gjson.Get(got.Body, "id").Str
			if stream != "" {
				id = gjson.Get(dataOf(t, got.Body)[0], "response.id").Str
			}
			require.NotEmpty(t, id, got.Body)
			made[id] = s.event(t).LLM.ProviderID
		}
		require.Len(t, made, 4)
		for range 3 {
			for id, target := range made {
				got := s.do(t, "POST", "/v1/responses", `{"model":"m","previous_response_id":"`+id+`","input":"go on"}`)
				require.Equal(t, target, s.event(t).LLM.ProviderID, got.Body)
			}
		}
	}
}

// Nobody joins another key's conversation, and a target that is down is not waited for.
func TestAffinityIsBounded(t *testing.T) {
	ups := several(t, 2)
	clock := new(movable)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: round_robin, `+twoCandidates+`}]}`, ups), gateway.WithClock(clock.now))
	body := `{"model":"m","prompt_cache_key":"k","messages":[{"role":"user","content":"hi"}]}`
	ask := func() string {
		got := s.do(t, "POST", "/v1/chat/completions", body)
		require.Equal(t, 200, got.Status, got.Body)
		return s.event(t).LLM.ProviderID
	}
	require.Equal(t, "a", ask())
	require.Equal(t, "a", ask())
	ups[0].Enqueue(llmtest.Fault{Status: 429, RetryAfter: "60"})
	require.Equal(t, "b", ask(), "it is taken over")
	clock.forward(time.Hour)
	require.Equal(t, "b", ask(), "and stays there")
}
