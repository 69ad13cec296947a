package models

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func usage(input, read, write, output int64) llm.Usage {
	count := func(n int64) llm.Count { return llm.Count{N: n, Known: true} } // absurd ones too
	return llm.Usage{Input: count(input), CacheRead: count(read), CacheWrite: count(write), Output: count(output), Final: true}
}

func TestCost(t *testing.T) {
	find := func(typ, model string) *Price { return Embedded().Find(Query{ProviderType: typ, Model: model}).Price }
	reasoned := usage(1000, 0, 0, 500)
	reasoned.Reasoning = llm.Known(200)
	none := llm.Count{}
	for name, c := range map[string]struct {
		price *Price
		u     llm.Usage
		at    time.Time
		want  int64
		known bool
	}{
		"input and output":                     {find("anthropic", "claude-sonnet-4-6"), usage(1000, 0, 0, 500), when, 3_000_000 + 7_500_000, true},
		"nothing used":                         {find("anthropic", "claude-sonnet-4-6"), usage(0, 0, 0, 0), when, 0, true},
		"cache on its own":                     {find("anthropic", "claude-sonnet-4-6"), usage(10, 100_000, 1000, 0), when, 30_000 + 30_000_000 + 3_750_000, true},
		"cache not counted":                    {find("anthropic", "claude-sonnet-4-6"), llm.Usage{Input: llm.Known(1000), Output: llm.Known(0)}, when, 3_000_000, true},
		"no rate for the cache":                {find("openai", "gpt-4-turbo"), usage(0, 1000, 500, 0), when, 15_000_000, true},
		"reads at their rate, writes as input": {find("openai", "gpt-4o"), usage(0, 1000, 1000, 0), when, 1_250_000 + 2_500_000, true},
		"reasoning is output":                  {find("openai", "gpt-5"), reasoned, when, 1_250_000 + 5_000_000, true},
		"reasoning has its rate":               {find2("api.perplexity.ai", "sonar-deep-research"), reasoned, when, 2_000_000 + 300*8000 + 200*3000, true},
		"for each request":                     {find2("api.perplexity.ai", "sonar-pro"), usage(1000, 0, 0, 1000), when, 3_000_000 + 15_000_000 + 14_000_000, true},
		"free":                                 {find("openrouter", "deepseek/deepseek-r1:free"), usage(1000, 0, 0, 1000), when, 0, true},
		"below the tier":                       {find("anthropic", "claude-sonnet-4-5"), usage(100_000, 100_000, 0, 0), when, 300_000_000 + 30_000_000, true},
		"cached tokens choose the tier":        {find("anthropic", "claude-sonnet-4-5"), usage(100_000, 100_000, 1, 1000), when, 600_000_000 + 60_000_000 + 7500 + 22_500_000, true},
		"OpenAI's tier begins at 272000":       {find("openai", "gpt-5.4"), usage(272_000, 0, 0, 0), when, 272_000 * 5000, true},
		"and not before":                       {find("openai", "gpt-5.4"), usage(271_999, 0, 0, 0), when, 271_999 * 2500, true},
		"before the price fell":                {find("openai", "o3"), usage(1000, 0, 0, 0), date(2025, 6, 9, 23), 10_000_000, true},
		"on the day":                           {find("openai", "o3"), usage(1000, 0, 0, 0), date(2025, 6, 10, 0), 2_000_000, true},
		"a day of another zone":                {find("openai", "o3"), usage(1000, 0, 0, 0), date(2025, 6, 10, 0).In(time.FixedZone("", -8*3600)), 2_000_000, true},
		"off the peak":                         {find("deepseek", "deepseek-v4-flash"), usage(1000, 0, 0, 0), date(2026, 11, 25, 0), 220_000, true},
		"at the peak":                          {find("deepseek", "deepseek-v4-flash"), usage(1000, 0, 0, 0), date(2026, 11, 25, 3), 440_000, true},
		"after it":                             {find("deepseek", "deepseek-v4-flash"), usage(1000, 0, 0, 0), date(2026, 11, 25, 4), 220_000, true},
		"embedding":                            {find("openai", "text-embedding-3-small"), llm.Usage{Input: llm.Known(1000)}, when, 20_000, true},
		"embedding with an answer":             {find("openai", "text-embedding-3-small"), usage(1000, 0, 0, 1), when, 0, false},
		"images in the answer":                 {find("gemini", "gemini-2.5-flash-image"), usage(1000, 0, 0, 1), when, 0, false},
		"no price":                             {nil, usage(1, 0, 0, 1), when, 0, false},
		"empty price":                          {&Price{}, usage(1, 0, 0, 1), when, 0, false},
		"nothing counted":                      {find("openai", "gpt-5"), llm.Usage{}, when, 0, false},
		"input not counted":                    {find("openai", "gpt-5"), llm.Usage{Input: none, Output: llm.Known(1)}, when, 0, false},
		"output not counted":                   {find("openai", "gpt-5"), llm.Usage{Input: llm.Known(1)}, when, 0, false},
		"negative":                             {find("openai", "gpt-5"), usage(-1, 0, 0, 1), when, 0, false},
		"negative reads":                       {find("openai", "gpt-5"), usage(1, -1, 0, 1), when, 0, false},
		"rounded down":                         {each(499_999), usage(1, 0, 0, 0), when, 0, true},
		"half rounded up":                      {each(500_000), usage(1, 0, 0, 0), when, 1, true},
		"rounded once":                         {each(250_000), usage(1, 0, 0, 1), when, 1, true},
		"large":                                {each(1e15), usage(9_000_000_000, 0, 0, 0), when, 9e18, true},
		"too large":                            {each(1e15), usage(9_300_000_000, 0, 0, 0), when, 0, false},
		"far too large":                        {each(math.MaxInt64), usage(math.MaxInt64, 0, 0, math.MaxInt64), when, 0, false},
		"a prompt out of range":                {each(1), usage(math.MaxInt64, 1, 0, 0), when, 0, false},
		"more thoughts than answer":            {each(1e6), llm.Usage{Input: llm.Known(0), Output: llm.Known(5), Reasoning: llm.Known(9)}, when, 5, true},
	} {
		got, known := c.price.Cost(c.u, c.at)
		require.Equal(t, c.known, known, name)
		require.Equal(t, c.want, got, name)
	}
}

func find2(host, model string) *Price {
	return Embedded().Find(Query{ProviderType: "openai_compatible", Host: host, Model: model}).Price
}

// each is a price of n nano-dollars a million tokens, whatever they are.
func each(n int64) *Price {
	return &Price{periods: []period{{base: Rates{Input: llm.Known(n), Output: llm.Known(n)}}}}
}

func date(y, m, d, h int) time.Time { return time.Date(y, time.Month(m), d, h, 0, 0, 0, time.UTC) }

// Where a provider sells an hour of cache apart, its rate must not be guessed.
func TestHourOfCacheNeedsItsRate(t *testing.T) {
	u := usage(0, 0, 1000, 0)
	u.CacheWrite1h = llm.Known(400)
	for _, c := range []struct {
		typ, model string
		want       int64
		known      bool
	}{
		{"anthropic", "claude-opus-5", 400*10_000 + 600*6_250, true},
		{"bedrock", "us.anthropic.claude-opus-5", 0, false},
		{"openai", "gpt-4o", 1000 * 2_500, true},
	} {
		got, known := Embedded().Find(Query{ProviderType: c.typ, Model: c.model}).Price.Cost(u, when)
		require.Equal(t, c.known, known, c.model)
		require.Equal(t, c.want, got, c.model)
	}
}

func TestDailyOverMidnight(t *testing.T) {
	j := periodJSON{Daily: []string{"22:00", "02:00"}}
	p, err := j.period()
	require.NoError(t, err)
	for hour, want := range map[int]bool{21: false, 22: true, 23: true, 0: true, 1: true, 2: false, 12: false} {
		require.Equal(t, want, p.holds(date(2026, 1, 1, hour)), hour)
	}
	for _, j := range []periodJSON{{Daily: []string{"22:00"}}, {Daily: []string{"01:00", "01:00"}}, {Daily: []string{"x", "y"}}, {From: "x"}, {Tiers: []tierJSON{{Above: 2}, {Above: 2}}}} {
		_, err := j.period()
		require.Error(t, err)
	}
}
