package models

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// when is the time of the golden prices.
var when = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// known are names as they occur: type, host ("-" for none), model.
const known = `
anthropic - claude-opus-5-5
anthropic - claude-opus-5-5-20260922
anthropic - claude-opus-5
anthropic - claude-sonnet-5-5
anthropic - claude-sonnet-5
anthropic - claude-haiku-5-5
anthropic - claude-fable-5
anthropic - claude-fable-5-1
anthropic - claude-fable-5-2
anthropic - claude-opus-4-8
anthropic - claude-opus-4-7
anthropic - claude-opus-4-6
anthropic - claude-sonnet-4-6
anthropic - claude-opus-4-5-20251101
anthropic - claude-sonnet-4-5-20250929
anthropic - claude-haiku-4-5
anthropic - claude-opus-4-1-20250805
anthropic - claude-opus-4-20250514
anthropic - claude-sonnet-4-20250514
anthropic - claude-sonnet-4-0
anthropic - claude-3-7-sonnet-latest
anthropic - claude-3-5-sonnet-20241022
anthropic - claude-3-haiku-20240307
anthropic - claude-zephyr-9
anthropic api.anthropic.com CLAUDE-Sonnet-4-6
anthropic https://api.deepseek.com/anthropic deepseek-v4-pro
anthropic proxy.corp:8443 claude-sonnet-4-6
claudecode - claude-opus-5
openrouter - anthropic/claude-sonnet-4.5
openrouter - anthropic/claude-sonnet-4
openrouter - anthropic/claude-opus-5.5
openrouter - anthropic/claude-3.7-sonnet:thinking
openrouter - anthropic/claude-opus-4.9
openrouter - ~anthropic/claude-opus-latest
openrouter - openai/gpt-5.4
openrouter - google/gemini-2.5-pro
openrouter - google/gemini-3.5-flash
openrouter - deepseek/deepseek-r1:free
openrouter - deepseek/deepseek-v99:free
openrouter - deepseek/deepseek-v99:nitro
openrouter - x-ai/grok-4-fast
openrouter - openrouter/auto
openai_compatible openrouter.ai qwen/qwen3-coder
bedrock - us.anthropic.claude-sonnet-4-5-20250929-v1:0
bedrock - global.anthropic.claude-sonnet-4-5-20250929-v1:0
bedrock - anthropic.claude-opus-4-1-20250805-v1:0
bedrock - eu.anthropic.claude-opus-5
bedrock - us.anthropic.claude-sonnet-5-5
bedrock - arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5-5
bedrock - us.amazon.nova-pro-v1:0
bedrock - openai.gpt-oss-120b-1:0
openai_compatible bedrock-runtime.us-east-1.amazonaws.com openai.gpt-5.5
gemini - gemini-2.5-pro
gemini - models/gemini-2.5-flash
gemini - gemini-2.5-flash-lite-preview-09-2025
gemini - gemini-2.5-flash-lite-preview-tts
gemini - gemini-2.5-flash-image
gemini - gemini-3-pro-preview
gemini - gemini-3.1-pro-preview
gemini - gemini-3-flash-preview
gemini - gemini-3.5-flash
gemini - gemini-3.8-flash
gemini - gemini-2.0-flash
gemini - gemini-embedding-001
gemini - gemma-3-27b-it
vertex us-east5-aiplatform.googleapis.com claude-sonnet-4@20250514
vertex - publishers/anthropic/models/claude-haiku-4-5@20251001
vertex - publishers/google/models/gemini-2.5-pro
openai - gpt-4o
openai - gpt-4o-2024-05-13
openai - gpt-4o-mini
openai - gpt-4.1-mini-2025-04-14
openai - gpt-4-turbo
openai - gpt-4
openai - gpt-3.5-turbo
openai - gpt-5
openai - gpt-5-mini-20250807
openai - gpt-5-pro
openai - gpt-5-chat-latest
openai - gpt-5-codex
openai - gpt-5.1
openai - gpt-5.1-codex-max
openai - gpt-5.2-pro
openai - gpt-5.4
openai - gpt-5.6-sol
openai - gpt-6-sol
openai - gpt-6-astra-2026-10-01
openai - gpt-7
openai - o1
openai - o3
openai - o4-mini
openai - ft:gpt-4o-mini-2024-07-18:acme::abc
openai - text-embedding-3-small
openai - gpt-4o-audio-preview
openai - gpt-image-1
openai - whisper-1
openai - moderation-latest
openai http://localhost:8000/v1 Qwen/Qwen3-32B
codex chatgpt.com gpt-5.3-codex
azure - gpt-4o
azure my.openai.azure.com gpt-5-1
azure my.openai.azure.com team-chat
deepseek - deepseek-chat
deepseek - deepseek-reasoner
deepseek - deepseek-v4-flash
openai_compatible api.deepseek.com deepseek-v4-pro
openai_compatible api.moonshot.cn kimi-k2.6
moonshot - kimi-k3
openai_compatible dashscope-intl.aliyuncs.com qwen3-max
zhipu - glm-4.6
openai_compatible https://api.z.ai/api/paas/v4 glm-5
openai_compatible api.groq.com openai/gpt-oss-120b
openai_compatible api.x.ai grok-4.5
openai_compatible api.mistral.ai mistral-medium-latest
openai_compatible api.together.xyz deepseek-ai/DeepSeek-V3
openai_compatible https://api.fireworks.ai/inference/v1 accounts/fireworks/models/deepseek-v4-pro
openai_compatible https://router.huggingface.co/groq openai/gpt-oss-20b
openai_compatible api.perplexity.ai sonar-deep-research
openai_compatible api.perplexity.ai sonar-pro
openai_compatible https://api.together.ai/v1 openai/gpt-oss-120b
openai_compatible API.GROQ.COM:443 llama-3.3-70b-versatile
zhipu - glm-5.3
anthropic - claude-opus-4-9
anthropic - claude-haiku-4-6
anthropic - claude-4-5-sonnet-20250929
openai - gpt-5.4-2099-01-01
openai_compatible 127.0.0.1:8000 deepseek-r1
openai_compatible 127.0.0.1:8000 gpt-4o
openai_compatible - my-own-model
ollama - llama3.3
echo - echo
- - gpt-4o
`

func TestKnownNames(t *testing.T) {
	var b strings.Builder
	c := Embedded()
	lines := strings.Split(strings.TrimSpace(known), "\n")
	require.Greater(t, len(lines), 60)
	for _, line := range lines {
		var q Query
		_, err := fmt.Sscan(line, &q.ProviderType, &q.Host, &q.Model)
		require.NoError(t, err, line)
		q.Host = strings.TrimPrefix(q.Host, "-")
		q.ProviderType = strings.TrimPrefix(q.ProviderType, "-")
		fmt.Fprintf(&b, "%s\n%s", line, describe(c.Find(q)))
	}
	file := filepath.Join("testdata", "known.golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

func describe(i Info) string {
	caps, _ := json.Marshal(i.Caps)
	s := fmt.Sprintf("    %q at %q\n    %s\n", i.ID, i.Upstream, caps)
	if i.Price == nil {
		return s + "    no price\n"
	}
	r := i.Price.Rates(when, 0)
	s += "    " + rates(r) + "\n"
	if big := i.Price.Rates(when, 1_000_000); big != r {
		s += "    1M: " + rates(big) + "\n"
	}
	return s
}

func rates(r Rates) string {
	var s []string
	for _, x := range []struct {
		name string
		c    llm.Count
	}{
		{"in", r.Input}, {"out", r.Output}, {"reasoning", r.Reasoning}, {"read", r.CacheRead}, {"write", r.CacheWrite}, {"1h", r.CacheWrite1h},
		{"audio in", r.AudioInput}, {"audio out", r.AudioOutput}, {"image out", r.ImageOutput}, {"request", r.Request}, {"search", r.WebSearch},
	} {
		if x.c.Known {
			s = append(s, fmt.Sprintf("%s %g", x.name, float64(x.c.N)/1e9))
		}
	}
	return strings.Join(s, ", ")
}
