package gemini

import (
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// EncodeResponse implements [codec.Codec].
func (geminiCodec) EncodeResponse(r *codec.Response, _ *codec.Request, lost *codec.Losses) ([]byte, error) {
	var w jsonwrite.Writer
	own := r.From == op
	w.Object()
	if len(r.Choices) == 0 {
		writeBlocked(&w, r, own)
	} else {
		w.ArrayField("candidates")
		for i := range r.Choices {
			writeCandidate(&w, r, i, lost)
		}
		w.EndArray()
	}
	writeUsage(&w, r.Usage, r.ServiceTier)
	writeAbout(&w, r)
	for _, f := range r.Extra {
		switch {
		case !own:
			lost.Drop(f.Name)
		case strings.HasPrefix(f.Name, "candidates["), f.Name == "promptFeedback" && len(r.Choices) == 0:
		default:
			w.RawField(f.Name, string(f.Value))
		}
	}
	w.End()
	return w.B, nil
}

func writeBlocked(w *jsonwrite.Writer, r *codec.Response, own bool) {
	for _, f := range r.Extra {
		if own && f.Name == "promptFeedback" { // which has the reason too
			w.RawField(f.Name, string(f.Value))
			return
		}
	}
	w.ObjectField("promptFeedback")
	w.StringField("blockReason", blockReason(r.Blocked, own))
	w.End()
}

// writeAbout writes what identifies an answer.
func writeAbout(w *jsonwrite.Writer, r *codec.Response) {
	w.StringField("modelVersion", r.Model)
	if r.Created > 0 {
		w.StringField("createTime", time.Unix(r.Created, 0).UTC().Format(time.RFC3339))
	}
	w.StringField("responseId", codec.ID("", r.ID))
}

func writeCandidate(w *jsonwrite.Writer, r *codec.Response, i int, lost *codec.Losses) {
	c, own := &r.Choices[i], r.From == op
	var (
		notes  []cited
		finish = c.Finish
		n      int64 // parts written
	)
	w.Object()
	w.ObjectField("content")
	w.ArrayField("parts")
	for k := range c.Parts {
		p := &c.Parts[k]
		if !writeAnswerPart(w, p, own, &finish, lost) {
			continue
		}
		if len(p.Annotations) > 0 && !own {
			notes = append(notes, cited{textAt{int(n), p.Text}, p.Annotations})
		}
		n++
	}
	if n == 0 && !own { // SDKs take an answer without parts for a broken one
		w.Raw(`{"text":""}`)
	}
	w.EndArray()
	w.StringField("role", "model")
	w.End()
	writeFinish(w, finish, own)
	w.IntField("index", int64(c.Index))
	writeLogprobs(w, c.Logprobs)
	if own {
		prefix := "candidates[" + strconv.Itoa(i) + "]."
		for _, f := range r.Extra {
			if name, ok := strings.CutPrefix(f.Name, prefix); ok {
				w.RawField(name, string(f.Value))
			}
		}
	} else {
		writeGrounding(w, notes)
	}
	w.End()
}

func writeFinish(w *jsonwrite.Writer, f codec.Finish, own bool) {
	w.StringField("finishReason", finishReason(f, own))
	if f.Message != "" {
		w.StringField("finishMessage", f.Message)
	}
}

// writeAnswerPart writes one part of an answer; false when it has no form. A call
// whose arguments are no object, mostly because the answer was cut off in them,
// becomes what Gemini itself makes of such: no part, but a finishReason.
func writeAnswerPart(w *jsonwrite.Writer, p *codec.Part, own bool, f *codec.Finish, lost *codec.Losses) bool {
	sig, thought := p.Signature, p.Thought
	switch {
	case p.Kind == codec.Text || p.Kind == codec.Refusal:
		if p.Text == "" && sig == nil && !own {
			return false
		}
		w.Object()
		w.StringField("text", p.Text)
	case p.Kind == codec.Thinking:
		if thought != nil {
			sig = thought.Signature
		}
		if p.Text == "" && sig == nil && !own {
			return false
		}
		w.Object()
		w.StringField("text", p.Text)
		if sig == nil || !thought.Redacted || sig.Of != op { // see signatureOnly
			w.BoolField("thought", true)
		}
	case p.Call != nil:
		args, ok := arguments(p.Call)
		if !ok {
			malformed(p.Call, f)
			lost.Drop("tool_calls")
			return false
		}
		w.Object()
		writeCall(w, p.Call, args)
		writeExtraIf(w, own, p.Extra, "functionCall.")
		w.End()
	case p.Media != nil && (p.Media.Data != "" && p.Media.MIME != "" || p.Media.URL != "" || own):
		w.Object()
		writeMedia(w, p, own)
	case p.Kind == codec.Opaque && p.Origin == op:
		w.Raw(string(p.Raw))
		return true
	default:
		name := gjson.GetBytes(p.Raw, "type").Str
		if name == "" {
			name = "parts"
		}
		lost.Drop("content." + name)
		return false
	}
	if sig != nil {
		w.StringField(signatureField, carry(sig, thought))
	}
	writeExtraIf(w, own, p.Extra, "")
	w.End()
	return true
}

func writeExtraIf(w *jsonwrite.Writer, own bool, fields []codec.Field, prefix string) {
	if own {
		writeExtra(w, fields, prefix)
	}
}

// arguments are a call's as an object; ok is false when they are none.
func arguments(c *codec.ToolCall) (args string, ok bool) {
	switch {
	case c.Custom:
		return `{"input":` + string(jsonwrite.AppendString(nil, c.Arguments)) + `}`, true
	case strings.TrimSpace(c.Arguments) == "":
		return "{}", true
	}
	return c.Arguments, object(c.Arguments)
}

func malformed(c *codec.ToolCall, f *codec.Finish) {
	if f.Reason != codec.ReasonLength {
		f.Reason, f.Raw = codec.ReasonError, malformedCall
	}
	f.Message = "Malformed function call: " + c.Name + "(" + c.Arguments + ")"
}

// writeCall begins a functionCall, which the caller ends.
func writeCall(w *jsonwrite.Writer, c *codec.ToolCall, args string) {
	w.ObjectField("functionCall")
	w.StringField("name", c.Name)
	w.RawField("args", args)
	if c.ID != "" {
		w.StringField("id", c.ID)
	}
}

func writeMedia(w *jsonwrite.Writer, p *codec.Part, own bool) {
	m := p.Media
	name, value, kind := "data", m.Data, "inlineData"
	if m.URL != "" {
		name, value, kind = "fileUri", m.URL, "fileData"
	}
	w.ObjectField(kind)
	if m.MIME != "" {
		w.StringField("mimeType", m.MIME)
	}
	w.StringField(name, value)
	if m.Name != "" {
		w.StringField("displayName", m.Name)
	}
	writeExtraIf(w, own, p.Extra, kind+".")
	w.End()
}
