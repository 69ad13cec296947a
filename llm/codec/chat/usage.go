package chat

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
)

// readUsage reads a usage object. prompt_tokens holds what was read from a cache and
// written to one; DeepSeek and Moonshot have their own names for the former.
func readUsage(v gjson.Result) llm.Usage {
	if !v.IsObject() {
		return llm.Usage{}
	}
	u := llm.Usage{
		Input:      count(v, "prompt_tokens"),
		Output:     count(v, "completion_tokens"),
		CacheRead:  count(v, "prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens", "cached_tokens"),
		CacheWrite: count(v, "prompt_tokens_details.cache_write_tokens"),
		Reasoning:  count(v, "completion_tokens_details.reasoning_tokens"),
	}
	u.Final = isKnown(u)
	prompt := u.Input.N
	if u.Input.Known {
		u.Input.N = max(0, prompt-u.CacheRead.N-u.CacheWrite.N)
	}
	// xAI counts reasoning besides the completion, as its total shows.
	total := count(v, "total_tokens")
	if u.Output.Known && u.Reasoning.N > 0 && total.N == prompt+u.Output.N+u.Reasoning.N {
		u.Output.N += u.Reasoning.N
	}
	return u
}

func count(v gjson.Result, paths ...string) llm.Count {
	for _, path := range paths {
		if n := v.Get(path); n.Type == gjson.Number && n.Num >= 0 && n.Num < 1<<53 {
			return llm.Known(int64(n.Num))
		}
	}
	return llm.Count{}
}

// writeUsage writes the member usage. Numbers that must be there and are not known
// are 0.
func writeUsage(w *jsonwrite.Writer, u llm.Usage) {
	w.ObjectField("usage")
	w.IntField("prompt_tokens", u.Prompt().N)
	w.IntField("completion_tokens", u.Output.N)
	w.IntField("total_tokens", u.Total().N)
	if u.CacheRead.Known || u.CacheWrite.Known {
		w.ObjectField("prompt_tokens_details")
		if u.CacheRead.Known {
			w.IntField("cached_tokens", u.CacheRead.N)
		}
		if u.CacheWrite.Known {
			w.IntField("cache_write_tokens", u.CacheWrite.N)
		}
		w.End()
	}
	if u.Reasoning.Known {
		w.ObjectField("completion_tokens_details")
		w.IntField("reasoning_tokens", u.Reasoning.N)
		w.End()
	}
	w.End()
}

// isKnown says whether any number came at all.
func isKnown(u llm.Usage) bool { return u.Total().Known || u.Reasoning.Known }
