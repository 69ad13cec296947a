package messages

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// readMedia reads the members of an image and of a document.
func readMedia(p *codec.Part, name string, v gjson.Result) (known bool, err error) {
	if p.Media == nil {
		p.Media = &codec.Media{}
	}
	switch name {
	case "source":
		var whole bool
		if whole, err = readSource(p.Media, v); whole {
			p.Extra = append(p.Extra, field(name, v))
		}
		if err != nil && err != errOpaque {
			err = within(name, err)
		}
	case "title":
		p.Media.Title, err = codec.String(v, name)
	case "context":
		p.Media.Context, err = codec.String(v, name)
	default:
		return false, nil
	}
	return true, err
}

// sources are the kinds of sources, and the member that each must have.
var sources = map[string]string{"base64": "data", "text": "data", "url": "url", "file": "file_id", "content": "content"}

// readSource reads where a medium is. whole says that the source is more than m can
// tell.
func readSource(m *codec.Media, v gjson.Result) (whole bool, err error) {
	if !v.IsObject() {
		return false, codec.Invalid("", "it must be an object")
	}
	kind, err := must(v.Get("type"), "type")
	if err != nil {
		return false, err
	}
	required, known := sources[kind]
	if !known {
		return false, errOpaque
	}
	if v.Get(required).Type == gjson.Null {
		return false, codec.Invalid(required, "it is required")
	}
	err = members(v, func(name string, v gjson.Result) (err error) {
		switch {
		case name == "type":
		case name == "media_type":
			m.MIME, err = codec.String(v, name)
		case name == required && kind == "content":
			whole = true
			m.MIME = "text/plain"
			m.Plain, err = readPlain(v)
		case name == required:
			*map[string]*string{"base64": &m.Data, "text": &m.Plain, "url": &m.URL, "file": &m.FileID}[kind], err = must(v, name)
		default:
			whole = true
		}
		return err
	})
	return whole, err
}

// readPlain joins the texts that a document was made of; one made of images too is
// opaque.
func readPlain(v gjson.Result) (string, error) {
	parts, err := readContent(v, func(v gjson.Result) (codec.Part, error) { return readBlock(v, true) })
	if err != nil {
		return "", within("content", err)
	}
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.Kind != codec.Text {
			return "", errOpaque
		}
		texts = append(texts, p.Text)
	}
	return strings.Join(texts, "\n"), nil
}
