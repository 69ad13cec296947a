package messages

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// DecodeRequest implements [codec.Codec].
func (protocol) DecodeRequest(body []byte, model string, stream bool) (*codec.Request, error) {
	d := &requestReader{r: &codec.Request{From: op}}
	v := gjson.ParseBytes(body)
	if !v.IsObject() {
		return nil, llm.Errorf(llm.CodeInvalidRequest, "the body must be a JSON object")
	}
	if err := members(v, d.member); err != nil {
		return nil, err
	}
	if d.r.Messages == nil {
		return nil, codec.Invalid("messages", "it is required")
	}
	if model != "" {
		d.r.Model = model
	}
	d.r.Stream = d.r.Stream || stream
	// Nested ones first: so the encoder, which writes objects before what it does
	// not know, and the next decoder agree on the order.
	d.r.Extra = append(d.nested, d.r.Extra...)
	return d.r, nil
}

type requestReader struct {
	r      *codec.Request
	nested []codec.Field
}

func (d *requestReader) member(name string, v gjson.Result) (err error) {
	r := d.r
	switch name {
	case "model":
		r.Model, err = codec.String(v, name)
	case "messages":
		r.Messages, err = readMessages(v)
		err = within(name, err)
	case "system":
		r.System, err = readSystem(v)
		err = within(name, err)
	case "max_tokens":
		if r.MaxTokens, err = codec.Int(v, name); err == nil && r.MaxTokens != nil && *r.MaxTokens < 0 {
			err = codec.Invalid(name, "it must not be negative")
		}
	case "stream":
		var b *bool
		b, err = codec.Bool(v, name)
		r.Stream = b != nil && *b
	case "temperature":
		r.Temperature, err = codec.Number(v, name)
	case "top_p":
		r.TopP, err = codec.Number(v, name)
	case "top_k":
		r.TopK, err = codec.Int(v, name)
	case "stop_sequences":
		r.Stop, err = codec.Strings(v, name)
	case "tools":
		r.Tools, err = readTools(v)
		err = within(name, err)
	case "tool_choice":
		err = within(name, d.toolChoice(v))
	case "thinking":
		if err = d.object(name, v, d.thinking); err == nil && v.IsObject() && r.Reasoning.Type == "" {
			err = codec.Invalid("thinking.type", "it is required")
		}
	case "output_config":
		err = d.object(name, v, d.outputConfig)
	case "output_format": // of the beta, before output_config had it
		err = within(name, d.format(name, v))
	case "metadata":
		err = d.object(name, v, d.metadata)
	case "service_tier":
		err = d.serviceTier(v)
	default:
		if strings.Contains(name, ".") {
			return codec.Invalid(name, "there is no such field")
		}
		r.Extra = append(r.Extra, field(name, v))
	}
	return err
}

// object reads an object at the top. What read does not know is kept under the
// names of both.
func (d *requestReader) object(outer string, v gjson.Result, read func(name string, v gjson.Result) (bool, error)) error {
	if v.Type == gjson.Null {
		return nil
	}
	return within(outer, members(v, func(name string, v gjson.Result) error {
		known, err := read(name, v)
		if !known {
			d.nested = append(d.nested, field(outer+"."+name, v))
		}
		return err
	}))
}

func (d *requestReader) thinking(name string, v gjson.Result) (known bool, err error) {
	t := &d.r.Reasoning
	switch name {
	case "type":
		t.Type, err = codec.String(v, name)
	case "budget_tokens":
		t.Budget, err = codec.Int(v, name)
	case "display":
		t.Display, err = codec.String(v, name)
		if t.Display != "" {
			show := t.Display != "omitted"
			t.Show = &show
		}
	default:
		return false, nil
	}
	return true, err
}

func (d *requestReader) outputConfig(name string, v gjson.Result) (known bool, err error) {
	switch name {
	case "effort":
		d.r.Reasoning.Effort, err = codec.String(v, name)
	case "format":
		err = within(name, d.format("output_config.format", v))
	default:
		return false, nil
	}
	return true, err
}

// format reads an output format. One that is more than a schema is kept whole
// besides, under name.
func (d *requestReader) format(name string, v gjson.Result) error {
	if v.Type == gjson.Null {
		return nil
	}
	whole := false
	var kind string
	var schema json.RawMessage
	err := members(v, func(name string, v gjson.Result) (err error) {
		switch name {
		case "type":
			kind, err = must(v, name)
		case "schema":
			schema, err = codec.Object(v, name)
		default:
			whole = true
		}
		return err
	})
	if err != nil {
		return err
	}
	if kind == "" {
		return codec.Invalid("type", "it is required")
	}
	if kind == "json_schema" {
		if schema == nil {
			return codec.Invalid("schema", "it is required")
		}
		strict := true // Anthropic knows no other
		d.r.Format = &codec.Format{Type: codec.FormatSchema, Schema: schema, Strict: &strict}
	}
	if whole || kind != "json_schema" {
		d.nested = append(d.nested, field(name, v))
	}
	return nil
}

func (d *requestReader) metadata(name string, v gjson.Result) (known bool, err error) {
	if name != "user_id" {
		return false, nil
	}
	d.r.User, err = codec.String(v, name)
	return true, err
}

func (d *requestReader) serviceTier(v gjson.Result) error {
	tier, err := codec.String(v, "service_tier")
	switch tier {
	case "":
	case "auto":
		d.r.ServiceTier = "auto"
	case "standard_only":
		d.r.ServiceTier = "default"
	default:
		d.r.Extra = append(d.r.Extra, field("service_tier", v))
	}
	return err
}

func (d *requestReader) toolChoice(v gjson.Result) error {
	if v.Type == gjson.Null {
		return nil
	}
	c := &codec.ToolChoice{}
	whole, kind := false, ""
	err := members(v, func(name string, v gjson.Result) (err error) {
		switch name {
		case "type":
			kind, err = must(v, name)
		case "name":
			c.Name, err = codec.String(v, name)
		case "disable_parallel_tool_use":
			var b *bool
			if b, err = codec.Bool(v, name); b != nil {
				*b = !*b
				d.r.ParallelToolCalls = b
			}
		default:
			whole = true
		}
		return err
	})
	if err != nil {
		return err
	}
	mode, known := modes[kind]
	switch {
	case kind == "":
		return codec.Invalid("type", "it is required")
	case mode == codec.ModeNamed && c.Name == "":
		return codec.Invalid("name", "it is required")
	case mode != codec.ModeNamed && c.Name != "":
		c.Name, whole = "", true
	}
	if c.Mode = mode; !known {
		c.Mode = codec.ModeAuto
	}
	if whole || !known {
		c.Raw = json.RawMessage(v.Raw)
	}
	d.r.ToolChoice = c
	return nil
}

var modes = map[string]codec.ToolMode{
	"auto": codec.ModeAuto, "any": codec.ModeAny, "none": codec.ModeNone, "tool": codec.ModeNamed,
}
