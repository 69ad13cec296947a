package echo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxCalls bounds the calls of one reply.
const maxCalls = 32

// tool is a function that the caller offers.
type tool struct {
	name   string
	schema json.RawMessage // of its arguments; may be empty
}

// toolCall is a call of a tool. Arguments is a JSON object.
type toolCall struct{ name, arguments string }

// toolSpec is a tool's definition in any of the protocols.
type toolSpec struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	Function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"function"`
	Parameters  json.RawMessage `json:"parameters"`
	InputSchema json.RawMessage `json:"input_schema"`
}

// callable are the tools that take a JSON object. Hosted and free-form ones are
// left out: echo never calls them.
func callable(specs []toolSpec) []tool {
	var tools []tool
	for _, s := range specs {
		switch {
		case s.Function.Name != "":
			tools = append(tools, tool{s.Function.Name, s.Function.Parameters})
		case s.Type == "function" && s.Name != "":
			tools = append(tools, tool{s.Name, s.Parameters})
		case s.Name != "" && (s.Type == "" || !isNull(s.InputSchema)): // Anthropic's
			tools = append(tools, tool{s.Name, s.InputSchema})
		}
	}
	return tools
}

// toolChoice is a tool_choice of any of the protocols.
type toolChoice struct {
	none, forced bool
	only         []string // the tools that may be called; nil for all
	single       bool     // Anthropic's disable_parallel_tool_use
}

func (c *toolChoice) UnmarshalJSON(b []byte) error {
	type named struct {
		Name     string `json:"name"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	type allowed struct {
		Mode  string  `json:"mode"`
		Tools []named `json:"tools"`
	}
	var v struct {
		Type string `json:"type"`
		named
		allowed
		AllowedTools allowed `json:"allowed_tools"`
		Single       bool    `json:"disable_parallel_tool_use"`
	}
	if b[0] == '"' {
		if err := json.Unmarshal(b, &v.Type); err != nil {
			return err
		}
	} else if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	name := func(n named) string { return n.Name + n.Function.Name }

	*c = toolChoice{single: v.Single}
	switch v.Type {
	case "", "auto":
	case "none":
		c.none = true
	case "required", "any":
		c.forced = true
	case "function", "tool":
		c.forced = true
		c.only = []string{name(v.named)}
	case "allowed_tools":
		mode := v.Mode + v.AllowedTools.Mode
		c.forced = mode == "required"
		c.only = []string{}
		for _, n := range append(v.Tools, v.AllowedTools.Tools...) {
			c.only = append(c.only, name(n))
		}
	default:
		return fmt.Errorf("tool_choice %q cannot be served by echo; use auto, none, required or a function's name", v.Type)
	}
	return nil
}

// calls are the calls that text and the choice ask for.
func (c toolChoice) calls(text string, tools []tool) ([]toolCall, error) {
	if c.none {
		return nil, nil
	}
	if c.only != nil {
		tools = slices.DeleteFunc(slices.Clone(tools), func(t tool) bool { return !slices.Contains(c.only, t.name) })
	}
	if c.forced && len(tools) == 0 {
		return nil, invalid("tool_choice", "it forces a call, and tools has no function of that name; add it or use \"auto\"")
	}
	calls := mentioned(text, tools)
	if len(calls) == 0 && c.forced {
		calls = []toolCall{{tools[0].name, sample(tools[0].schema)}}
	}
	if c.single && len(calls) > 1 {
		calls = calls[:1]
	}
	return calls, nil
}

// mentioned are the calls of the tools whose names stand in text, in its order.
// The same call is made once.
func mentioned(text string, tools []tool) []toolCall {
	schemas := make(map[string]json.RawMessage, len(tools))
	for _, t := range tools {
		schemas[t.name] = t.schema
	}
	var calls []toolCall
	for text != "" && len(calls) < maxCalls && len(schemas) > 0 {
		start := strings.IndexFunc(text, inName)
		if start < 0 {
			break
		}
		text = text[start:]
		n := strings.IndexFunc(text, func(r rune) bool { return !inName(r) })
		if n < 0 {
			n = len(text)
		}
		name := text[:n]
		text = text[n:]
		schema, ok := schemas[name]
		if !ok {
			continue
		}
		c := toolCall{name: name}
		if c.arguments, n = argumentsIn(text); n == 0 {
			c.arguments = sample(schema)
		}
		text = text[n:]
		if !slices.Contains(calls, c) {
			calls = append(calls, c)
		}
	}
	return calls
}

// argumentsIn is the JSON object that text begins with, and how much of text it
// takes; 0 when there is none.
func argumentsIn(text string) (arguments string, n int) {
	object := strings.TrimLeft(text, " \t\r\n:(")
	if !strings.HasPrefix(object, "{") {
		return "", 0
	}
	dec := json.NewDecoder(strings.NewReader(object))
	var raw json.RawMessage
	if dec.Decode(&raw) != nil {
		return "", 0
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return "", 0
	}
	return compact.String(), len(text) - len(object) + int(dec.InputOffset())
}

// inName says whether a tool's name may hold r.
func inName(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
