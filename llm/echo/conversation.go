package echo

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// conversation is the messages of a chat, of Anthropic's messages, or the input
// items of a response: what echo needs of them reads alike in all three.
type conversation []message

type message struct {
	Type    string  `json:"type"` // of an input item
	Role    string  `json:"role"`
	Content content `json:"content"`
	Output  content `json:"output"` // of an input item that is a tool's result
}

// content is a string or a list of parts.
type content []part

type part struct {
	Type    string  `json:"type"`
	Text    string  `json:"text"`
	Content content `json:"content"` // of a tool_result
}

func (c *content) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		*c = content{{Type: "text"}}
		return json.Unmarshal(b, &(*c)[0].Text)
	case '[':
		return json.Unmarshal(b, (*[]part)(c))
	case 'n', '{': // results of hosted tools are objects; they hold no text for us
		*c = nil
		return nil
	}
	return errors.New("content must be a string or an array of parts")
}

func (p part) line() string {
	switch p.Type {
	case "text", "input_text", "output_text", "":
		return p.Text
	case "image", "image_url", "input_image":
		return "[image]"
	case "file", "input_file", "document":
		return "[file]"
	case "input_audio":
		return "[audio]"
	}
	return ""
}

// text is what the parts say, one a line.
func (c content) text() string {
	if len(c) == 1 { // the common case; a long text is not copied
		return c[0].line()
	}
	var lines []string
	for _, p := range c {
		if s := p.line(); s != "" {
			lines = append(lines, s)
		}
	}
	return strings.Join(lines, "\n")
}

// results are the texts of the tool results that m brings; nil if it is none.
func (m message) results() []string {
	switch {
	case m.Role == "tool" || m.Role == "function":
		return []string{m.Content.text()}
	case strings.HasSuffix(m.Type, "_output"):
		return []string{m.Output.text()}
	}
	var texts []string
	for _, p := range m.Content {
		if p.Type == "tool_result" {
			texts = append(texts, p.Content.text())
		}
	}
	return texts
}

// asked is the text to answer: that of the tool results in which the
// conversation ends, else that of the last user message.
func (c conversation) asked() (text string, fromTools bool) {
	var results []string
	past := false // whether the end of the conversation lies behind
	for _, m := range slices.Backward(c) {
		r := m.results()
		switch {
		case m.Role == "system" || m.Role == "developer":
		case r != nil && !past:
			results = append(r, results...)
		case r != nil:
		case results != nil:
			return strings.Join(results, "\n"), true
		case m.Role == "user":
			return m.Content.text(), false
		default:
			past = true
		}
	}
	return strings.Join(results, "\n"), results != nil
}

// words counts the words of all messages.
func (c conversation) words() int {
	n := 0
	for _, m := range c {
		n += words(m.Content.text()) + words(m.Output.text())
		for _, p := range m.Content {
			n += words(p.Content.text())
		}
	}
	return n
}

// input is a response's input: items, or a string for one user message.
type input conversation

func (in *input) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		return json.Unmarshal(b, (*conversation)(in))
	}
	var c content
	if err := json.Unmarshal(b, &c); err != nil {
		return err
	}
	*in = input{{Role: "user", Content: c}}
	return nil
}

func words(s string) int {
	n := 0
	for range strings.FieldsSeq(s) {
		n++
	}
	return n
}
