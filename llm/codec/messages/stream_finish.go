package messages

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// messageDelta appends what a message_delta says.
func (d *streamDecoder) messageDelta(out []codec.Event, v gjson.Result) []codec.Event {
	u := v.Get("usage")
	d.usage.read(u)
	d.final = d.final || u.Get("output_tokens").Type == gjson.Number
	v.ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "type", "usage":
		case "delta":
			v.ForEach(func(k, v gjson.Result) bool {
				switch k.Str {
				case "stop_reason", "stop_sequence", "stop_details":
				default:
					d.keep(k.Str, v)
				}
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
