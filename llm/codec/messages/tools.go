package messages

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// readTools reads the list of tools.
func readTools(v gjson.Result) (list []codec.Tool, err error) {
	if v.Type == gjson.Null {
		return nil, nil
	}
	err = elements(v, func(_ int, v gjson.Result) error {
		t, err := readTool(v)
		list = append(list, t)
		return err
	})
	return list, err
}

func readTool(v gjson.Result) (t codec.Tool, err error) {
	kind, err := codec.String(v.Get("type"), "type")
	if err != nil {
		return t, err
	}
	if v.IsObject() && kind != "" && kind != "custom" {
		t.Kind, t.Name, t.Raw = codec.HostedTool, v.Get("name").String(), json.RawMessage(v.Raw)
		if strings.HasPrefix(kind, "web_search") {
			t.Kind = codec.WebSearchTool
		}
		return t, nil
	}
	err = members(v, func(name string, v gjson.Result) (err error) {
		switch name {
		case "type":
		case "name":
			t.Name, err = codec.String(v, name)
		case "description":
			t.Description, err = codec.String(v, name)
		case "input_schema":
			t.Schema, err = codec.Object(v, name)
		case "strict":
			t.Strict, err = codec.Bool(v, name)
		case "defer_loading":
			t.Defer, err = codec.Bool(v, name)
		case "cache_control":
			t.Cache, err = readCache(v)
		default:
			t.Extra = append(t.Extra, field(name, v))
		}
		return err
	})
	if err == nil && t.Name == "" {
		err = codec.Invalid("name", "it is required")
	}
	return t, err
}
