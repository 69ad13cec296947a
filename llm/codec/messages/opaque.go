package messages

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// opaqueBlock gathers a block of a kind that has no neutral form from its start and
// its deltas, as far as those say by themselves what they add to.
type opaqueBlock struct {
	start gjson.Result
	input []byte        // the text of input_json_delta
	more  []codec.Field // what other deltas hold; strings of one name are joined
}

func (b *opaqueBlock) delta(v gjson.Result) {
	if v.Get("type").Str == "input_json_delta" {
		b.input = append(b.input, v.Get("partial_json").Str...)
		return
	}
	codec.Each(v, func(k, v gjson.Result) bool {
		name := k.Str
		if name == "type" {
			return true
		}
		if before := gjson.Parse(extra(b.more, name)); before.Type == gjson.String && v.Type == gjson.String {
			v = gjson.ParseBytes(jsonwrite.AppendString(nil, before.Str+v.Str))
		}
		b.more = set(b.more, name, v)
		return true
	})
}

// part is the whole block.
func (b *opaqueBlock) part() *codec.Part {
	raw := json.RawMessage(b.start.Raw)
	if len(b.input) > 0 && gjson.ValidBytes(b.input) {
		b.more = append(b.more, codec.Field{Name: "input", Value: b.input})
	}
	if len(b.more) > 0 {
		raw = replace(b.start, b.more)
	}
	return &codec.Part{Kind: codec.Opaque, Raw: raw, Origin: op}
}

// replace is the object v with other values for some members, new ones last.
func replace(v gjson.Result, fields []codec.Field) []byte {
	var w jsonwrite.Writer
	w.Object()
	codec.Each(v, func(k, v gjson.Result) bool {
		value := v.Raw
		if other := extra(fields, k.Str); other != "" {
			value = other
		}
		w.RawField(k.Str, value)
		return true
	})
	for _, f := range fields {
		if !has(v, gjson.Escape(f.Name)) {
			w.RawField(f.Name, string(f.Value))
		}
	}
	w.End()
	return w.B
}
