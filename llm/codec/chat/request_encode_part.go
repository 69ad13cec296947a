package chat

import (
	"encoding/base64"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// joints stand between the texts of another protocol's message, which become one
// string: compatible servers often take nothing else for these roles. Anthropic and
// Gemini cut an assistant's text wherever a source is cited.
var joints = map[string]string{"system": "\n\n", "developer": "\n\n", "assistant": "", "tool": "\n"}

// content writes a message's content: a string where it can be one, or else a list.
func (e *writer) content(parts []codec.Part, role string) {
	joint, joined := joints[role]
	joined = joined && !e.own() || len(parts) < 2
	plain := true
	for i := range parts {
		p := &parts[i]
		if p.Kind != codec.Text || e.own() && (p.Cache != nil || p.Extra != nil || p.Text == "") {
			plain = false
		}
	}
	if !plain || !joined {
		e.w.Array()
		for i := range parts {
			e.part(&parts[i])
		}
		e.w.EndArray()
		return
	}
	texts := make([]string, len(parts))
	for i := range parts {
		p := &parts[i]
		texts[i] = p.Text
		writeCache(&e.w, p.Cache, e.r.From, e.lost) // reports it
		extras(&e.w, p.Extra, e.r.From, e.lost, "messages.")
	}
	e.w.String(strings.Join(texts, joint))
}

// part writes an element of a content that is a list.
func (e *writer) part(p *codec.Part) {
	w := &e.w
	if p.Kind == codec.Opaque {
		w.Raw(string(p.Raw))
		return
	}
	w.Object()
	inner := ""
	switch m := p.Media; p.Kind {
	case codec.Text:
		w.StringField("type", "text")
		w.StringField("text", p.Text)
	case codec.Refusal:
		w.StringField("type", "refusal")
		w.StringField("refusal", p.Text)
	case codec.Image:
		inner = "image_url"
		e.image(m)
	case codec.Audio:
		inner = "input_audio"
		if m.Data == "" {
			e.refuse("messages.audio", "it takes sound inline only, as base64")
		}
		w.StringField("type", inner)
		w.ObjectField(inner)
		w.StringField("data", m.Data)
		w.StringField("format", audioFormat(m.MIME))
	case codec.File:
		inner = "file"
		e.file(m)
	}
	if inner != "" {
		rest(w, p.Extra, e.r.From, inner)
		w.End()
	}
	writeCache(w, p.Cache, e.r.From, e.lost)
	extras(w, p.Extra, e.r.From, e.lost, "messages.", inner)
	w.End()
}

// image begins an image_url.
func (e *writer) image(m *codec.Media) {
	w := &e.w
	if m.FileID != "" {
		e.refuse("messages.file_id", "it takes images inline or at a URL")
	}
	w.StringField("type", "image_url")
	w.ObjectField("image_url")
	w.StringField("url", mediaURL(m))
	e.str("detail", m.Detail)
}

func mediaURL(m *codec.Media) string {
	if m.Data == "" && m.URL != "" {
		return m.URL
	}
	return "data:" + m.MIME + ";base64," + m.Data
}

// file begins a file. An id means something only to the provider that stores it,
// and OpenAI's protocols share one store.
func (e *writer) file(m *codec.Media) {
	w := &e.w
	w.StringField("type", "file")
	w.ObjectField("file")
	if m.Context != "" {
		e.lost.Drop("messages.context")
	}
	name := m.Name
	if !e.own() {
		name = fileName(m)
	}
	switch {
	case m.FileID != "":
		if !e.own() && e.r.From != llm.OpenAIResponses {
			e.refuse("messages.file_id", "the file is stored with another provider; send its content")
		}
		w.StringField("file_id", m.FileID)
		e.str("filename", m.Name)
	case m.URL != "":
		if !e.own() {
			e.refuse("messages.file_url", "it takes documents inline only; send the content")
		}
		e.str("filename", name)
		w.StringField("file_data", m.URL)
	case m.Plain != "":
		e.str("filename", name)
		w.StringField("file_data", "data:text/plain;base64,"+base64.StdEncoding.EncodeToString([]byte(m.Plain)))
	default:
		data := m.Data
		if m.MIME != "" || strings.HasPrefix(data, "data:") {
			data = mediaURL(m)
		}
		e.str("filename", name)
		w.StringField("file_data", data)
	}
}

// toolCall writes an element of tool_calls.
func (e *writer) toolCall(p *codec.Part) {
	call, w := p.Call, &e.w
	if call.Namespace != "" {
		e.refuse("messages.tool_calls.namespace", "tools have one flat name")
	}
	if p.Signature != nil && !e.takesGemini(p.Signature) {
		e.lost.Drop("messages.thought_signature")
		plain := *p
		plain.Signature = nil
		p = &plain
	}
	inner, args := "function", call.Arguments
	if call.Custom {
		inner = "custom"
		if e.t.Caps.NoCustomTools {
			e.refuse("messages.tool_calls.custom", "its tools take JSON alone")
		}
	} else if args == "" && !e.own() {
		args = "{}"
	}
	w.Object()
	w.StringField("id", call.ID)
	w.StringField("type", inner)
	callBody(w, call, args)
	rest(w, p.Extra, e.r.From, inner)
	w.End()
	writeExtraContent(w, p, e.r.From)
	writeCache(w, p.Cache, e.r.From, e.lost)
	extras(w, p.Extra, e.r.From, e.lost, "messages.tool_calls.", innerOfCall(p)...)
	w.End()
}

// innerOfCall names the fields of Extra that are written inside others.
func innerOfCall(p *codec.Part) []string {
	if p.Signature == nil {
		return []string{"function", "custom"}
	}
	return []string{"function", "custom", "extra_content", "extra_content.google"}
}

// callBody begins the member function or custom of a call.
func callBody(w *jsonwrite.Writer, call *codec.ToolCall, args string) {
	if call.Custom {
		w.ObjectField("custom")
		w.StringField("name", call.Name)
		w.StringField("input", args)
		return
	}
	w.ObjectField("function")
	w.StringField("name", call.Name)
	w.StringField("arguments", args)
}

// writeExtraContent writes Gemini's signature of a call.
func writeExtraContent(w *jsonwrite.Writer, p *codec.Part, from llm.Operation) {
	if p.Signature == nil {
		return
	}
	w.ObjectField("extra_content")
	w.ObjectField("google")
	w.StringField("thought_signature", p.Signature.Value)
	rest(w, p.Extra, from, "extra_content.google")
	w.End()
	rest(w, p.Extra, from, "extra_content")
	w.End()
}
