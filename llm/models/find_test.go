package models

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func num(f float64) *float64 { return &f }

func TestOverrides(t *testing.T) {
	eight := int64(8)
	c, err := Embedded().With(
		Override{Model: "claude-opus-5", InputPerMTok: num(1), OutputPerMTok: num(2)},
		Override{Model: "claude-opus-5", ProviderID: "own", CacheReadPerMTok: num(0.5), InputPerMTok: num(3), OutputPerMTok: num(4), MaxOutputTokens: &eight},
		Override{Model: "claude-opus-5", ProviderID: "caps", Capabilities: map[string]json.RawMessage{"rejects_sampling": json.RawMessage("false"), "efforts": json.RawMessage(`["low"]`)}},
		Override{Model: "Team-Chat", Name: "Ours", InputPerMTok: num(0), OutputPerMTok: num(0), PerRequest: num(0.001)},
	)
	require.NoError(t, err)
	find := func(id, model string) Info {
		return c.Find(Query{ProviderID: id, ProviderType: "anthropic", Model: model})
	}

	all := find("any", "claude-opus-5")
	require.Equal(t, Rates{Input: llm.Known(1e9), Output: llm.Known(2e9)}, all.Price.Rates(when, 0), "the known price goes as a whole")
	require.True(t, all.Caps.RejectsSampling)

	own := find("own", "claude-opus-5")
	require.Equal(t, llm.Known(500_000_000), own.Price.Rates(when, 0).CacheRead)
	require.Equal(t, int64(8), own.Caps.MaxOutputTokens)

	caps := find("caps", "claude-opus-5")
	require.False(t, caps.Caps.RejectsSampling, "false takes away")
	require.True(t, caps.Caps.AdaptiveThinking, "what is not named stays")
	require.Equal(t, []string{"low"}, caps.Caps.Efforts)
	require.Equal(t, llm.Known(1e9), caps.Price.Rates(when, 0).Input)

	ours := find("", "Team-Chat")
	require.Equal(t, "Ours", ours.Name)
	nano, known := ours.Price.Cost(usage(10, 0, 0, 10), when)
	require.True(t, known)
	require.Equal(t, int64(1_000_000), nano)
	require.Nil(t, find("", "team-chat").Price, "an override's name is exact")

	before := Embedded().Find(Query{ProviderType: "anthropic", Model: "claude-opus-5"})
	require.Len(t, before.Caps.Efforts, 5, "the embedded catalog does not change")
	require.Equal(t, llm.Known(5e9), before.Price.Rates(when, 0).Input)

	more, err := c.With(Override{Model: "claude-opus-5", InputPerMTok: num(7), OutputPerMTok: num(7)})
	require.NoError(t, err)
	require.Equal(t, llm.Known(7e9), more.Find(Query{Model: "claude-opus-5"}).Price.Rates(when, 0).Input)
	require.Equal(t, "Ours", more.Find(Query{Model: "Team-Chat"}).Name)
}

func TestOverridesThatAreRefused(t *testing.T) {
	for in, field := range map[string]string{
		`{}`: "model is required",
		`{"model":"` + strings.Repeat("m", 300) + `"}`:                          "model is longer",
		`{"model":"m","input_per_mtok":-1,"output_per_mtok":1}`:                 "input_per_mtok must be",
		`{"model":"m","input_per_mtok":1,"output_per_mtok":1e7}`:                "output_per_mtok must be",
		`{"model":"m","input_per_mtok":1}`:                                      "output_per_mtok is required",
		`{"model":"m","cache_read_per_mtok":1}`:                                 "input_per_mtok is required",
		`{"model":"m","max_output_tokens":-1}`:                                  "max_output_tokens must not",
		`{"model":"m","context_tokens":-1}`:                                     "context_tokens must not",
		`{"model":"m","capabilities":{"efort":true}}`:                           "capabilities.efort is not known",
		`{"model":"m","capabilities":{"Effort":true}}`:                          "capabilities.Effort is not known",
		`{"model":"m","capabilities":{"effort":"yes"}}`:                         "capabilities.effort must be true or false",
		`{"model":"m","capabilities":{"efforts":"low"}}`:                        "capabilities.efforts must be a list of strings",
		`{"model":"m","capabilities":{"max_output_tokens":1.5}}`:                "capabilities.max_output_tokens must be an integer",
		`{"model":"m","capabilities":{"context_tokens":-4}}`:                    "capabilities.context_tokens must not be negative",
		`{"model":"m","input_per_mtok":1,"output_per_mtok":1,"per_request":-1}`: "per_request must be",
	} {
		var o Override
		require.NoError(t, json.Unmarshal([]byte(in), &o), in)
		require.ErrorContains(t, o.Validate(), field, in)
		_, err := Embedded().With(o)
		require.ErrorContains(t, err, field, in)
	}
	_, err := Embedded().With(Override{Model: "m"}, Override{Model: "m"})
	require.ErrorContains(t, err, "twice")
}

func TestNamesThatAreNone(t *testing.T) {
	for _, q := range []Query{{}, {Model: " "}, {ProviderType: "openai", Model: strings.Repeat("x", 300)}, {Host: strings.Repeat("x", 2000), Model: "gpt-5"}, {Model: "x"}} {
		require.Equal(t, Info{}, Embedded().Find(q))
	}
}

func TestMemoIsBoundedAndRight(t *testing.T) {
	c, err := Embedded().With()
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 5000 {
				c.Find(Query{ProviderType: "openai", Model: strconv.Itoa(g*5000 + i)})
				if info := c.Find(Query{ProviderType: "openai", Model: "gpt-5"}); info.ID != "gpt-5" {
					t.Errorf("gpt-5 is %q", info.ID)
				}
			}
		})
	}
	wg.Wait()
}

func TestFindDoesNotAllocate(t *testing.T) {
	q := Query{ProviderID: "p", ProviderType: "openrouter", Host: "https://openrouter.ai/api/v1", Model: "anthropic/claude-sonnet-4.5"}
	Embedded().Find(q)
	require.Zero(t, testing.AllocsPerRun(100, func() { Embedded().Find(q) }))
}

func FuzzFind(f *testing.F) {
	for _, line := range strings.Split(strings.TrimSpace(known), "\n") {
		s := strings.Fields(line)
		f.Add(s[0], s[1], s[2])
	}
	f.Add("", "://", "models/")
	f.Fuzz(func(t *testing.T, typ, host, model string) {
		q := Query{ProviderType: typ, Host: host, Model: model}
		a, b := Embedded().Find(q), Embedded().Find(q)
		if a.ID != b.ID || a.Price != b.Price {
			t.Fatal("the same question has two answers")
		}
		if n, known := a.Price.Cost(usage(1000, 10, 10, 1000), when); n < 0 || n > 0 && !known {
			t.Fatalf("cost %d, %v", n, known)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	q := Query{ProviderID: "p", ProviderType: "openrouter", Host: "https://openrouter.ai/api/v1", Model: "anthropic/claude-sonnet-4.5"}
	b.Run("warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Embedded().Find(q)
		}
	})
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Embedded().find(q)
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Embedded().find(Query{ProviderType: "bedrock", Model: "us.anthropic.claude-unknown"})
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := load(pricesJSON, claudeJSON, capabilitiesJSON); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCost(b *testing.B) {
	p := Embedded().Find(Query{ProviderType: "anthropic", Model: "claude-sonnet-4-5"}).Price
	u := usage(1000, 50_000, 2000, 800)
	b.ReportAllocs()
	for b.Loop() {
		p.Cost(u, when)
	}
}
