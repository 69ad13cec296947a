package models

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

var (
	//go:embed prices.json
	pricesJSON []byte
	//go:embed claude.json
	claudeJSON []byte
	//go:embed capabilities.json
	capabilitiesJSON []byte
)

// sourceJSON says what a file was converted from.
type sourceJSON struct {
	Package   string `json:"package"`
	Version   string `json:"version"`
	License   string `json:"license"`
	Copyright string `json:"copyright"`
}

type pricesFile struct {
	Source    sourceJSON     `json:"source"`
	Providers []providerJSON `json:"providers"`
}

type providerJSON struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	URL      string      `json:"url"`
	Fallback []string    `json:"fallback"`
	Models   []modelJSON `json:"models"`
}

type modelJSON struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Match   rule         `json:"match"` // absent: its id
	Context int64        `json:"context"`
	Prices  []periodJSON `json:"prices"` // absent: not known
}

// ratesJSON are dollars per million tokens, or per thousand calls.
type ratesJSON struct {
	In              *float64 `json:"in"`
	Out             *float64 `json:"out"`
	Reasoning       *float64 `json:"reasoning"`
	Read            *float64 `json:"read"`
	Write           *float64 `json:"write"`
	Write1h         *float64 `json:"write_1h"`
	AudioIn         *float64 `json:"audio_in"`
	AudioOut        *float64 `json:"audio_out"`
	AudioRead       *float64 `json:"audio_read"`
	ImageOut        *float64 `json:"image_out"`
	PerKRequests    *float64 `json:"per_1k_requests"`
	PerKWebSearches *float64 `json:"per_1k_web_searches"`
}

type tierJSON struct {
	Above int64 `json:"above"`
	ratesJSON
}

type periodJSON struct {
	From  string   `json:"from"`
	Daily []string `json:"daily"`
	ratesJSON
	Tiers []tierJSON `json:"tiers"`
}

type capabilitiesFile struct {
	Source    *sourceJSON    `json:"source"`
	Upstreams []upstreamJSON `json:"upstreams"`
	Groups    []groupJSON    `json:"groups"`
}

// upstreamJSON names the types of providers that stand for an upstream, and where
// the prices do not know it, its URL.
type upstreamJSON struct {
	ID    string   `json:"id"`
	Types []string `json:"types"`
	URL   string   `json:"url"`
}

type groupJSON struct {
	Name string    `json:"name"`
	Rows []rowJSON `json:"rows"`
}

type rowJSON struct {
	Upstreams []string                   `json:"upstreams"` // absent: all
	Match     rule                       `json:"match"`     // absent: all
	Set       map[string]json.RawMessage `json:"set"`
}

// decode refuses members that are not known: one that is not read is one lost.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// maxRate is in dollars, and keeps a rate in nano-dollars exact in a float64.
const maxRate = 1e6

// nano makes nano-dollars of dollars.
func nano(dollars *float64, per int64) llm.Count {
	if dollars == nil {
		return llm.Count{}
	}
	return llm.Known(int64(math.Round(*dollars * 1e9 / float64(per))))
}

// over returns r with the rates that j knows.
func (j ratesJSON) over(r Rates) Rates {
	for _, x := range []struct {
		to  *llm.Count
		v   *float64
		per int64
	}{
		{&r.Input, j.In, 1}, {&r.Output, j.Out, 1}, {&r.Reasoning, j.Reasoning, 1}, {&r.CacheRead, j.Read, 1},
		{&r.CacheWrite, j.Write, 1}, {&r.CacheWrite1h, j.Write1h, 1}, {&r.AudioInput, j.AudioIn, 1}, {&r.AudioOutput, j.AudioOut, 1},
		{&r.AudioCacheRead, j.AudioRead, 1}, {&r.ImageOutput, j.ImageOut, 1}, {&r.Request, j.PerKRequests, 1000}, {&r.WebSearch, j.PerKWebSearches, 1000},
	} {
		if x.v != nil {
			*x.to = nano(x.v, x.per)
		}
	}
	return r
}

func (j periodJSON) period() (p period, err error) {
	p.base = j.over(Rates{})
	for i, t := range j.Tiers {
		if i > 0 && t.Above <= j.Tiers[i-1].Above {
			return p, fmt.Errorf("tiers are not in order")
		}
		p.tiers = append(p.tiers, tier{above: t.Above, rates: t.over(p.base)})
	}
	if j.From != "" {
		if p.from, err = time.Parse(time.DateOnly, j.From); err != nil {
			return p, err
		}
	}
	if j.Daily == nil {
		return p, nil
	}
	if len(j.Daily) != 2 || j.Daily[0] == j.Daily[1] {
		return p, fmt.Errorf("daily %q is not two times", j.Daily)
	}
	for i, to := range []*int{&p.start, &p.end} {
		t, err := time.Parse("15:04", j.Daily[i])
		if err != nil {
			return p, err
		}
		*to = t.Hour()*3600 + t.Minute()*60
	}
	return p, nil
}
