package messages

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// answerInJSON tells the model what response_format json_object asks for.
const answerInJSON = "Answer with one valid JSON object and nothing else: no other text, no code fence."

// format returns the schema that the answer is held to, nil for none. A caller's
// json_object becomes a sentence in the system prompt.
func (e *requestWriter) format() (json.RawMessage, error) {
	f := e.r.Format
	if f == nil || f.Type == codec.FormatText {
		return nil, nil
	}
	if f.Type == codec.FormatJSON {
		e.lost.Drop("response_format")
		e.prompt = append(e.prompt, prompt{&codec.Part{Text: answerInJSON}, "response_format"})
		return nil, nil
	}
	if e.caps.NoStructuredOutput {
		return nil, codec.Unsupported("response_format", op, "this model cannot be held to a schema")
	}
	if e.own {
		return f.Schema, nil
	}
	if f.Description != "" {
		e.lost.Drop("response_format.description")
	}
	schema, changed, err := sanitise(string(f.Schema))
	if err != nil {
		return nil, codec.Unsupported("response_format", op, err.Error())
	}
	if changed {
		e.lost.Drop("response_format.schema")
	}
	return schema, nil
}

// outputConfig writes how the answer shall be. A format that says more than a
// schema is kept whole, and replaces what was read of it.
func (e *requestWriter) outputConfig(effort string, schema json.RawMessage) {
	nested := e.nested("output_config")
	whole := extra(nested, "format")
	if whole == "" && e.own {
		if whole = extra(e.r.Extra, "output_format"); whole != "" {
			nested = append(nested, codec.Field{Name: "format", Value: json.RawMessage(whole)})
		}
	}
	if effort == "" && (schema == nil || whole != "") && len(nested) == 0 {
		return
	}
	e.w.ObjectField("output_config")
	if effort != "" {
		e.w.StringField("effort", effort)
	}
	if schema != nil && whole == "" {
		e.w.ObjectField("format")
		e.w.StringField("type", "json_schema")
		e.w.RawField("schema", string(schema))
		e.w.End()
	}
	e.fields(nested)
	e.w.End()
}
