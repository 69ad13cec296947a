package chat

import (
	"bytes"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// decoder reads a stream of chat.completion.chunk. A finish reason is not believed
// before the stream goes on to usage or ends, as some upstreams repeat it in every
// chunk.
type decoder struct {
	begun, over bool
	resp        codec.Response
	choices     []*choice
	out         []codec.Event
}

// NewStreamDecoder reads an upstream's stream.
func (chat) NewStreamDecoder() codec.StreamDecoder { return &decoder{resp: codec.Response{From: op}} }

// maxChoices and maxCalls bound what a stream can make the decoder keep.
const (
	maxChoices = 128
	maxCalls   = 1024
)

var done = []byte("[DONE]")

// Decode reads one chunk.
func (d *decoder) Decode(out []codec.Event, name, data []byte) ([]codec.Event, error) {
	data = bytes.TrimSpace(data)
	if d.over || len(data) == 0 {
		return out, nil
	}
	d.out = out
	var err error
	switch {
	case bytes.Equal(data, done):
		err = d.end()
	case string(name) == "error":
		d.fail(errorOf(gjson.ParseBytes(data)))
	default:
		err = d.chunk(data)
	}
	out, d.out = d.out, nil
	d.over = d.over || err != nil
	return out, err
}

// span is where a value stands in the data; {} for one that is not there.
type span struct{ from, to int }

func (s span) of(data []byte) []byte { return data[s.from:s.to] }

func (s span) there() bool { return s.to > s.from }

func (d *decoder) chunk(data []byte) error {
	if !d.begun && !gjson.ValidBytes(data) {
		return errNotJSON()
	}
	if !d.begun {
		d.begin(gjson.ParseBytes(data))
	}
	var usage, fault span
	some := false
	var err error
	end := jsonscan.Walk(data, 0, func(name []byte, at int) int {
		if string(name) == "choices" && d.begun && at < len(data) && data[at] == '[' {
			return jsonscan.Walk(data, at, func(_ []byte, at int) (end int) {
				some = true
				if end, err = d.choice(data, at); err != nil {
					return -1
				}
				return end
			})
		}
		end := jsonscan.Skip(data, at)
		switch {
		case end < 0 || data[at] == 'n': // null
		case string(name) == "usage":
			usage = span{at, end}
		case string(name) == "error":
			fault = span{at, end}
		case string(name) == "service_tier" && d.resp.ServiceTier == "":
			d.resp.ServiceTier, _ = jsonscan.String(data[at:end])
		}
		return end
	})
	switch {
	case err != nil:
		return err
	case end < 0:
		return errNotJSON()
	case fault.there():
		d.fail(gjson.ParseBytes(fault.of(data)))
	case usage.there():
		return d.usage(readUsage(gjson.ParseBytes(usage.of(data))), !some)
	}
	return nil
}

func errNotJSON() error {
	return llm.Errorf(llm.CodeUpstream, "the upstream's stream holds an event that is not a JSON object")
}

// begin reads what the first chunk says of the answer. Azure sends one before it
// that says nothing.
func (d *decoder) begin(v gjson.Result) {
	if set(v.Get("error")) || v.Get("id").Str == "" && !v.Get("choices.0").Exists() && !v.Get("usage").IsObject() {
		return
	}
	d.begun = true
	readHead(&d.resp, v)
	first := d.resp
	d.emit(codec.Event{Kind: codec.Begin, Response: &first})
}

func (d *decoder) emit(e codec.Event) { d.out = append(d.out, e) }

func (d *decoder) usage(u llm.Usage, last bool) error {
	if !d.begun {
		return nil
	}
	if last {
		if err := d.finish(); err != nil {
			return err
		}
	}
	if !u.Final {
		return nil
	}
	d.resp.Usage = u
	d.emit(codec.Event{Kind: codec.UsageEvent, Response: &codec.Response{From: op, Usage: u}})
	return nil
}

func (d *decoder) fail(v gjson.Result) {
	d.over = true
	d.emit(codec.Event{Kind: codec.Failed, Err: streamError(v)})
}

// finish ends the choices that have a finish reason.
func (d *decoder) finish() error {
	for _, c := range d.choices {
		if c.word == "" || c.finished {
			continue
		}
		if err := d.finishChoice(c); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) finishChoice(c *choice) error {
	c.finished = true
	if err := d.close(c); err != nil {
		return err
	}
	d.flushDetails(c)
	d.emit(codec.Event{Kind: codec.FinishEvent, Choice: c.index, Finish: finishOf(c.word, len(c.calls) > 0)})
	return nil
}

// end is for a stream that says that it ends. Some upstreams then leave out the
// finish reason.
func (d *decoder) end() error {
	if !d.begun {
		return llm.Errorf(llm.CodeUpstream, "the upstream's stream ended before its answer began")
	}
	d.over = true
	if len(d.choices) == 0 {
		d.choices = append(d.choices, &choice{})
	}
	for _, c := range d.choices {
		if !c.finished {
			if err := d.finishChoice(c); err != nil {
				return err
			}
		}
	}
	last := d.resp
	d.emit(codec.Event{Kind: codec.End, Response: &last})
	return nil
}

// Close ends a stream without [DONE] that had come to its finish reasons.
func (d *decoder) Close(out []codec.Event) ([]codec.Event, error) {
	if d.over {
		return out, nil
	}
	whole := d.begun && len(d.choices) > 0
	for _, c := range d.choices {
		whole = whole && c.word != ""
	}
	if !whole {
		d.over = true
		return out, llm.Errorf(llm.CodeUpstream, "the upstream's stream ended in the middle of its answer")
	}
	d.out = out
	err := d.end()
	out, d.out = d.out, nil
	return out, err
}
