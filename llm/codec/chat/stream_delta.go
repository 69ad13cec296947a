package chat

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// choice is the state of one choice of a stream.
type choice struct {
	index    int
	word     string // the finish reason
	finished bool

	parts int // begun so far
	open  bool
	kind  codec.Kind // of the open part
	notes []codec.Annotation
	// before are the characters of the texts that have ended, chars those of the open one.
	before, chars int64
	sig           *codec.Signature
	plain         bool // thoughts have come as mere text
	bare          bool // and without the details of them beside it
	// details are those of thoughts that have not been handed on in a signature.
	details []*fragments

	calls []*call
	next  int // the first of calls that has not ended
}

// delta reads a delta, thoughts first and calls last.
func (d *decoder) delta(c *choice, data []byte, at int, probs json.RawMessage) error {
	var content, refusal, thought, details, blocks, calls, older, notes, images, audio span
	end := jsonscan.Walk(data, at, func(name []byte, at int) int {
		end := jsonscan.Skip(data, at)
		if end < 0 || end-at <= 2 || data[at] == 'n' { // null, or empty
			return end
		}
		if c := data[at]; (c == '{' || c == '[') && !gjson.ValidBytes(data[at:end]) { // it may be written on as it is
			return -1
		}
		s := span{at, end}
		switch string(name) {
		case "content":
			content = s
		case "refusal":
			refusal = s
		case "reasoning_content":
			thought = s
		case "reasoning":
			if !thought.there() {
				thought = s
			}
		case "reasoning_details":
			details = s
		case "thinking_blocks":
			blocks = s
		case "tool_calls":
			calls = s
		case "function_call":
			older = s
		case "annotations":
			notes = s
		case "images":
			images = s
		case "audio":
			audio = s
		}
		return end
	})
	if end < 0 {
		return errNotJSON()
	}
	if thought.there() || details.there() || blocks.there() {
		if err := d.thought(c, data, thought, details, blocks); err != nil {
			return err
		}
	}
	switch {
	case content.there() && data[content.from] == '[':
		for _, p := range readSaid(gjson.ParseBytes(content.of(data))) {
			if err := d.part(c, p, probs); err != nil {
				return err
			}
			probs = nil
		}
	case content.there() || probs != nil && !refusal.there() && !calls.there():
		if err := d.text(c, codec.Text, content.of(data), probs); err != nil {
			return err
		}
		probs = nil
	}
	if refusal.there() {
		if err := d.text(c, codec.Refusal, refusal.of(data), probs); err != nil {
			return err
		}
	}
	if notes.there() {
		if err := d.start(c, codec.Text); err != nil {
			return err
		}
		c.notes = append(c.notes, readAnnotations(gjson.ParseBytes(notes.of(data)))...)
	}
	if images.there() || audio.there() {
		m := gjson.ParseBytes(data[at:end])
		extra := `{"images":` + orNull(m.Get("images").Raw) + `,"audio":` + orNull(m.Get("audio").Raw) + `}`
		parts, _ := readAnswer(gjson.Parse(extra))
		for _, p := range parts {
			if err := d.part(c, p, nil); err != nil {
				return err
			}
		}
	}
	if calls.there() {
		return d.toolCalls(c, gjson.ParseBytes(calls.of(data)))
	}
	if older.there() {
		return d.olderCall(c, gjson.ParseBytes(older.of(data)))
	}
	return nil
}

func orNull(raw string) string {
	if raw == "" {
		return "null"
	}
	return raw
}

// text adds to the open part of a kind, or begins one. value is a JSON string, or
// nothing where only log probabilities came.
func (d *decoder) text(c *choice, kind codec.Kind, value []byte, probs json.RawMessage) error {
	s := ""
	if len(value) > 0 {
		var err error
		if s, err = jsonscan.String(value); err != nil {
			return errNotJSON()
		}
	}
	return d.add(c, kind, s, probs)
}

func (d *decoder) add(c *choice, kind codec.Kind, s string, probs json.RawMessage) error {
	if !c.open || c.kind != kind {
		if err := d.start(c, kind); err != nil {
			return err
		}
	}
	if kind == codec.Text {
		c.chars += runes(s)
	}
	d.emit(codec.Event{Kind: codec.PartDelta, Choice: c.index, Index: c.parts - 1, Delta: s, Logprobs: probs})
	return nil
}

// start begins a part of text of a kind, unless one is open.
func (d *decoder) start(c *choice, kind codec.Kind) error {
	if c.open && c.kind == kind {
		return nil
	}
	p := &codec.Part{Kind: kind}
	if kind == codec.Thinking {
		p.Thought = &codec.Thought{}
	}
	return d.begins(c, p)
}

// begins ends what is open and begins p.
func (d *decoder) begins(c *choice, p *codec.Part) error {
	if err := d.close(c); err != nil {
		return err
	}
	if p.Kind != codec.Thinking {
		d.flushDetails(c)
	}
	d.startPart(c, p)
	return nil
}

func (d *decoder) startPart(c *choice, p *codec.Part) {
	d.emit(codec.Event{Kind: codec.PartStart, Choice: c.index, Index: c.parts, Part: p})
	c.parts++
	c.open, c.kind = true, p.Kind
}

func (d *decoder) stopPart(c *choice, p *codec.Part) {
	c.open = false
	d.emit(codec.Event{Kind: codec.PartStop, Choice: c.index, Index: c.parts - 1, Part: p})
}

// close ends the open part, and all calls that have come.
func (d *decoder) close(c *choice) error {
	if c.open && c.kind != codec.ToolCallPart {
		var p *codec.Part
		switch {
		case len(c.notes) > 0:
			within(c.notes, c.before, c.chars)
			p = &codec.Part{Kind: c.kind, Annotations: c.notes}
		case c.kind == codec.Thinking:
			if c.sig == nil {
				c.sig = c.signDetails()
			}
			if c.sig != nil {
				p = &codec.Part{Kind: c.kind, Thought: &codec.Thought{Signature: c.sig}}
			}
		}
		c.notes, c.sig = nil, nil
		c.before, c.chars = c.before+c.chars, 0
		d.stopPart(c, p)
	}
	return d.flushCalls(c)
}

// part adds a part that comes whole; the texts of Mistral's lists go on with an open
// one.
func (d *decoder) part(c *choice, p codec.Part, probs json.RawMessage) error {
	if p.Kind == codec.Text || p.Kind == codec.Refusal || p.Kind == codec.Thinking && !p.Thought.Redacted {
		return d.add(c, p.Kind, p.Text, probs)
	}
	if err := d.begins(c, &p); err != nil {
		return err
	}
	d.stopPart(c, nil)
	return nil
}
