package messages

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// within says that the field of err is one of outer's: readers name fields relative
// to what they were handed, so that paths are made only when something is wrong.
func within(outer string, err error) error {
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	path := outer
	if e.Param != "" && e.Param[0] != '[' {
		path += "."
	}
	in := *e
	in.Param, in.Message = path+e.Param, path+e.Message
	return &in
}

// item is within for the element at i.
func item(i int, err error) error {
	if err == nil {
		return nil
	}
	return within("["+itoa(i)+"]", err)
}

// members calls read for each member of an object, which v must be.
func members(v gjson.Result, read func(name string, v gjson.Result) error) (err error) {
	if !v.IsObject() {
		return codec.Invalid("", "it must be an object")
	}
	codec.Each(v, func(k, v gjson.Result) bool {
		err = read(k.Str, v)
		return err == nil
	})
	return err
}

// elements calls read for each element of a list, which v must be.
func elements(v gjson.Result, read func(i int, v gjson.Result) error) (err error) {
	if !v.IsArray() {
		return codec.Invalid("", "it must be a list")
	}
	i := 0
	codec.Each(v, func(_, v gjson.Result) bool {
		err = item(i, read(i, v))
		i++
		return err == nil
	})
	return err
}

func field(name string, v gjson.Result) codec.Field {
	return codec.Field{Name: name, Value: json.RawMessage(v.Raw)}
}

// extra returns the field of that name, "" when there is none.
func extra(fields []codec.Field, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return string(f.Value)
		}
	}
	return ""
}

// must reads a string that has to be there.
func must(v gjson.Result, name string) (string, error) {
	if v.Type == gjson.Null {
		return "", codec.Invalid(name, "it is required")
	}
	return codec.String(v, name)
}

// readCache reads a cache_control.
func readCache(v gjson.Result) (*codec.Cache, error) {
	if v.Type == gjson.Null {
		return nil, nil
	}
	c := &codec.Cache{}
	err := members(v, func(name string, v gjson.Result) (err error) {
		switch {
		case name == "ttl":
			c.TTL, err = codec.String(v, name)
		case name == "type" && v.Str == "ephemeral":
		default:
			c.Extra = append(c.Extra, field(name, v))
		}
		return err
	})
	if err != nil {
		return nil, within("cache_control", err)
	}
	return c, nil
}

// readSignature reads what a caller sent back with a thought into it, undoing
// carried.
func readSignature(t *codec.Thought, text string) {
	t.Signature = codec.Carried(op, text)
	if s := t.Signature; s != nil && s.Of != op {
		if id, value, ok := strings.Cut(s.Value, "\n"); ok {
			t.ID, s.Value = id, value
		}
	}
}

// carried is what the caller gets as a thought's signature. Responses wants a
// thought's id back besides its encrypted content; neither has a line end.
func carried(id string, s *codec.Signature) string {
	if s == nil {
		return ""
	}
	if s.Of == op || id == "" {
		return codec.Carry(op, *s)
	}
	return codec.Carry(op, codec.Signature{Of: s.Of, Value: id + "\n" + s.Value})
}
