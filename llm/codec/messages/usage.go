package messages

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// usage is what an answer says of its costs: the neutral numbers, and the rest.
type usage struct {
	llm.Usage
	tier  string
	extra []codec.Field // "usage.iterations" and so on
}

// read takes over what v says. Numbers are totals so far, and what is absent or
// null stays as it was: so a stream says it.
func (u *usage) read(v gjson.Result) {
	write := llm.Count{} // for upstreams that tell writes by lifetime only
	codec.Each(v, func(k, v gjson.Result) bool {
		if v.Type == gjson.Null {
			return true
		}
		switch name := k.Str; name {
		case "input_tokens":
			u.Input = llm.Known(v.Int())
		case "output_tokens":
			u.Output = llm.Known(v.Int())
		case "cache_read_input_tokens":
			u.CacheRead = llm.Known(v.Int())
		case "cache_creation_input_tokens":
			u.CacheWrite = llm.Known(v.Int())
		case "output_tokens_details":
			if n := v.Get("thinking_tokens"); n.Type == gjson.Number {
				u.Reasoning = llm.Known(n.Int())
			}
			if hasOther(v, "thinking_tokens") {
				u.keep(k.Str, v)
			}
		case "cache_creation":
			all, hour := lifetimes(v)
			write = write.Plus(all)
			if hour.Known {
				u.CacheWrite1h = hour
			}
			u.keep(name, v)
		case "iterations":
			if v.IsArray() {
				u.Iterations = readIterations(v)
			}
			u.keep(name, v)
		case "service_tier":
			switch v.Str {
			case "standard":
				u.tier = "default"
			case "priority":
				u.tier = "priority"
			default:
				u.keep(name, v)
			}
		default:
			u.keep(name, v)
		}
		return true
	})
	if !u.CacheWrite.Known {
		u.CacheWrite = write
	}
}

// lifetimes reads what was written to a cache, by how long it is kept there.
func lifetimes(v gjson.Result) (all, hour llm.Count) {
	if !v.IsObject() {
		return all, hour
	}
	codec.Each(v, func(k, v gjson.Result) bool {
		n := llm.Known(v.Int())
		all = all.Plus(n)
		if k.Str == "ephemeral_1h_input_tokens" {
			hour = n
		}
		return true
	})
	return all, hour
}

func hasOther(v gjson.Result, name string) (found bool) {
	codec.Each(v, func(k, _ gjson.Result) bool {
		found = k.Str != name
		return !found
	})
	return found
}

// keep sets the field of the usage that has no place in the neutral form.
func (u *usage) keep(name string, v gjson.Result) { u.extra = set(u.extra, "usage."+name, v) }

// set sets a field in a list.
func set(list []codec.Field, name string, v gjson.Result) []codec.Field {
	for i := range list {
		if list[i].Name == name {
			list[i] = field(name, v)
			return list
		}
	}
	return append(list, field(name, v))
}

// writeUsage writes the member usage. Clients add these numbers up, so that what is
// not known is 0.
func writeUsage(w *jsonwrite.Writer, u llm.Usage, tier string, more []codec.Field) {
	w.ObjectField("usage")
	w.IntField("input_tokens", u.Input.N)
	w.IntField("cache_creation_input_tokens", u.CacheWrite.N)
	w.IntField("cache_read_input_tokens", u.CacheRead.N)
	w.IntField("output_tokens", u.Output.N)
	if u.Reasoning.Known && extra(more, "output_tokens_details") == "" {
		w.ObjectField("output_tokens_details")
		w.IntField("thinking_tokens", u.Reasoning.N)
		w.End()
	}
	switch {
	case extra(more, "service_tier") != "":
	case tier == "default":
		w.StringField("service_tier", "standard")
	case tier == "priority":
		w.StringField("service_tier", tier)
	}
	for _, f := range more {
		w.RawField(f.Name, string(f.Value))
	}
	w.End()
}

// merge returns what is known of two, the later one first.
func merge(later, earlier llm.Usage) llm.Usage {
	pick := func(a, b llm.Count) llm.Count {
		if a.Known {
			return a
		}
		return b
	}
	return llm.Usage{
		Input: pick(later.Input, earlier.Input), Output: pick(later.Output, earlier.Output),
		CacheRead: pick(later.CacheRead, earlier.CacheRead), CacheWrite: pick(later.CacheWrite, earlier.CacheWrite),
		CacheWrite1h: pick(later.CacheWrite1h, earlier.CacheWrite1h), Reasoning: pick(later.Reasoning, earlier.Reasoning), Final: later.Final || earlier.Final,
	}
}
