package configstore

import "math"

// RateLimit bounds calls; 0 is no bound.
type RateLimit struct {
	// RPM and TPM are requests and tokens in a minute.
	RPM int64 `json:"rpm,omitempty"`
	TPM int64 `json:"tpm,omitempty"`
	// Concurrency is calls at once.
	Concurrency int64 `json:"concurrency,omitempty"`
}

// Budget bounds what is spent in a period; 0 is no bound.
type Budget struct {
	USD    float64 `json:"usd,omitempty"`
	Tokens int64   `json:"tokens,omitempty"`
	// Period is hour, day, week, month or total; required with a bound.
	Period string `json:"period,omitempty" jsonschema:"enum=hour,enum=day,enum=week,enum=month,enum=total"`
}

// maxUSD keeps money within integers of nano-dollars.
const maxUSD = 1e9

func (f *faults) rateLimit(at string, l RateLimit) {
	f.notNegative(at+".rpm", float64(l.RPM))
	f.notNegative(at+".tpm", float64(l.TPM))
	f.notNegative(at+".concurrency", float64(l.Concurrency))
}

func (f *faults) budget(at string, b Budget) {
	f.notNegative(at+".usd", b.USD)
	f.atMost(at+".usd", b.USD, maxUSD)
	f.notNegative(at+".tokens", float64(b.Tokens))
	if math.IsNaN(b.USD) {
		f.add(at+".usd", "is not a number")
	}
	switch {
	case b == Budget{}:
	case b.USD == 0 && b.Tokens == 0:
		f.add(at, "bounds nothing: give usd or tokens")
	default:
		f.oneOf(at+".period", b.Period, "hour", "day", "week", "month", "total")
	}
}
