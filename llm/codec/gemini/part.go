package gemini

import (
	"path"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// dataField returns the reader of a member that says what a part is, of which a part
// has one; nil for other members.
func dataField(name string) func(p *codec.Part, v gjson.Result, param string) error {
	switch name {
	case "text":
		return readText
	case "inlineData":
		return readInline
	case "fileData":
		return readFile
	case "functionCall":
		return readCall
	case "functionResponse":
		return readResult
	case "executableCode", "codeExecutionResult", "toolCall", "toolResponse": // what Google ran by itself
		return readOpaque
	}
	return nil
}

// decodePart reads one part. A call's and a result's ids may be empty. ok is false
// for a part that says nothing.
func decodePart(v gjson.Result, param string) (p codec.Part, ok bool, err error) {
	if !v.IsObject() {
		return p, false, codec.Invalid(param, "it must be an object")
	}
	var (
		data      string
		thought   bool
		signature string
	)
	err = each(v, func(name, own string, e gjson.Result) error {
		param := param + "." + own
		read := dataField(name)
		switch {
		case read != nil && data != "":
			return codec.Invalid(param, "the part has %s already", data)
		case read != nil:
			data = own
			return read(&p, e, param)
		case name == "thought":
			b, err := codec.Bool(e, param)
			thought = b != nil && *b
			return err
		case name == signatureField:
			signature, err = codec.String(e, param)
			return err
		}
		p.Extra = append(p.Extra, field(own, e))
		return nil
	})
	if err != nil {
		return p, false, err
	}
	switch {
	case data == "" && len(p.Extra) > 0, p.Kind == codec.Opaque,
		thought && p.Media != nil: // an image that the model made on the way to its answer
		return codec.Part{Kind: codec.Opaque, Raw: []byte(v.Raw), Origin: op}, true, nil
	case data == "" && !thought && signature == "":
		return p, false, nil
	}
	t := carried(signature)
	switch {
	case thought && p.Kind == codec.Text:
		p.Kind = codec.Thinking
		t.Redacted = t.Redacted && p.Text == ""
		p.Thought = &t
		return p, true, nil
	case thought:
		p.Extra = append(p.Extra, codec.Field{Name: "thought", Value: []byte("true")})
	}
	p.Signature = t.Signature
	return p, true, nil
}

func readText(p *codec.Part, v gjson.Result, param string) (err error) {
	p.Text, err = codec.String(v, param)
	return err
}

func readOpaque(p *codec.Part, _ gjson.Result, _ string) error {
	p.Kind = codec.Opaque
	return nil
}

// readStrings reads an object: strings go where into says; its other members are kept under prefix.
func readStrings(p *codec.Part, v gjson.Result, param, prefix string, into map[string]*string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	return each(v, func(name, own string, e gjson.Result) (err error) {
		if to := into[name]; to != nil {
			*to, err = codec.String(e, param+"."+own)
			return err
		}
		p.Extra = append(p.Extra, field(prefix+own, e))
		return nil
	})
}

func readInline(p *codec.Part, v gjson.Result, param string) error {
	m := &codec.Media{}
	err := readStrings(p, v, param, "inlineData.", map[string]*string{"mimeType": &m.MIME, "data": &m.Data, "displayName": &m.Name})
	m.Data = base64Of(m.Data)
	p.Media, p.Kind = m, kindOf(m.MIME)
	if err == nil && m.MIME == "" {
		return codec.Invalid(param+".mimeType", "it is required")
	}
	return err
}

func readFile(p *codec.Part, v gjson.Result, param string) error {
	m := &codec.Media{}
	err := readStrings(p, v, param, "fileData.", map[string]*string{"mimeType": &m.MIME, "fileUri": &m.URL, "displayName": &m.Name})
	p.Media, p.Kind = m, kindOf(m.MIME)
	if m.MIME == "" {
		p.Kind = kindOf(mimeOf(m.URL))
	}
	if err == nil && m.URL == "" {
		return codec.Invalid(param+".fileUri", "it is required")
	}
	return err
}

func kindOf(mimeType string) codec.Kind {
	switch major, _, _ := strings.Cut(mimeType, "/"); major {
	case "image":
		return codec.Image
	case "audio":
		return codec.Audio
	}
	return codec.File
}

// mimeTypes are those that Gemini takes, by extension.
var mimeTypes = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif",
	".heic": "image/heic", ".heif": "image/heif", ".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown",
	".html": "text/html", ".css": "text/css", ".csv": "text/csv", ".xml": "text/xml", ".json": "application/json",
	".wav": "audio/wav", ".mp3": "audio/mpeg", ".aac": "audio/aac", ".ogg": "audio/ogg", ".flac": "audio/flac",
	".mp4": "video/mp4", ".mpeg": "video/mpeg", ".mov": "video/quicktime", ".webm": "video/webm",
}

// mimeOf guesses the type of what lies at a URL, or has a file name, from its
// extension; "" when it tells nothing.
func mimeOf(name string) string {
	name, _, _ = strings.Cut(name, "#")
	name, _, _ = strings.Cut(name, "?")
	ext := strings.ToLower(path.Ext(name))
	return mimeTypes[ext]
}

func readCall(p *codec.Part, v gjson.Result, param string) error {
	c := &codec.ToolCall{Arguments: "{}"}
	p.Kind, p.Call = codec.ToolCallPart, c
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	return each(v, func(name, own string, e gjson.Result) (err error) {
		param := param + "." + own
		switch name {
		case "name":
			c.Name, err = codec.String(e, param)
		case "id":
			c.ID, err = codec.String(e, param)
		case "args":
			if !e.IsObject() {
				return codec.Invalid(param, "it must be an object")
			}
			c.Arguments = e.Raw
		default:
			p.Extra = append(p.Extra, field("functionCall."+own, e))
		}
		return err
	})
}

// readResult reads a functionResponse. One with images beside the object has both in
// Content, the object as its JSON text, as others look for images there.
func readResult(p *codec.Part, v gjson.Result, param string) error {
	r := &codec.ToolResult{Object: []byte("{}")}
	p.Kind, p.Result = codec.ToolResultPart, r
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	var media []codec.Part
	err := each(v, func(name, own string, e gjson.Result) (err error) {
		param := param + "." + own
		switch name {
		case "name":
			r.Name, err = codec.String(e, param)
		case "id":
			r.CallID, err = codec.String(e, param)
		case "response":
			if !e.IsObject() {
				return codec.Invalid(param, "it must be an object")
			}
			r.Object, r.IsError = []byte(e.Raw), e.Get("error").Type != gjson.Null
		case "parts":
			for i, part := range list(e) {
				m, ok, err := decodePart(part, index(param, i))
				switch {
				case err != nil:
					return err
				case !ok || m.Media == nil:
					return codec.Invalid(index(param, i), "it must be inlineData or fileData")
				}
				media = append(media, m)
			}
		default:
			p.Extra = append(p.Extra, field("functionResponse."+own, e))
		}
		return err
	})
	if len(media) > 0 {
		r.Content = append([]codec.Part{{Text: string(r.Object)}}, media...)
		r.Object = nil
	}
	return err
}
