package gemini

import (
	"encoding/base64"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// part writes a part of a request that is neither a thought nor a call. of names
// what it is a part of for reports, at and i for errors.
func (e *encoder) part(w *jsonwrite.Writer, p *codec.Part, of, at string, i int) error {
	if p.Cache != nil {
		e.drop(of + ".cache_control")
	}
	if len(p.Annotations) > 0 {
		e.drop(of + ".annotations")
	}
	switch p.Kind {
	case codec.Text, codec.Refusal:
		if p.Text == "" && !e.own && (p.Signature == nil || p.Signature.Of != op) {
			return nil
		}
		w.Object()
		w.StringField("text", p.Text)
	case codec.Image, codec.File, codec.Audio:
		w.Object()
		if err := e.media(w, p, of, index(at, i)); err != nil {
			return err
		}
	case codec.ToolResultPart:
		return e.result(w, p, at, i)
	case codec.Opaque:
		return e.opaque(w, p, of, index(at, i))
	default:
		e.drop("thinking")
		return nil
	}
	e.signature(w, p.Signature)
	e.extra(w, p, of)
	w.End()
	return nil
}

func (e *encoder) signature(w *jsonwrite.Writer, s *codec.Signature) {
	switch {
	case s == nil:
	case s.Of == op:
		w.StringField(signatureField, s.Value)
	default:
		e.drop("thought_signature")
	}
}

func (e *encoder) extra(w *jsonwrite.Writer, p *codec.Part, of string) {
	if e.own {
		writeExtra(w, p.Extra, "")
	} else {
		e.dropExtra(of+".", p.Extra)
	}
}

// opaque writes what Gemini itself said. What another provider did by itself the
// model is not told; a reference to what another provider has stored is refused, as
// nobody knows what is left out with it.
func (e *encoder) opaque(w *jsonwrite.Writer, p *codec.Part, of, param string) error {
	if p.Origin == op {
		w.Raw(string(p.Raw))
		return nil
	}
	kind := gjson.GetBytes(p.Raw, "type").Str
	switch kind {
	case "item_reference", "compaction", "container_upload":
		return codec.Unsupported(param, op, "it cannot read what another provider has stored ("+kind+")")
	case "":
		kind = "content"
	}
	e.drop(of + "." + kind)
	return nil
}

// media writes the data of an image, a document or a sound into an open part.
func (e *encoder) media(w *jsonwrite.Writer, p *codec.Part, of, param string) error {
	m, mimeType := p.Media, p.Media.MIME
	if mimeType == "" && !e.own {
		if mimeType = mimeOf(m.URL); mimeType == "" {
			mimeType = mimeOf(m.Name)
		}
	}
	switch {
	case m.FileID != "":
		return codec.Unsupported(param, op, "the file is stored with another provider: send its content")
	case m.URL != "" && mimeType == "" && !e.own && !youTube(m.URL):
		return codec.Unsupported(param, op, "it must know the type of what is at a URL, which the URL's extension does not tell: send the content")
	case m.URL != "":
		w.ObjectField("fileData")
		if mimeType != "" {
			w.StringField("mimeType", mimeType)
		}
		w.StringField("fileUri", m.URL)
		e.mediaRest(w, p, of, "fileData.")
	case m.Plain != "":
		w.ObjectField("inlineData")
		w.StringField("mimeType", "text/plain")
		w.StringField("data", base64.StdEncoding.EncodeToString([]byte(m.Plain)))
		e.mediaRest(w, p, of, "inlineData.")
	case mimeType == "":
		return codec.Unsupported(param, op, "it must know the type of the data")
	default:
		w.ObjectField("inlineData")
		w.StringField("mimeType", mimeType)
		w.StringField("data", m.Data)
		e.mediaRest(w, p, of, "inlineData.")
	}
	if p.Kind == codec.Image && !e.own {
		e.details = append(e.details, m.Detail)
		if level := resolutions[m.Detail]; level != "" && e.t.Caps.ThinkingLevel {
			w.ObjectField("mediaResolution")
			w.StringField("level", level)
			w.End()
		}
	}
	return nil
}

// mediaRest ends the data with what a caller of Gemini's protocol said besides.
func (e *encoder) mediaRest(w *jsonwrite.Writer, p *codec.Part, of, prefix string) {
	m := p.Media
	if e.own {
		if m.Name != "" {
			w.StringField("displayName", m.Name)
		}
		writeExtra(w, p.Extra, prefix)
	} else {
		for _, l := range []loss{{"filename", m.Name != ""}, {"title", m.Title != ""}, {"context", m.Context != ""}} {
			e.dropIf(of+".", l)
		}
	}
	w.End()
}

// youTube says whether a URL is of the videos that Gemini knows without a type.
func youTube(u string) bool {
	for _, prefix := range []string{"https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/"} {
		if strings.HasPrefix(u, prefix) {
			return true
		}
	}
	return false
}
