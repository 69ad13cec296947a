package chat

import (
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// encoder writes a stream of chat.completion.chunk.
type encoder struct {
	req    *codec.Request
	lost   *codec.Losses
	from   llm.Operation
	legacy bool
	usage  llm.Usage
	tier   string // as the chunks say it
	// head begins every chunk, and chunk those of a choice up to its index.
	head, chunk []byte
	tail        string
	choices     []*outChoice
	over        bool
}

// outChoice is the state of one choice.
type outChoice struct {
	index, calls         int
	told, some, finished bool // some part has begun
	// Of the open part: what it is, and what is to be known at its end.
	part     codec.Part
	text     strings.Builder // of a thought
	signed   bool
	begun    bool // an argument or a text has come
	summary  int
	before   int64 // characters of the texts before the open one
	chars    int64
	thought  bool // there was one with a text
	notes    []note
	thoughts []codec.Part // with signatures
	refused  bool
	images   int
}

// NewStreamEncoder writes a stream for the caller who sent req.
func (chat) NewStreamEncoder(req *codec.Request, lost *codec.Losses) codec.StreamEncoder {
	e := &encoder{req: req, lost: lost, legacy: legacy(req), tail: "}\n\n"}
	if req != nil && req.IncludeUsage {
		e.tail = `,"usage":null` + e.tail
	}
	return e
}

// Encode writes what e becomes.
func (e *encoder) Encode(dst []byte, ev *codec.Event) ([]byte, error) {
	if e.over {
		return dst, nil
	}
	switch ev.Kind {
	case codec.Begin:
		e.begin(ev.Response)
		return e.tell(dst, e.choice(0)), nil
	case codec.PartStart:
		return e.start(dst, e.choice(ev.Choice), ev.Part), nil
	case codec.PartDelta:
		return e.delta(dst, e.choice(ev.Choice), ev), nil
	case codec.PartStop:
		return e.stop(dst, e.choice(ev.Choice), ev.Part), nil
	case codec.FinishEvent:
		return e.finish(dst, e.choice(ev.Choice), &ev.Finish)
	case codec.UsageEvent:
		if ev.Response != nil {
			e.usage = ev.Response.Usage
		}
	case codec.End:
		return e.end(dst, ev.Response)
	case codec.Failed:
		return e.Fail(dst, ev.Err, ""), nil
	}
	return dst, nil
}

// Fail writes the error event, which no [DONE] follows.
func (e *encoder) Fail(dst []byte, err *llm.Error, requestID string) []byte {
	e.over = true
	if err == nil {
		err = llm.Errorf(llm.CodeUpstream, "the upstream failed in the middle of its answer")
	}
	dst = append(dst, "data: "...)
	dst = append(dst, err.Body(op.Protocol(), requestID)...)
	return append(dst, "\n\n"...)
}

// begin makes what all chunks begin with.
func (e *encoder) begin(r *codec.Response) {
	if r == nil {
		r = &codec.Response{}
	}
	e.from = r.From
	if isKnown(r.Usage) {
		e.usage = r.Usage
	}
	w := jsonwrite.Writer{B: []byte("data: ")}
	w.Object()
	headOf(r, e.req, "chat.completion.chunk").write(&w)
	if e.tier = r.ServiceTier; e.tier != "" {
		w.StringField("service_tier", e.tier)
	}
	extras(&w, r.Extra, r.From, e.lost, "")
	w.Name("choices")
	e.head = codec.OneLine(w.B)
	e.chunk = append(append(make([]byte, 0, len(e.head)+16), e.head...), `[{"index":`...)
}

func (e *encoder) choice(index int) *outChoice {
	if e.head == nil {
		e.begin(nil)
	}
	for _, c := range e.choices {
		if c.index == index {
			return c
		}
	}
	c := &outChoice{index: index}
	e.choices = append(e.choices, c)
	return c
}

// open begins a chunk up to its delta's first member; done ends it.
func (e *encoder) open(dst []byte, c *outChoice) []byte {
	dst = append(dst, e.chunk...)
	dst = strconv.AppendInt(dst, int64(c.index), 10)
	return append(dst, `,"delta":{`...)
}

func (e *encoder) done(dst []byte) []byte {
	dst = append(dst, `},"finish_reason":null}]`...)
	return append(dst, e.tail...)
}

// tell writes the role, which a choice's first chunk says.
func (e *encoder) tell(dst []byte, c *outChoice) []byte {
	if c.told {
		return dst
	}
	c.told = true
	return e.done(append(e.open(dst, c), `"role":"assistant","content":""`...))
}

func (e *encoder) finish(dst []byte, c *outChoice, f *codec.Finish) ([]byte, error) {
	if c.finished {
		return dst, nil
	}
	if err := failed(f); err != nil {
		return dst, err
	}
	c.finished = true
	dst = e.owed(e.tell(dst, c), c, f)
	word := finishWord(f.Reason)
	if e.legacy && word == "tool_calls" {
		word = "function_call"
	}
	dst = append(e.open(dst, c), `},"finish_reason":"`...)
	dst = append(append(dst, word...), `"}]`...)
	return append(dst, e.tail...), nil
}

// owed writes what stands in one list for the whole answer, as clients do not join
// lists: the sources, and the thoughts with their signatures.
func (e *encoder) owed(dst []byte, c *outChoice, f *codec.Finish) []byte {
	refusal := ""
	if !c.refused {
		refusal = refusalOf(f, e.from, !c.some)
	}
	if !writes(c.notes) {
		if len(c.notes) > 0 {
			e.lost.Drop("annotations")
		}
		c.notes = nil
	}
	if refusal == "" && len(c.notes)+len(c.thoughts) == 0 {
		return dst
	}
	w := jsonwrite.Writer{B: e.open(dst, c)}
	if refusal != "" {
		w.StringField("refusal", refusal)
	}
	vessels(&w, c.thoughts, false)
	if len(c.notes) > 0 {
		w.ArrayField("annotations")
		for i := range c.notes {
			writeAnnotation(&w, &c.notes[i].Annotation, c.notes[i].offset, e.lost)
		}
		w.EndArray()
	}
	codec.OneLine(w.B[len(dst):])
	return e.done(w.B)
}

// end writes usage, for a caller who asked for it, and the stream's end.
func (e *encoder) end(dst []byte, r *codec.Response) ([]byte, error) {
	var err error
	f := codec.Finish{Reason: codec.ReasonStop}
	if r != nil {
		if isKnown(r.Usage) {
			e.usage = r.Usage
		}
		if r.Blocked != "" {
			f = codec.Finish{Reason: codec.ReasonFilter, Raw: r.Blocked}
		}
		if r.From != op {
			extras(nil, r.Extra, r.From, e.lost, "")
		}
	}
	e.choice(0)
	for _, c := range e.choices {
		if dst, err = e.finish(dst, c, &f); err != nil {
			return dst, err
		}
	}
	e.over = true
	if e.req != nil && e.req.IncludeUsage {
		dst = append(append(dst, e.head...), "[],"...)
		w := jsonwrite.Writer{B: dst}
		writeUsage(&w, e.usage)
		if r != nil && r.ServiceTier != "" && e.tier == "" { // as it has become known late
			w.StringField("service_tier", r.ServiceTier)
		}
		dst = append(w.B, "}\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...), nil
}
