package messages

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Kinds of iterations. Those of other kinds are taken for ones that the counts of the
// message include, as they do samplings of its own model.
const (
	ofMessage    = "message"
	ofCompaction = "compaction"       // a summary by the message's own model
	ofAdvisor    = "advisor_message"  // by the model that a tool names
	ofFallback   = "fallback_message" // by the model that answered in the place of another
)

// ReadIterations reads the iterations of a message's usage, for those who relay it and
// do not decode it. It returns nil where they say no more than the counts beside them.
func ReadIterations(array []byte) *llm.Iterations { return readIterations(gjson.ParseBytes(array)) }

func readIterations(array gjson.Result) *llm.Iterations {
	fellBack := false
	codec.Each(array, func(_, v gjson.Result) bool {
		fellBack = v.Get("type").Str == ofFallback
		return !fellBack
	})
	var list llm.Iterations
	codec.Each(array, func(_, v gjson.Result) bool {
		if it, billed := readIteration(v, fellBack); billed {
			list.Add(it)
		}
		return true
	})
	if len(list) == 0 || len(list) == 1 && list[0].Model == "" && !list[0].Beyond {
		return nil
	}
	return &list
}

// readIteration returns false for what is not billed, or not to be told from what the
// counts of the message are.
func readIteration(v gjson.Result, fellBack bool) (it llm.Iteration, billed bool) {
	if !v.IsObject() {
		return it, false
	}
	kind, model := "", ""
	var written llm.Count
	codec.Each(v, func(k, v gjson.Result) bool {
		switch k.Str {
		case "type":
			kind = v.Str
		case "model":
			model = v.Str
		case "input_tokens":
			it.Input = tokens(v)
		case "output_tokens":
			it.Output = tokens(v)
		case "cache_read_input_tokens":
			it.CacheRead = tokens(v)
		case "cache_creation_input_tokens":
			it.CacheWrite = tokens(v)
		case "cache_creation":
			written, it.CacheWrite1h = lifetimes(v)
		}
		return true
	})
	if !it.CacheWrite.Known {
		it.CacheWrite = written
	}
	it.Beyond = kind == ofCompaction || kind == ofAdvisor
	if fellBack || kind != ofMessage && kind != ofCompaction {
		it.Model = model // else the price is of the name that was asked for
	}
	counted := it.Input.Known && it.Output.Known
	switch {
	case counted && it.Total().N == 0:
		return it, false
	case fellBack && kind == ofMessage && counted && it.Output.N == 0:
		return it, false // declined before it said anything, which costs nothing
	}
	// What lies beyond and was not counted leaves the whole bill unknown.
	return it, counted || it.Beyond
}

func tokens(v gjson.Result) llm.Count {
	if v.Type != gjson.Number {
		return llm.Count{}
	}
	return llm.Known(v.Int())
}
