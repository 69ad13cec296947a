package chat

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// set says whether a member is there; null counts as absent.
func set(v gjson.Result) bool { return v.Type != gjson.Null }

// keep adds a member that has no place in the neutral form.
func keep(extra []codec.Field, name string, v gjson.Result) []codec.Field {
	if !set(v) {
		return extra
	}
	return append(extra, codec.Field{Name: name, Value: json.RawMessage(v.Raw)})
}

// keepRest keeps, under name, those members of an object that are not known.
func keepRest(extra []codec.Field, name string, object gjson.Result, known ...string) []codec.Field {
	var w jsonwrite.Writer
	some := false
	codec.Each(object, func(k, v gjson.Result) bool {
		if !set(v) || slices.Contains(known, k.Str) {
			return true
		}
		if !some {
			w.Object()
			some = true
		}
		w.RawField(k.Str, v.Raw)
		return true
	})
	if !some {
		return extra
	}
	w.End()
	return append(extra, codec.Field{Name: name, Value: w.B})
}

// extras writes the members in extra, apart from those inside others, which [rest]
// writes. For a request of another protocol it reports them, behind prefix.
func extras(w *jsonwrite.Writer, extra []codec.Field, from llm.Operation, lost *codec.Losses, prefix string, inner ...string) {
	for _, f := range extra {
		switch {
		case from != op:
			lost.Drop(prefix + f.Name)
		case !slices.Contains(inner, f.Name):
			w.RawField(f.Name, string(f.Value))
		}
	}
}

// rest writes the members that keepRest kept under name, inside the object that is
// being written.
func rest(w *jsonwrite.Writer, extra []codec.Field, from llm.Operation, name string) {
	if from != op {
		return
	}
	for _, f := range extra {
		if f.Name == name {
			codec.Each(gjson.ParseBytes(f.Value), func(k, v gjson.Result) bool {
				w.RawField(k.Str, v.Raw)
				return true
			})
		}
	}
}

// at is the name of an element: "messages[3]".
func at(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// elements reads an array; null is an empty one.
func elements(v gjson.Result, param string) ([]gjson.Result, error) {
	if !set(v) {
		return nil, nil
	}
	if !v.IsArray() {
		return nil, codec.Invalid(param, "it must be a list")
	}
	return v.Array(), nil
}

// object checks that a member is an object that is there.
func object(v gjson.Result, param string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	return nil
}

// text reads a string that must be there and not be empty.
func text(v gjson.Result, param string) (string, error) {
	s, err := codec.String(v, param)
	if err == nil && s == "" {
		err = codec.Invalid(param, "it must be a string that is not empty")
	}
	return s, err
}

// first returns the first of errs that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// cacheControl reads Anthropic's cache_control.
func cacheControl(v gjson.Result, param string) (*codec.Cache, error) {
	if !set(v) {
		return nil, nil
	}
	if err := object(v, param); err != nil {
		return nil, err
	}
	c := &codec.Cache{}
	var err error
	codec.Each(v, func(k, m gjson.Result) bool {
		switch {
		case k.Str == "ttl":
			c.TTL, err = codec.String(m, param+".ttl")
		case k.Str == "type" && m.Str == "ephemeral":
		default:
			c.Extra = keep(c.Extra, k.Str, m)
		}
		return err == nil
	})
	return c, err
}

// writeCache writes cache_control for a caller who spoke this protocol. OpenAI's
// servers do not know it, so it is written for nobody else.
func writeCache(w *jsonwrite.Writer, c *codec.Cache, from llm.Operation, lost *codec.Losses) {
	if c == nil {
		return
	}
	if from != op {
		lost.Drop("cache_control")
		return
	}
	w.ObjectField("cache_control")
	if !slices.ContainsFunc(c.Extra, func(f codec.Field) bool { return f.Name == "type" }) {
		w.StringField("type", "ephemeral")
	}
	if c.TTL != "" {
		w.StringField("ttl", c.TTL)
	}
	for _, f := range c.Extra {
		w.RawField(f.Name, string(f.Value))
	}
	w.End()
}
