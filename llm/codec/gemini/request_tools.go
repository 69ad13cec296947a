package gemini

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// tool reads one element of tools, which may hold several: functions, and each tool
// that Google runs as a member of its own.
func (d *decoder) tool(v gjson.Result, param string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	return each(v, func(name, own string, e gjson.Result) error {
		if name == "functionDeclarations" {
			for i, f := range list(e) {
				t, err := decodeFunction(f, index(param+"."+own, i))
				if err != nil {
					return err
				}
				d.r.Tools = append(d.r.Tools, t)
			}
			return nil
		}
		var w jsonwrite.Writer
		w.Object()
		w.RawField(own, e.Raw)
		w.End()
		t := codec.Tool{Kind: codec.HostedTool, Name: name, Raw: w.B}
		if name == "googleSearch" || name == "googleSearchRetrieval" {
			t.Kind = codec.WebSearchTool
		}
		d.r.Tools = append(d.r.Tools, t)
		return nil
	})
}

func decodeFunction(v gjson.Result, param string) (t codec.Tool, err error) {
	if !v.IsObject() {
		return t, codec.Invalid(param, "it must be an object")
	}
	err = each(v, func(name, own string, e gjson.Result) (err error) {
		param := param + "." + own
		switch name {
		case "name":
			t.Name, err = codec.String(e, param)
		case "description":
			t.Description, err = codec.String(e, param)
		case "parameters", "parametersJsonSchema":
			switch {
			case len(t.Schema) > 0:
				err = codec.Invalid(param, "only one of parameters and parametersJsonSchema may be set")
			case name == "parameters":
				t.Schema, err = jsonSchema(e, param)
			default:
				t.Schema, err = codec.Object(e, param)
			}
		default:
			t.Extra = append(t.Extra, field(own, e))
		}
		return err
	})
	if err == nil && t.Name == "" {
		err = codec.Invalid(param+".name", "it is required")
	}
	return t, err
}

func (d *decoder) toolConfig(v gjson.Result, param string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	return each(v, func(name, own string, e gjson.Result) error {
		if name == "functionCallingConfig" {
			return d.toolChoice(e, param+"."+own)
		}
		d.r.Extra = append(d.r.Extra, field("toolConfig."+own, e))
		return nil
	})
}

func (d *decoder) toolChoice(v gjson.Result, param string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	c := &codec.ToolChoice{}
	err := each(v, func(name, own string, e gjson.Result) (err error) {
		param := param + "." + own
		switch name {
		case "mode":
			mode, err := codec.String(e, param)
			if err != nil {
				return err
			}
			switch strings.ToUpper(mode) {
			case "", "MODE_UNSPECIFIED", "AUTO":
				c.Mode = codec.ModeAuto
			case "ANY":
				c.Mode = codec.ModeAny
			case "NONE":
				c.Mode = codec.ModeNone
			case "VALIDATED":
				c.Mode, c.Validated = codec.ModeAuto, true
			default:
				return codec.Invalid(param, "it must be AUTO, ANY, NONE or VALIDATED")
			}
		case "allowedFunctionNames":
			c.Allowed, err = codec.Strings(e, param)
		default:
			d.r.Extra = append(d.r.Extra, field("toolConfig.functionCallingConfig."+own, e))
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case c.Mode == "" && len(c.Allowed) == 0:
		return nil
	case c.Mode == "":
		c.Mode = codec.ModeAuto
	case c.Mode == codec.ModeAny && len(c.Allowed) == 1:
		c.Mode, c.Name, c.Allowed = codec.ModeNamed, c.Allowed[0], nil
	}
	d.r.ToolChoice = c
	return nil
}
