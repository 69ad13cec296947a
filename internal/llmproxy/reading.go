package llmproxy

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// reading is what the engine learns of an answer while it streams through.
type reading struct {
	op    llm.Operation
	usage llm.Usage
	// answered says that some of an answer has come: without it no tokens were
	// made, and none are estimated.
	answered bool
	// ended says that a stream has said that it is complete.
	ended bool
	// failed says that an error came inside a stream.
	failed    bool
	textBytes int // of the streamed text, for an estimate
	toolCalls int
	toolNames []string
	sequence  int64        // of the last Responses event
	tap       jsonscan.Tap // over an answer that is one JSON text
}

// tapped are the members that are read of each operation's answer. Operations
// that are not here consume no tokens.
var tapped = map[llm.Operation][]string{
	llm.OpenAIChat:        {"usage", "choices"},
	llm.OpenAICompletions: {"usage"},
	llm.OpenAIResponses:   {"usage", "output"},
	llm.OpenAIEmbeddings:  {"usage"},
	llm.OpenAIImages:      {"usage"},
	llm.OpenAIAudio:       {"usage"},
	llm.OpenAIRerank:      {"usage"},
	llm.AnthropicMessages: {"usage", "content"},
}

// maxTapped bounds each of them; a longer one is not read.
const maxTapped = 1 << 20

func newReading(op llm.Operation) reading {
	return reading{op: op, tap: jsonscan.Tap{Want: tapped[op], Max: maxTapped}}
}

// terminates says whether the operation's streams say that they are complete.
func (r *reading) terminates() bool {
	switch r.op {
	case llm.OpenAIChat, llm.OpenAICompletions, llm.OpenAIResponses, llm.AnthropicMessages:
		return true
	}
	return false
}

// body completes the reading of an answer that was one JSON text.
func (r *reading) body() {
	r.answered = true
	r.setUsage(gjson.ParseBytes(r.tap.Value("usage")))
	r.usage.Final = true
	switch r.op {
	case llm.OpenAIChat:
		each(gjson.ParseBytes(r.tap.Value("choices")), func(choice gjson.Result) {
			each(choice.Get("message.tool_calls"), r.chatTool)
		})
	case llm.OpenAIResponses:
		each(gjson.ParseBytes(r.tap.Value("output")), r.outputItem)
	case llm.AnthropicMessages:
		each(gjson.ParseBytes(r.tap.Value("content")), r.contentBlock)
	}
}

// event takes the text of one event of a stream. It returns false for one that
// came only because the gateway asked for it, and is to be left out.
func (r *reading) event(text []byte, injected bool) bool {
	e := sse.Parse(text)
	if !e.HasData {
		return true
	}
	r.answered = true
	switch r.op {
	case llm.OpenAIChat, llm.OpenAICompletions:
		return r.chunk(e.Data, injected)
	case llm.OpenAIResponses:
		r.responsesEvent(e)
	case llm.AnthropicMessages:
		r.messagesEvent(e)
	default:
		if tapped[r.op] != nil && has(e.Data, `"usage"`) {
			r.setUsage(gjson.GetBytes(e.Data, "usage"))
		}
	}
	return true
}

// fill copies what was read to an event. promptBytes is what an aborted call's
// prompt is estimated from.
func (r *reading) fill(l *metrics.LLM, promptBytes int) {
	u := r.usage
	if r.answered && !u.Final && tapped[r.op] != nil {
		if !u.Prompt().Known {
			u.Input = llm.Known(estimate(promptBytes))
		}
		if seen := estimate(r.textBytes); !u.Output.Known || u.Output.N < seen {
			u.Output = llm.Known(seen)
		}
	}
	l.InputTokens = metrics.Count(u.Prompt())
	l.OutputTokens = metrics.Count(u.Output)
	l.TotalTokens = metrics.Count(u.Total())
	l.CacheRead = metrics.Count(u.CacheRead)
	l.CacheWrite = metrics.Count(u.CacheWrite)
	l.Reasoning = metrics.Count(u.Reasoning)
	l.UsageFinalized = u.Final && u.Total().Known
	l.ToolCallCount, l.ToolNames = r.toolCalls, r.toolNames
}

// estimate makes tokens of bytes: four to one, the usual rule for English text
// and code.
func estimate(bytes int) int64 { return int64(bytes+3) / 4 }

// setUsage takes a usage object of any of the protocols. Reports in a stream are
// cumulative, so numbers are set, never added, and absent ones stay.
func (r *reading) setUsage(v gjson.Result) {
	if !v.IsObject() {
		return
	}
	u := &r.usage
	if r.op.Protocol() == "anthropic" {
		take(&u.Input, v.Get("input_tokens"))
		take(&u.CacheRead, v.Get("cache_read_input_tokens"))
		take(&u.CacheWrite, v.Get("cache_creation_input_tokens"))
		take(&u.Output, v.Get("output_tokens"))
		take(&u.Reasoning, v.Get("output_tokens_details.thinking_tokens"))
		return
	}
	// OpenAI's counts of the prompt include what was cached.
	var prompt llm.Count
	take(&prompt, v.Get("prompt_tokens"))
	take(&prompt, v.Get("input_tokens"))
	for _, details := range []gjson.Result{v.Get("prompt_tokens_details"), v.Get("input_tokens_details")} {
		take(&u.CacheRead, details.Get("cached_tokens"))
		take(&u.CacheWrite, details.Get("cache_write_tokens"))
	}
	if !u.CacheRead.Known {
		take(&u.CacheRead, v.Get("prompt_cache_hit_tokens"))
	}
	if prompt.Known {
		u.Input = llm.Known(max(0, prompt.N-u.CacheRead.N-u.CacheWrite.N))
	}
	take(&u.Output, v.Get("completion_tokens"))
	take(&u.Output, v.Get("output_tokens"))
	take(&u.Reasoning, v.Get("completion_tokens_details.reasoning_tokens"))
	take(&u.Reasoning, v.Get("output_tokens_details.reasoning_tokens"))
	if total := v.Get("total_tokens"); !u.Output.Known && prompt.Known && total.Type == gjson.Number {
		u.Output = llm.Known(max(0, total.Int()-prompt.N)) // embeddings report no output
	}
}

func take(c *llm.Count, v gjson.Result) {
	if v.Type == gjson.Number && v.Num >= 0 {
		*c = llm.Known(v.Int())
	}
}

func (r *reading) tool(name string) {
	r.toolCalls++
	if name != "" && len(name) <= 256 && len(r.toolNames) < maxToolNames {
		r.toolNames = append(r.toolNames, name)
	}
}

func each(list gjson.Result, visit func(gjson.Result)) {
	if list.IsArray() {
		list.ForEach(func(_, v gjson.Result) bool {
			visit(v)
			return true
		})
	}
}
