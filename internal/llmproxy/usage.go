package llmproxy

import (
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec/messages"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// usageReport is a usage object of any of the protocols.
type usageReport struct {
	prompt, output, total         llm.Count
	cacheWrite1h                  llm.Count
	cached, cacheWrite, reasoning llm.Count
	deepseekCached                llm.Count
	iterations                    []byte // the array of them; Anthropic's
}

// readUsage reads a usage object; false when v is none.
func readUsage(v []byte) (u usageReport, ok bool) {
	details := func(name []byte, at int) int {
		end := jsonscan.Skip(v, at)
		if n, ok := number(v, at, end); ok {
			switch string(name) {
			case "cached_tokens":
				u.cached = n
			case "cache_write_tokens":
				u.cacheWrite = n
			case "reasoning_tokens", "thinking_tokens":
				u.reasoning = n
			case "ephemeral_1h_input_tokens":
				u.cacheWrite1h = n
			}
		}
		return end
	}
	end := jsonscan.Walk(v, 0, func(name []byte, at int) int {
		switch string(name) {
		case "prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details", "cache_creation":
			if v[at] == '{' {
				return jsonscan.Walk(v, at, details)
			}
		case "iterations":
			end := jsonscan.Skip(v, at)
			if v[at] == '[' && end > at {
				u.iterations = v[at:end]
			}
			return end
		}
		end := jsonscan.Skip(v, at)
		n, ok := number(v, at, end)
		if !ok {
			return end
		}
		switch string(name) {
		case "prompt_tokens", "input_tokens":
			u.prompt = n
		case "completion_tokens", "output_tokens":
			u.output = n
		case "total_tokens":
			u.total = n
		case "cache_read_input_tokens":
			u.cached = n
		case "cache_creation_input_tokens":
			u.cacheWrite = n
		case "prompt_cache_hit_tokens":
			u.deepseekCached = n
		}
		return end
	})
	return u, end > 0 && v[0] == '{'
}

func number(v []byte, at, end int) (llm.Count, bool) {
	if end < at {
		return llm.Count{}, false
	}
	n, ok := jsonscan.Int(v[at:end])
	return llm.Known(n), ok
}

// setUsage takes a usage object. Reports in a stream are cumulative, so numbers
// are set, never added, and absent ones stay.
func (r *reading) setUsage(v []byte) bool {
	report, ok := readUsage(v)
	if !ok {
		return false
	}
	u := &r.usage
	take(&u.CacheRead, report.deepseekCached)
	take(&u.CacheRead, report.cached)
	take(&u.CacheWrite, report.cacheWrite)
	take(&u.CacheWrite1h, report.cacheWrite1h)
	take(&u.Output, report.output)
	take(&u.Reasoning, report.reasoning)
	if r.op.Protocol() == "anthropic" {
		take(&u.Input, report.prompt)
		if report.iterations != nil {
			u.Iterations = messages.ReadIterations(report.iterations)
		}
		return true
	}
	// OpenAI's count of the prompt includes what was cached.
	if report.prompt.Known {
		u.Input = llm.Known(max(0, report.prompt.N-u.CacheRead.N-u.CacheWrite.N))
		if !u.Output.Known && report.total.Known { // embeddings report no output
			u.Output = llm.Known(max(0, report.total.N-report.prompt.N))
		}
	}
	return true
}

func take(c *llm.Count, v llm.Count) {
	if v.Known {
		*c = v
	}
}

// fill copies what is billed to an event, and returns the usage of which that is the sum.
// promptBytes is what an aborted call's prompt is estimated from.
func (r *reading) fill(l *metrics.LLM, promptBytes int) llm.Usage {
	u := r.usage
	if r.answered && !u.Final && tapped[r.op] != nil {
		if !u.Prompt().Known {
			u.Input = llm.Known(estimate(promptBytes))
		}
		if seen := estimate(r.textBytes); !u.Output.Known || u.Output.N < seen {
			u.Output = llm.Known(seen)
		}
	}
	b := u.Billed()
	l.InputTokens = metrics.Count(b.Prompt())
	l.OutputTokens = metrics.Count(b.Output)
	l.TotalTokens = metrics.Count(b.Total())
	l.CacheRead = metrics.Count(b.CacheRead)
	l.CacheWrite = metrics.Count(b.CacheWrite)
	l.Reasoning = metrics.Count(b.Reasoning)
	l.UsageFinalized = u.Final && u.Total().Known
	l.ToolCallCount, l.ToolNames = r.toolCalls, r.toolNames
	return u
}

// estimate makes tokens of bytes: four to one, the usual rule for English text
// and code.
func estimate(bytes int) int64 { return int64(bytes+3) / 4 }
