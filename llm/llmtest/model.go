package llmtest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// prompt is what the fake model understands of a request, in any protocol.
type prompt struct {
	text     string // the last user text
	images   int
	tools    []tool
	parallel bool
	answered bool         // the last message is a tool's result
	schema   gjson.Result // of the structured output; absent for prose
	thinking bool
}

type tool struct {
	name   string
	schema gjson.Result
	custom bool // takes text, not JSON
}

// completion is what the fake model says. Each slice is in the pieces in which
// it is streamed.
type completion struct {
	thinking []string
	text     []string // empty when it calls tools
	calls    []toolCall
}

type toolCall struct {
	id, name  string
	arguments []string
	custom    bool
}

func (c completion) whole() string { return strings.Join(c.text, "") }

// complete answers a prompt: with a call of each tool, with an instance of the
// schema, or with prose that has multi-byte characters in it.
func (c *call) complete(p prompt) completion {
	var out completion
	if p.thinking {
		out.thinking = split("The user wants an answer; I shall give one.", 3)
	}
	if len(p.tools) > 0 && !p.answered {
		tools := p.tools
		if !p.parallel {
			tools = tools[:1]
		}
		for _, t := range tools {
			arguments := string(encode(instance(t.schema, t.schema, 0)))
			if t.custom {
				arguments = "*** Begin Patch\n+Grüße\n*** End Patch\n"
			}
			out.calls = append(out.calls, toolCall{c.u.nextID("call_"), t.name, split(arguments, 4), t.custom})
		}
		return out
	}
	text := "Grüße 🌍 from the fake upstream. You said: " + clip(p.text, 200)
	if p.images > 0 {
		text += fmt.Sprintf(" (with %d images)", p.images)
	}
	if p.schema.Exists() {
		text = string(encode(instance(p.schema, p.schema, 0)))
	}
	if c.fault.Size > 0 {
		text = strings.Repeat("lorem ipsum ", c.fault.Size/12+1)[:c.fault.Size]
	}
	chunks := c.fault.Chunks
	if chunks <= 0 {
		chunks = 5
	}
	out.text = split(text, chunks)
	return out
}

// split cuts a text into at most n pieces of about the same length, never inside
// a character.
func split(s string, n int) []string {
	var pieces []string
	for ; n > 1 && s != ""; n-- {
		end := len(s) / n
		for end < len(s) && !utf8.RuneStart(s[end]) || end == 0 {
			end++
		}
		pieces = append(pieces, s[:end])
		s = s[end:]
	}
	if s != "" {
		pieces = append(pieces, s)
	}
	return pieces
}

// clip shortens a text to at most n bytes of whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// instance makes a value that a JSON Schema admits.
func instance(schema, root gjson.Result, depth int) any {
	if depth > 8 {
		return nil
	}
	if ref := schema.Get("$ref").Str; strings.HasPrefix(ref, "#/") {
		return instance(root.Get(strings.ReplaceAll(ref[2:], "/", ".")), root, depth+1)
	}
	for _, key := range []string{"const", "enum.0"} {
		if v := schema.Get(key); v.Exists() {
			return rawJSON(v.Raw)
		}
	}
	for _, key := range []string{"anyOf.0", "oneOf.0", "allOf.0"} {
		if v := schema.Get(key); v.Exists() {
			return instance(v, root, depth+1)
		}
	}
	kind := schema.Get("type")
	if kind.IsArray() {
		kind = kind.Get("0")
	}
	switch strings.ToLower(kind.Str) { // Gemini has them in capitals
	case "string":
		return "Zürich"
	case "integer":
		return 42
	case "number":
		return 1.5
	case "boolean":
		return true
	case "null":
		return nil
	case "array":
		return []any{instance(schema.Get("items"), root, depth+1)}
	}
	o := object{}
	schema.Get("properties").ForEach(func(key, value gjson.Result) bool {
		o = append(o, key.Str, instance(value, root, depth+1))
		return true
	})
	return o
}
