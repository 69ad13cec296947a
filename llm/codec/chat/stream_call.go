package chat

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// call is a tool call of a stream. Calls are handed on one after another: of one
// that begins while another is open, the fragments wait until that is whole.
type call struct {
	key            int64 // the upstream's index; -1 for none
	id, name       string
	custom         bool
	started, ended bool
	waiting        strings.Builder // arguments that have not been handed on
	balance        balance
	sig            *codec.Signature
	extra          []codec.Field
}

// whole says whether nothing is to be expected any more. The input of a custom tool
// does not show it.
func (k *call) whole() bool { return k.custom || k.balance.whole() }

func (d *decoder) toolCalls(c *choice, list gjson.Result) error {
	var err error
	codec.Each(list, func(_, v gjson.Result) bool {
		key := int64(-1)
		if i := v.Get("index"); i.Type == gjson.Number {
			key = i.Int()
		}
		body, args := v.Get("function"), gjson.Result{}
		custom := false
		if x := v.Get("custom"); x.IsObject() {
			custom, body, args = true, x, x.Get("input")
		} else {
			args = body.Get("arguments")
		}
		var k *call
		if k, err = c.callOf(key, v.Get("id").Str, body.Get("name").Str, custom); err != nil {
			return false
		}
		if x := v.Get("extra_content"); x.IsObject() {
			if sig, extra := extraContent(x, nil); sig != nil || k.sig == nil {
				k.sig, k.extra = sig, extra
			}
		}
		err = d.fragment(c, k, body.Get("name").Str, arguments(args))
		return err == nil
	})
	return err
}

// olderCall reads a fragment of function_call.
func (d *decoder) olderCall(c *choice, v gjson.Result) error {
	k, err := c.callOf(0, "", v.Get("name").Str, false)
	if err != nil {
		return err
	}
	return d.fragment(c, k, v.Get("name").Str, arguments(v.Get("arguments")))
}

// callOf finds the call that a fragment belongs to, or makes one. Upstreams differ:
// some send no index, or 0 for all; some no id, or one with every fragment.
func (c *choice) callOf(key int64, id, name string, custom bool) (*call, error) {
	var k *call
	for _, x := range c.calls {
		if id != "" && x.id == id {
			return x, nil
		}
		if key < 0 && id == "" || key >= 0 && x.key == key {
			k = x
		}
	}
	// Another name is another call, where the id says so or the one before is whole.
	if k != nil && name != "" && k.name != "" && (id != "" && id != k.id && k.id != "" || id == "" && k.whole()) {
		k = nil
	}
	if k == nil {
		if len(c.calls) >= maxCalls {
			return nil, llm.Errorf(llm.CodeUpstream, "the upstream's answer has too many tool calls")
		}
		k = &call{key: key, custom: custom}
		c.calls = append(c.calls, k)
	}
	if k.id == "" {
		k.id = id
	}
	return k, nil
}

func (d *decoder) fragment(c *choice, k *call, name, args string) error {
	if k.ended {
		if strings.TrimSpace(args) == "" || name != "" { // nothing, or all of it once more
			return nil
		}
		return llm.Errorf(llm.CodeUpstream, "the upstream went on with a tool call that had ended")
	}
	if k.name == "" {
		k.name = name
	}
	k.balance.feed(args)
	if k.started {
		d.arguments(c, args)
	} else {
		k.waiting.WriteString(args)
	}
	for c.next < len(c.calls) {
		k := c.calls[c.next]
		if !k.started {
			if k.name == "" {
				return nil // it comes with a later fragment
			}
			if err := d.startCall(c, k); err != nil {
				return err
			}
		}
		if c.next == len(c.calls)-1 || !k.whole() {
			return nil
		}
		d.stopCall(c, k)
	}
	return nil
}

func (d *decoder) arguments(c *choice, args string) {
	if args != "" {
		d.emit(codec.Event{Kind: codec.PartDelta, Choice: c.index, Index: c.parts - 1, Delta: args})
	}
}

func (d *decoder) startCall(c *choice, k *call) error {
	if k.name == "" {
		return errNoName()
	}
	if c.open && c.kind != codec.ToolCallPart {
		next := c.next
		c.next = len(c.calls) // the calls that have come are not to end with the text
		err := d.close(c)
		if c.next = next; err != nil {
			return err
		}
	}
	d.flushDetails(c)
	if k.id == "" {
		k.id = codec.NewID("call_")
	}
	k.started = true
	d.startPart(c, &codec.Part{Kind: codec.ToolCallPart, Signature: k.sig, Extra: k.extra,
		Call: &codec.ToolCall{ID: k.id, Name: k.name, Custom: k.custom}})
	d.arguments(c, k.waiting.String())
	k.waiting.Reset()
	return nil
}

func errNoName() error {
	return llm.Errorf(llm.CodeUpstream, "the upstream's answer has a tool call without a name")
}

func (d *decoder) stopCall(c *choice, k *call) {
	var p *codec.Part
	if k.sig != nil {
		p = &codec.Part{Kind: codec.ToolCallPart, Signature: k.sig}
	}
	k.ended = true
	c.next++
	d.stopPart(c, p)
}

// flushCalls ends all calls that have come.
func (d *decoder) flushCalls(c *choice) error {
	for c.next < len(c.calls) {
		k := c.calls[c.next]
		if !k.started {
			if err := d.startCall(c, k); err != nil {
				return err
			}
		}
		d.stopCall(c, k)
	}
	return nil
}

// balance follows a JSON text in fragments and knows when its brackets are closed.
type balance struct {
	depth                   int
	some, inString, escaped bool
}

func (b *balance) whole() bool { return b.some && b.depth == 0 && !b.inString }

func (b *balance) feed(s string) {
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case b.escaped:
			b.escaped = false
		case b.inString:
			b.escaped, b.inString = ch == '\\', ch != '"'
		case ch == '"':
			b.some, b.inString = true, true
		case ch == '{' || ch == '[':
			b.some = true
			b.depth++
		case ch == '}' || ch == ']':
			b.depth--
		}
	}
}
