package messages

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// imageTypes are those that Anthropic reads, and how each begins in base64.
var imageTypes = map[string]string{
	"image/png": "iVBORw0KGgo", "image/jpeg": "/9j/", "image/gif": "R0lGOD", "image/webp": "UklGR",
}

const pdf = "application/pdf"

// media writes the members of an image or a document.
func (e *requestWriter) media(p *codec.Part, at string) error {
	m := p.Media
	mime := mediaType(p.Kind, m)
	w := &e.w
	image := p.Kind == codec.Image && mime != pdf
	if image {
		w.StringField("type", "image")
	} else {
		w.StringField("type", "document")
	}
	if raw := extra(p.Extra, "source"); raw != "" && e.own {
		w.RawField("source", raw)
	} else {
		w.ObjectField("source")
		if err := e.source(m, mime, image, at); err != nil {
			return err
		}
		w.End()
	}
	title := m.Title
	if title == "" && !image {
		title = m.Name
	}
	if title != "" && (e.own || !image) {
		w.StringField("title", title)
	}
	if m.Context != "" && (e.own || !image) {
		w.StringField("context", m.Context)
	}
	if m.Detail != "" && m.Detail != "auto" {
		e.lost.Drop("messages.detail")
	}
	return nil
}

// source writes the members of a source.
func (e *requestWriter) source(m *codec.Media, mime string, image bool, at string) error {
	w := &e.w
	inline := func(kind, mime, data string) {
		w.StringField("type", kind)
		if mime != "" {
			w.StringField("media_type", mime)
		}
		w.StringField("data", data)
	}
	switch {
	case m.FileID != "":
		if !e.own {
			return codec.Unsupported(at+".file_id", op, "it has not the files of another provider; send the file itself")
		}
		w.StringField("type", "file")
		w.StringField("file_id", m.FileID)
	case m.URL != "":
		if !e.own && !strings.HasPrefix(m.URL, "https://") && !strings.HasPrefix(m.URL, "http://") {
			return codec.Unsupported(at+".url", op, "it reads http and https only")
		}
		w.StringField("type", "url")
		w.StringField("url", m.URL)
	case m.Data == "": // empty texts are texts too
		if mime == "" {
			mime = "text/plain"
		}
		inline("text", mime, m.Plain)
	case e.own, image && imageTypes[mime] != "", !image && mime == pdf:
		inline("base64", mime, m.Data)
	case !image && strings.HasPrefix(mime, "text/"):
		text, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil || !utf8.Valid(text) {
			return codec.Invalid(at, "its data must be the base64 of a text in UTF-8")
		}
		inline("text", "text/plain", string(text))
	case image:
		return codec.Unsupported(at, op, "it reads images of the types JPEG, PNG, GIF and WebP")
	default:
		return codec.Unsupported(at, op, "it reads documents that are PDF or text")
	}
	return nil
}

// mediaType is the type that m is said to have, or else what its data begins like.
func mediaType(kind codec.Kind, m *codec.Media) string {
	mime, _, _ := strings.Cut(strings.ToLower(m.MIME), ";")
	switch mime {
	case "":
	case "image/jpg":
		return "image/jpeg"
	case "application/octet-stream":
	default:
		if kind == codec.Image && mime != pdf && imageTypes[mime] == "" || strings.Contains(m.MIME, ";") {
			return strings.TrimSpace(mime)
		}
		return m.MIME
	}
	if m.Data == "" {
		return m.MIME
	}
	for t, begin := range imageTypes {
		if kind == codec.Image && strings.HasPrefix(m.Data, begin) {
			return t
		}
	}
	if strings.HasPrefix(m.Data, "JVBERi0") {
		return pdf
	}
	return m.MIME
}
