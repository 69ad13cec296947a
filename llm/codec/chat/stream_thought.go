package chat

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// thought reads the thoughts of a delta. Upstreams that send them in a second form
// repeat in it what they say as text.
func (d *decoder) thought(c *choice, data []byte, said, details, blocks span) error {
	if blocks.there() && data[blocks.from] == '[' {
		list := gjson.ParseBytes(blocks.of(data))
		for _, b := range list.Array() {
			if err := d.block(c, b); err != nil {
				return err
			}
		}
	}
	s, listed := "", details.there() && data[details.from] == '['
	if listed {
		s = c.detail(gjson.ParseBytes(details.of(data)))
	}
	if blocks.there() {
		return nil
	}
	if c.bare { // this gateway's own come whole at the end, and repeat what was said
		s = ""
	}
	if said.there() {
		text, err := jsonscan.String(said.of(data))
		if err != nil {
			return errNotJSON()
		}
		s = text
		c.bare = c.bare || !listed
	}
	if s == "" {
		return nil
	}
	c.plain = true
	return d.add(c, codec.Thinking, s, nil)
}

// block reads a fragment of LiteLLM's thinking_blocks, whose signature ends one. This
// gateway's own come whole at the end, and repeat the text that was sent before; what
// is left of them is a thought without a text.
func (d *decoder) block(c *choice, v gjson.Result) error {
	if v.Get("type").Str == "redacted_thinking" {
		sig := codec.Carried(op, v.Get("data").Str)
		if sig == nil {
			return nil
		}
		return d.part(c, codec.Part{Kind: codec.Thinking, Thought: &codec.Thought{Redacted: true, Signature: sig}}, nil)
	}
	if s := v.Get("thinking").Str; s != "" && !c.plain {
		if err := d.add(c, codec.Thinking, s, nil); err != nil {
			return err
		}
	}
	if s := v.Get("signature").Str; s != "" {
		if err := d.start(c, codec.Thinking); err != nil {
			return err
		}
		c.sig = codec.Carried(op, s)
		return d.close(c)
	}
	return nil
}

// fragments is one element of reasoning_details, put together of the fragments that
// its stream sends: texts grow, and other members are what they were last.
type fragments struct {
	names  []string
	values map[string]string // raw
	texts  map[string]*strings.Builder
	signed bool
}

// detail adds a list of fragments and returns their text.
func (c *choice) detail(list gjson.Result) string {
	var texts strings.Builder
	for i, e := range list.Array() {
		if !e.IsObject() {
			continue
		}
		text, signed := detail(e)
		texts.WriteString(text)
		f := c.fragmentsOf(e, i == 0)
		f.signed = f.signed || signed
		codec.Each(e, func(name, m gjson.Result) bool {
			f.add(name.Str, m)
			return true
		})
	}
	return texts.String()
}

// fragmentsOf finds the element that v goes on with: the last of its type and index,
// which the first of a list can.
func (c *choice) fragmentsOf(v gjson.Result, first bool) *fragments {
	if n := len(c.details); n > 0 && first {
		f := c.details[n-1]
		if f.values["type"] == v.Get("type").Raw && (f.values["index"] == v.Get("index").Raw || !v.Get("index").Exists()) &&
			v.Get("type").Str != "reasoning.encrypted" {
			return f
		}
	}
	f := &fragments{values: map[string]string{}, texts: map[string]*strings.Builder{}}
	c.details = append(c.details, f)
	return f
}

func (f *fragments) add(name string, v gjson.Result) {
	_, seen := f.values[name]
	if !seen {
		f.names = append(f.names, name)
	}
	if (name == "text" || name == "summary") && v.Type == gjson.String {
		if f.texts[name] == nil {
			f.texts[name] = &strings.Builder{}
		}
		f.texts[name].WriteString(v.Str)
	}
	if !seen || set(v) {
		f.values[name] = v.Raw
	}
}

// signDetails takes the details that have come so far as one signature, nil when
// nothing in them is the provider's to see again.
func (c *choice) signDetails() *codec.Signature {
	signed := false
	for _, f := range c.details {
		signed = signed || f.signed
	}
	if !signed {
		c.details = nil
		return nil
	}
	var w jsonwrite.Writer
	w.Array()
	for _, f := range c.details {
		w.Object()
		for _, name := range f.names {
			if b := f.texts[name]; b != nil {
				w.StringField(name, b.String())
			} else {
				w.RawField(name, f.values[name])
			}
		}
		w.End()
	}
	w.EndArray()
	c.details = nil
	return &codec.Signature{Of: op, Value: string(w.B)}
}

// flushDetails makes a thought without a text of details that came with none.
func (d *decoder) flushDetails(c *choice) {
	if sig := c.signDetails(); sig != nil {
		p := &codec.Part{Kind: codec.Thinking, Thought: &codec.Thought{Redacted: true, Signature: sig}}
		d.startPart(c, p)
		d.stopPart(c, nil)
	}
}
