package responses

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// part writes one part of a message's content, or of a tool's output.
func (e *encoder) part(p *codec.Part, role codec.Role, at string) error {
	if p.Kind == codec.Opaque {
		e.Raw(string(p.Raw))
		return nil
	}
	assistant := role == codec.RoleAssistant
	if assistant && p.Media != nil && !e.own {
		return codec.Unsupported(at, op, "the assistant's own messages hold text alone there")
	}
	e.Object()
	var err error
	switch p.Kind {
	case codec.Text:
		if assistant {
			e.StringField("type", "output_text")
		} else {
			e.StringField("type", "input_text")
		}
		e.StringField("text", p.Text)
		e.annotations(p.Annotations, assistant && !e.own)
	case codec.Refusal:
		e.StringField("type", "refusal")
		e.StringField("refusal", p.Text)
	case codec.Image:
		err = e.image(p.Media, at)
	case codec.File:
		err = e.file(p.Media, at)
	case codec.Audio:
		err = e.audio(p.Media, at)
	default:
		err = codec.Unsupported(at, op, "it cannot stand there")
	}
	if err != nil {
		return err
	}
	e.cache(p, assistant)
	if p.Signature != nil {
		e.lost.Drop("thinking")
	}
	e.members("messages.", p.Extra)
	e.End()
	return nil
}

// cache marks the end of what shall be cached. The lifetimes differ: what is kept
// for five minutes elsewhere is kept as long as the request says.
func (e *encoder) cache(p *codec.Part, assistant bool) {
	switch {
	case p.Cache == nil || e.own && extra(p.Extra, cacheMember) != nil:
	case assistant || p.Kind == codec.Refusal:
		if !e.own {
			e.lost.Drop("messages.cache_control")
			return
		}
		fallthrough
	default:
		e.RawField(cacheMember, `{"mode":"explicit"}`)
		e.dropIf(p.Cache.TTL == "1h", "messages.cache_control.ttl")
		for _, f := range p.Cache.Extra {
			e.lost.Drop("messages.cache_control." + f.Name)
		}
	}
}

// annotations writes the list; always, when it is required.
func (e *encoder) annotations(list []codec.Annotation, required bool) {
	open := required
	if required {
		e.ArrayField("annotations")
	}
	for _, a := range list {
		raw := annotationJSON(&a)
		if raw == "" {
			e.lost.Drop("messages.annotations")
			continue
		}
		if !open {
			e.ArrayField("annotations")
			open = true
		}
		e.Raw(raw)
	}
	if open {
		e.EndArray()
	}
}

func (e *encoder) image(m *codec.Media, at string) error {
	e.StringField("type", "input_image")
	switch {
	case m.FileID != "":
		if !e.fromOpenAI() {
			return codec.Unsupported(at, op, "the file is stored with another provider")
		}
		e.StringField("file_id", m.FileID)
	case m.Data != "":
		mime := m.MIME
		if mime == "" {
			mime = "image/png"
		}
		e.StringField("image_url", "data:"+mime+";base64,"+m.Data)
	default:
		if !e.reachable(m.URL) {
			return codec.Unsupported(at, op, "it fetches images from the web only")
		}
		e.StringField("image_url", m.URL)
	}
	if m.Detail != "" {
		e.StringField("detail", m.Detail)
	} else if !e.own {
		e.StringField("detail", "auto")
	}
	return nil
}

// reachable says whether OpenAI can fetch a URL.
func (e *encoder) reachable(url string) bool {
	return e.own || strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "data:")
}

func (e *encoder) file(m *codec.Media, at string) error {
	e.StringField("type", "input_file")
	name := m.Name
	if name == "" {
		if name = m.Title; name != "" && !strings.Contains(name, ".") {
			name += extensions[m.MIME]
		}
	} else {
		e.dropIf(m.Title != "", "messages.title")
	}
	e.dropIf(m.Context != "", "messages.context")
	switch {
	case m.FileID != "":
		if !e.fromOpenAI() {
			return codec.Unsupported(at, op, "the file is stored with another provider")
		}
		e.StringField("file_id", m.FileID)
	case m.Plain != "":
		e.StringField("file_data", "data:text/plain;base64,"+base64.StdEncoding.EncodeToString([]byte(m.Plain)))
		if name == "" {
			name = "document.txt"
		}
	case m.Data != "":
		data := m.Data
		if m.MIME != "" {
			data = "data:" + m.MIME + ";base64," + data
		}
		e.StringField("file_data", data)
		if name == "" && !e.own { // inline data must have one
			name = "document" + extensions[m.MIME]
		}
	default:
		if !e.reachable(m.URL) {
			return codec.Unsupported(at, op, "it fetches files from the web only")
		}
		e.StringField("file_url", m.URL)
	}
	e.optional("filename", name)
	e.optional("detail", m.Detail)
	return nil
}

var extensions = map[string]string{
	"application/pdf": ".pdf", "text/plain": ".txt", "text/markdown": ".md", "text/csv": ".csv",
	"text/html": ".html", "application/json": ".json",
}

func (e *encoder) audio(m *codec.Media, at string) error {
	format := strings.TrimPrefix(m.MIME, "audio/")
	switch format {
	case "mpeg":
		format = "mp3"
	case "x-wav", "wave":
		format = "wav"
	}
	if !e.own && (format != "mp3" && format != "wav" || m.Data == "") {
		return codec.Unsupported(at, op, "it takes sound as inline mp3 or wav")
	}
	e.StringField("type", "input_audio")
	e.ObjectField("input_audio")
	e.StringField("data", m.Data)
	e.StringField("format", format)
	e.End()
	return nil
}

// annotationJSON is an annotation in this protocol, "" for one of a document that is
// not on the web.
func annotationJSON(a *codec.Annotation) string {
	if a.Origin == op && len(a.Raw) > 0 {
		return string(a.Raw)
	}
	if a.URL == "" {
		return ""
	}
	e := encoder{}
	e.Object()
	e.StringField("type", "url_citation")
	e.IntField("start_index", a.Start)
	e.IntField("end_index", a.End)
	e.StringField("url", a.URL)
	e.StringField("title", a.Title)
	e.End()
	return string(e.B)
}

// logprobs are the token probabilities of a choice: the same list in chat, one level
// deeper.
func wrapLogprobs(list string) json.RawMessage {
	return json.RawMessage(`{"content":` + list + `,"refusal":null}`)
}
