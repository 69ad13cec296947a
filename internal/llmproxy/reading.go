package llmproxy

import (
	"bytes"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
)

// reading is what the engine learns of an answer while it streams through.
type reading struct {
	op    llm.Operation
	usage llm.Usage
	// answered says that some of an answer has come: without it no tokens were
	// made, and none are estimated.
	answered bool
	// ended says that nothing is missing from a stream: some upstreams leave out
	// the event that says so, which closed says has come.
	ended, closed bool
	// failed says that an error came inside a stream.
	failed    bool
	textBytes int // of the streamed text, for an estimate
	toolCalls int
	toolNames []string
	sequence  int64 // of the last Responses event
	// responseID is the id by which a stored response is continued.
	responseID string
	same       pattern
	tap        *jsonscan.Tap // over an answer that is one JSON text
}

// tapped are the members that are read of each operation's answer. Operations
// that are not here consume no tokens.
var tapped = map[llm.Operation][]string{
	llm.OpenAIChat:        {"usage", "choices"},
	llm.OpenAICompletions: {"usage"},
	llm.OpenAIResponses:   {"usage", "output", "id"},
	llm.OpenAIEmbeddings:  {"usage"},
	llm.OpenAIImages:      {"usage"},
	llm.OpenAIAudio:       {"usage"},
	llm.OpenAIRerank:      {"usage"},
	llm.AnthropicMessages: {"usage", "content"},
	llm.GeminiGenerate:    {"usageMetadata", "candidates"},
}

// maxTapped bounds each of them; a longer one is not read.
const maxTapped = 1 << 20

// taps keep the memory of what they kept.
var taps = sync.Pool{New: func() any { return new(jsonscan.Tap) }}

func newReading(op llm.Operation) reading {
	tap := taps.Get().(*jsonscan.Tap)
	tap.Want, tap.Max = tapped[op], maxTapped
	return reading{op: op, tap: tap, sequence: -1}
}

// release gives back what the reading borrowed. Nothing that it has read points
// into that.
func (r *reading) release() {
	r.tap.Reset()
	taps.Put(r.tap)
}

// terminates says whether the operation's streams say that they are complete.
func (r *reading) terminates() bool {
	switch r.op {
	case llm.OpenAIChat, llm.OpenAICompletions, llm.OpenAIResponses, llm.AnthropicMessages, llm.GeminiGenerate:
		return true
	}
	return false
}

// half notes so many bytes of an answer that is one JSON text: if it breaks off, they are
// what is known of it.
func (r *reading) half(n int) {
	if r.terminates() {
		r.answered = true
		r.textBytes += n
	}
}

// body completes the reading of an answer that was one JSON text.
func (r *reading) body() {
	r.answered = true
	r.setUsage(r.tap.Value("usage"))
	r.usage.Final = true
	switch r.op {
	case llm.OpenAIChat:
		if v := r.tap.Value("choices"); bytes.Contains(v, []byte(`"tool_calls"`)) {
			items(v, 0, func(v []byte, at int) int { return r.choice(v, at) })
		}
	case llm.OpenAIResponses:
		items(r.tap.Value("output"), 0, r.outputItem)
		r.responseID, _ = jsonscan.String(r.tap.Value("id"))
	case llm.AnthropicMessages:
		items(r.tap.Value("content"), 0, r.contentBlock)
	case llm.GeminiGenerate:
		r.setGeminiUsage(r.tap.Value("usageMetadata"))
		r.geminiCalls(r.tap.Value("candidates"))
	}
}

// event takes the text of one event of a stream. It returns false for one that
// came only because the gateway asked for it, and is to be left out.
func (r *reading) event(text []byte, injected bool) bool {
	if n, ok := r.same.match(text); ok {
		r.textBytes += n
		return true
	}
	e := sse.Parse(text)
	if !e.HasData {
		return true
	}
	r.answered = true
	switch r.op {
	case llm.OpenAIChat, llm.OpenAICompletions:
		return r.chunk(text, e.Data, injected)
	case llm.OpenAIResponses:
		r.responsesEvent(e)
	case llm.AnthropicMessages:
		r.messagesEvent(text, e)
	case llm.GeminiGenerate:
		r.geminiChunk(e.Data)
	default:
		if tapped[r.op] != nil {
			walk(e.Data, 0, func(name []byte, at int) int {
				end := jsonscan.Skip(e.Data, at)
				if string(name) == "usage" && end > at {
					r.usage.Final = r.setUsage(e.Data[at:end]) || r.usage.Final
				}
				return end
			})
		}
	}
	return true
}

func (r *reading) tool(name []byte) {
	r.toolCalls++
	if s, err := jsonscan.String(name); err == nil && s != "" && len(s) <= maxToolName && len(r.toolNames) < maxToolNames {
		r.toolNames = append(r.toolNames, s)
	}
}

// walk visits the members of an object; of anything else it only finds the end.
func walk(v []byte, at int, visit func(name []byte, at int) int) int {
	if at < len(v) && v[at] == '{' {
		return jsonscan.Walk(v, at, visit)
	}
	return jsonscan.Skip(v, at)
}

// items visits the elements of an array; of anything else it only finds the end.
func items(v []byte, at int, visit func(v []byte, at int) int) int {
	if at < len(v) && v[at] == '[' {
		return jsonscan.Walk(v, at, func(_ []byte, at int) int { return visit(v, at) })
	}
	return jsonscan.Skip(v, at)
}

// named reads an object's "type" and "name".
func named(v []byte, at int) (kind, name []byte, end int) {
	end = walk(v, at, func(key []byte, at int) int {
		end := jsonscan.Skip(v, at)
		switch {
		case end < at:
		case string(key) == "type":
			kind = v[at:end]
		case string(key) == "name":
			name = v[at:end]
		}
		return end
	})
	return kind, name, end
}

// pattern recognises an event that differs from an earlier one in nothing but
// the text that a model has made, so that it need not be read. Most events of a
// stream are like that.
type pattern struct {
	before, after []byte
}

// learn remembers the text of an event whose model text is text[start:end].
func (p *pattern) learn(text []byte, start, end int) {
	p.before = append(p.before[:0], text[:start]...)
	p.after = append(p.after[:0], text[end:]...)
}

// match returns the length of the model's text. A quote in it could end the
// string, so then the event must be read.
func (p *pattern) match(text []byte) (int, bool) {
	n := len(text) - len(p.before) - len(p.after)
	if len(p.before) == 0 || n < 0 || !bytes.Equal(text[len(text)-len(p.after):], p.after) || !bytes.Equal(text[:len(p.before)], p.before) {
		return 0, false
	}
	made := text[len(p.before) : len(p.before)+n]
	if bytes.IndexByte(made, '"') >= 0 || bytes.IndexByte(made, '\\') >= 0 || bytes.IndexByte(made, '\n') >= 0 {
		return 0, false
	}
	return n, true
}
