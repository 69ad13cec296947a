package gemini

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// format gathers what generationConfig says of the answer's form.
type format struct {
	mime, mimeOwn string
	schema        json.RawMessage
	schemaOwn     string
	schemaRaw     string
}

// config reads generationConfig.
func (d *decoder) config(v gjson.Result, param string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	r, f := d.r, format{}
	err := each(v, func(name, own string, e gjson.Result) (err error) {
		param := param + "." + own
		switch name {
		case "temperature":
			r.Temperature, err = codec.Number(digits(e), param)
		case "topP":
			r.TopP, err = codec.Number(digits(e), param)
		case "topK":
			r.TopK, err = codec.Int(digits(e), param)
		case "maxOutputTokens":
			r.MaxTokens, err = codec.Int(digits(e), param)
		case "candidateCount":
			r.N, err = codec.Int(digits(e), param)
		case "seed":
			r.Seed, err = codec.Int(digits(e), param)
		case "presencePenalty":
			r.PresencePenalty, err = codec.Number(digits(e), param)
		case "frequencyPenalty":
			r.FrequencyPenalty, err = codec.Number(digits(e), param)
		case "stopSequences":
			r.Stop, err = codec.Strings(e, param)
		case "responseLogprobs":
			r.Logprobs, err = codec.Bool(e, param)
		case "logprobs":
			r.TopLogprobs, err = codec.Int(digits(e), param)
		case "thinkingConfig":
			err = d.thinking(e, param)
		case "responseMimeType":
			f.mimeOwn = own
			f.mime, err = codec.String(e, param)
		case "responseSchema", "responseJsonSchema":
			err = f.readSchema(name, own, e, param)
		default:
			r.Extra = append(r.Extra, field("generationConfig."+own, e))
		}
		return err
	})
	if err == nil {
		d.format(&f)
	}
	return err
}

func (f *format) readSchema(name, own string, v gjson.Result, param string) (err error) {
	if f.schemaOwn != "" {
		return codec.Invalid(param, "only one of responseSchema and responseJsonSchema may be set")
	}
	f.schemaOwn, f.schemaRaw = own, v.Raw
	if name == "responseSchema" {
		f.schema, err = jsonSchema(v, param)
	} else {
		f.schema, err = codec.Object(v, param)
	}
	return err
}

func (d *decoder) format(f *format) {
	r := d.r
	switch {
	case f.mime != "" && f.mime != "application/json" && f.mime != "text/plain":
		// text/x.enum and the like have no form elsewhere, and their schema means
		// another thing than that of JSON.
		r.Extra = append(r.Extra, codec.Field{Name: "generationConfig." + f.mimeOwn, Value: jsonwrite.AppendString(nil, f.mime)})
		if f.schemaOwn != "" {
			r.Extra = append(r.Extra, codec.Field{Name: "generationConfig." + f.schemaOwn, Value: json.RawMessage(f.schemaRaw)})
		}
	case f.schemaOwn != "":
		r.Format = &codec.Format{Type: codec.FormatSchema, Schema: f.schema}
	case f.mime == "application/json":
		r.Format = &codec.Format{Type: codec.FormatJSON}
	case f.mime == "text/plain":
		r.Format = &codec.Format{Type: codec.FormatText}
	}
}

// levels are the thinking levels, which are efforts in lower case.
var levels = []string{"minimal", "low", "medium", "high"}

func (d *decoder) thinking(v gjson.Result, param string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	t := &d.r.Reasoning
	return each(v, func(name, own string, e gjson.Result) (err error) {
		param := param + "." + own
		switch name {
		case "thinkingBudget":
			if t.Budget, err = codec.Int(digits(e), param); err == nil && t.Budget != nil && *t.Budget < 0 {
				t.Budget, t.Type = nil, "adaptive" // -1: as the model likes
			}
		case "includeThoughts":
			t.Show, err = codec.Bool(e, param)
		case "thinkingLevel":
			level, err := codec.String(e, param)
			if err != nil {
				return err
			}
			level = strings.ToLower(level)
			for _, l := range levels {
				if l == level {
					t.Effort = l
					return nil
				}
			}
			if level != "" && level != "thinking_level_unspecified" {
				return codec.Invalid(param, "it must be MINIMAL, LOW, MEDIUM or HIGH")
			}
		default:
			d.r.Extra = append(d.r.Extra, field("generationConfig.thinkingConfig."+own, e))
		}
		return err
	})
}
