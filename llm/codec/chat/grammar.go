package chat

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// flatGrammar turns {"type":"grammar","grammar":{"syntax":…,"definition":…}} into
// the form of Responses, which has no object within.
func flatGrammar(v gjson.Result, param string) (json.RawMessage, error) {
	raw, err := codec.Object(v, param)
	if err != nil || raw == nil || v.Get("type").Str != "grammar" {
		return raw, err
	}
	inner := v.Get("grammar")
	if err := object(inner, param+".grammar"); err != nil {
		return nil, err
	}
	_, err1 := text(inner.Get("syntax"), param+".grammar.syntax")
	_, err2 := text(inner.Get("definition"), param+".grammar.definition")
	if err := first(err1, err2); err != nil {
		return nil, err
	}
	var w jsonwrite.Writer
	w.Object()
	w.StringField("type", "grammar")
	codec.Each(inner, func(name, m gjson.Result) bool {
		if name.Str != "type" {
			w.RawField(name.Str, m.Raw)
		}
		return true
	})
	w.End()
	return w.B, nil
}

// nestedGrammar is the way back.
func nestedGrammar(w *jsonwrite.Writer, grammar json.RawMessage) {
	v := gjson.ParseBytes(grammar)
	if v.Get("type").Str != "grammar" {
		w.RawField("format", string(grammar))
		return
	}
	w.ObjectField("format")
	w.StringField("type", "grammar")
	w.ObjectField("grammar")
	codec.Each(v, func(name, m gjson.Result) bool {
		if name.Str != "type" {
			w.RawField(name.Str, m.Raw)
		}
		return true
	})
	w.End()
	w.End()
}
