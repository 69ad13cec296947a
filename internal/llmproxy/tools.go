package llmproxy

import (
	"bytes"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// toolList are the tools that a request offers, for its event.
type toolList struct {
	n     int
	names []string
}

// toolsOf counts the tools of a request and lists their names: "name", or in
// "function", or else the type, which names a tool that the provider runs. Those of a
// group count one by one: of a namespace of Responses, or of Gemini's declarations.
func toolsOf(v []byte) (n int, names []string) {
	var l toolList
	l.walk(v, 0, false)
	return l.n, l.names
}

func (l *toolList) walk(v []byte, at int, inGroup bool) (end int) {
	return jsonscan.Walk(v, at, func(_ []byte, at int) int {
		var name, kind []byte
		isGroup := false
		member := func(key []byte, at int) int {
			end := jsonscan.Skip(v, at)
			if end > at && string(key) == "name" {
				name = v[at:end]
			}
			return end
		}
		end := jsonscan.Walk(v, at, func(key []byte, at int) int {
			switch string(key) {
			case "function":
				if v[at] == '{' {
					return jsonscan.Walk(v, at, member)
				}
			case "tools", "functionDeclarations", "function_declarations":
				if v[at] == '[' && !inGroup {
					isGroup = true
					return l.walk(v, at, true)
				}
			}
			end := member(key, at)
			if end > at && string(key) == "type" {
				kind = v[at:end]
			}
			return end
		})
		if isGroup {
			return end
		}
		l.n++
		if name == nil {
			name = kind
		}
		if s, err := jsonscan.String(name); err == nil && len(l.names) < maxToolNames && len(s) <= maxToolName {
			l.names = append(l.names, s)
		}
		return end
	})
}

// additionalTools lists the tools of the item that the newest models of Codex have in
// the place of tools. It comes first, so that a long conversation is not searched.
func additionalTools(input []byte) (n int, names []string) {
	const kind = `"additional_tools"`
	if !bytes.Contains(input[:min(len(input), 64)], []byte(kind)) {
		return 0, nil
	}
	jsonscan.Walk(input, 0, func(_ []byte, at int) int {
		jsonscan.Walk(input, at, func(key []byte, at int) int {
			end := jsonscan.Skip(input, at)
			if end > at && string(key) == "tools" {
				n, names = toolsOf(input[at:end])
			}
			return end
		})
		return -1
	})
	return n, names
}
