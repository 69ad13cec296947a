package messages

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// messageDelta appends what a message_delta says.
func (d *streamDecoder) messageDelta(out []codec.Event, v gjson.Result) []codec.Event {
	u := v.Get("usage")
	d.spent(u)
	d.final = d.final || u.Get("output_tokens").Type == gjson.Number
	codec.Each(v, func(k, v gjson.Result) bool {
		switch k.Str {
		case "delta":
			codec.Each(v, func(k, v gjson.Result) bool {
				d.keep(k.Str, v)
				return true
			})
		default:
			d.keep(k.Str, v)
		}
		return true
	})
	if delta := v.Get("delta"); !d.finished && delta.Get("stop_reason").Str != "" {
		d.finished = true
		return append(out, codec.Event{Kind: codec.FinishEvent, Finish: readFinish(delta)})
	}
	return append(out, codec.Event{Kind: codec.UsageEvent, Response: d.response()})
}

// spent takes over what a usage says. A number that cannot be a count does not undo the
// one before.
func (d *streamDecoder) spent(v gjson.Result) {
	u, before := &d.usage.Usage, d.usage.Usage
	d.usage.read(v)
	for _, c := range [...]struct {
		now *llm.Count
		was llm.Count
	}{{&u.Input, before.Input}, {&u.Output, before.Output}, {&u.CacheRead, before.CacheRead}, {&u.CacheWrite, before.CacheWrite}, {&u.Reasoning, before.Reasoning}} {
		if !c.now.Known {
			*c.now = c.was
		}
	}
}

// end appends the last event.
func (d *streamDecoder) end(out []codec.Event) []codec.Event {
	d.over = true
	if !d.finished {
		f := codec.Finish{Reason: codec.ReasonStop}
		if d.calls {
			f.Reason = codec.ReasonToolCalls
		}
		out = append(out, codec.Event{Kind: codec.FinishEvent, Finish: f})
	}
	return append(out, codec.Event{Kind: codec.End, Response: d.response()})
}

func (d *streamDecoder) response() *codec.Response {
	d.usage.Final = d.final && d.over
	return &codec.Response{From: op, ID: d.id, Model: d.model, Usage: d.usage.Usage, ServiceTier: d.usage.tier,
		Extra: append(append([]codec.Field(nil), d.usage.extra...), d.extra...)}
}
