package messages

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// readBlock reads one content block. caller says that a caller sent it, so that
// signatures may be what another provider's were carried in.
func readBlock(v gjson.Result, caller bool) (p codec.Part, err error) {
	kind, err := must(v.Get("type"), "type")
	if !v.IsObject() {
		return p, codec.Invalid("", "it must be an object")
	}
	if err == nil && kind == "" {
		err = codec.Invalid("type", "it is required")
	}
	if err != nil {
		return p, err
	}
	read, required := blockReader(kind)
	if read == nil {
		return opaque(v), nil
	}
	if (caller || kind == "tool_use") && v.Get(required).Type == gjson.Null {
		return p, codec.Invalid(required, "it is required")
	}
	known, whole := false, false
	err = members(v, func(name string, v gjson.Result) (err error) {
		switch name {
		case "type":
			return nil
		case "cache_control":
			p.Cache, err = readCache(v)
			return err
		}
		known, err = read(&p, name, v)
		if err == errOpaque {
			whole, err = true, nil
		}
		if !known {
			p.Extra = append(p.Extra, field(name, v))
		}
		return err
	})
	if err == nil && whole {
		return opaque(v), nil
	}
	if err == nil && p.Call != nil && p.Call.Name == "" {
		err = codec.Invalid("name", "it is required")
	}
	if p.Call != nil && p.Call.ID == "" && !caller { // results must find it
		p.Call.ID = codec.NewID("toolu_")
	}
	finishBlock(&p, kind, caller)
	return p, err
}

// errOpaque is for a block that is of a known kind, and yet can only be kept whole.
var errOpaque = codec.Invalid("", "it has no neutral form")

func opaque(v gjson.Result) codec.Part {
	return codec.Part{Kind: codec.Opaque, Raw: json.RawMessage(v.Raw), Origin: op}
}

type memberReader = func(p *codec.Part, name string, v gjson.Result) (known bool, err error)

// blockReader returns what reads the members of a kind of block, and the one that
// it must have; nil for kinds without a neutral form.
func blockReader(kind string) (read memberReader, required string) {
	switch kind {
	case "text":
		return readText, "text"
	case "image", "document":
		return readMedia, "source"
	case "tool_use":
		return readCall, "id"
	case "tool_result":
		return readResult, "tool_use_id"
	case "thinking":
		return readThinking, "thinking"
	case "redacted_thinking":
		return readRedacted, "data"
	}
	return nil, ""
}

// finishBlock sets what follows from all of a block.
func finishBlock(p *codec.Part, kind string, caller bool) {
	switch kind {
	case "text":
		if len(p.Annotations) > 0 { // they are of the whole block
			n := int64(utf8.RuneCountInString(p.Text))
			for i := range p.Annotations {
				p.Annotations[i].End = n
			}
		}
	case "image":
		p.Kind = codec.Image
	case "document":
		p.Kind = codec.File
	case "thinking", "redacted_thinking":
		p.Kind = codec.Thinking
		if p.Thought == nil {
			p.Thought = &codec.Thought{}
		}
		t := p.Thought
		if t.Redacted = kind == "redacted_thinking"; caller && t.Signature != nil {
			readSignature(t, t.Signature.Value)
		}
	}
}

func readText(p *codec.Part, name string, v gjson.Result) (known bool, err error) {
	switch name {
	case "text":
		p.Text, err = codec.String(v, name)
	case "citations":
		p.Annotations, err = readCitations(v)
		err = within(name, err)
	default:
		return false, nil
	}
	return true, err
}

func readCitations(v gjson.Result) (list []codec.Annotation, err error) {
	if v.Type == gjson.Null {
		return nil, nil
	}
	err = elements(v, func(_ int, v gjson.Result) error {
		if !v.IsObject() {
			return codec.Invalid("", "it must be an object")
		}
		list = append(list, readCitation(v))
		return nil
	})
	return list, err
}

func readCitation(v gjson.Result) codec.Annotation {
	a := codec.Annotation{URL: v.Get("url").Str, Title: v.Get("title").Str, CitedText: v.Get("cited_text").Str,
		Raw: json.RawMessage(v.Raw), Origin: op}
	if a.Title == "" {
		a.Title = v.Get("document_title").Str
	}
	if source := v.Get("source").Str; a.URL == "" && strings.HasPrefix(source, "http") {
		a.URL = source
	}
	return a
}

func readCall(p *codec.Part, name string, v gjson.Result) (known bool, err error) {
	if p.Call == nil {
		p.Kind, p.Call = codec.ToolCallPart, &codec.ToolCall{}
	}
	switch name {
	case "id":
		p.Call.ID, err = codec.String(v, name)
	case "name":
		p.Call.Name, err = codec.String(v, name)
	case "input":
		var input json.RawMessage
		input, err = codec.Object(v, name)
		p.Call.Arguments = string(input)
	default:
		return false, nil
	}
	return true, err
}

func readResult(p *codec.Part, name string, v gjson.Result) (known bool, err error) {
	if p.Result == nil {
		p.Kind, p.Result = codec.ToolResultPart, &codec.ToolResult{}
	}
	switch name {
	case "tool_use_id":
		p.Result.CallID, err = codec.String(v, name)
	case "is_error":
		var b *bool
		b, err = codec.Bool(v, name)
		p.Result.IsError = b != nil && *b
	case "content":
		p.Result.Content, err = readContent(v, func(v gjson.Result) (codec.Part, error) {
			switch kind := v.Get("type").Str; kind {
			case "text", "image", "document":
				return readBlock(v, true)
			case "tool_use", "tool_result", "thinking", "redacted_thinking":
				return codec.Part{}, codec.Invalid("type", "%s cannot be in the content of a tool_result", kind)
			case "":
				return readBlock(v, true) // which refuses it
			}
			return opaque(v), nil
		})
		if v.Type == gjson.Null {
			err = nil
		}
		err = within(name, err)
	default:
		return false, nil
	}
	return true, err
}

// readContent reads a content that is a string, for one text, or a list of blocks.
func readContent(v gjson.Result, read func(v gjson.Result) (codec.Part, error)) (parts []codec.Part, err error) {
	switch {
	case v.Type == gjson.String:
		return []codec.Part{{Text: v.Str}}, nil
	case !v.IsArray():
		return nil, codec.Invalid("", "it must be a string or a list of content blocks")
	}
	err = elements(v, func(_ int, v gjson.Result) error {
		p, err := read(v)
		parts = append(parts, p)
		return err
	})
	return parts, err
}
