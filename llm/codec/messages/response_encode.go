package messages

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// EncodeResponse implements [codec.Codec].
func (protocol) EncodeResponse(r *codec.Response, req *codec.Request, lost *codec.Losses) ([]byte, error) {
	own := r.From == op
	ofUsage, top := split(r.Extra, own, lost)
	end := ending{own: own}
	if len(r.Choices) > 0 {
		end.Finish = r.Choices[0].Finish
	}
	if r.Blocked != "" {
		end.Reason, end.Message = codec.ReasonFilter, r.Blocked
	}
	if len(r.Choices) > 1 {
		lost.Drop("n")
	}
	w := &jsonwrite.Writer{B: make([]byte, 0, 1024)}
	w.Object()
	w.StringField("id", messageID(r))
	w.StringField("type", "message")
	w.StringField("role", "assistant")
	w.StringField("model", modelOf(r, req))
	w.ArrayField("content")
	if len(r.Choices) > 0 {
		c := &r.Choices[0]
		if len(c.Logprobs) > 0 && some(c.Logprobs) {
			lost.Drop("logprobs")
		}
		for i := range c.Parts {
			if err := writeAnswer(w, &c.Parts[i], &end, lost); err != nil {
				return nil, err
			}
		}
	}
	w.EndArray()
	if err := end.write(w); err != nil {
		return nil, err
	}
	writeUsage(w, r.Usage, r.ServiceTier, ofUsage)
	for _, f := range top {
		w.RawField(f.Name, string(f.Value))
	}
	w.End()
	return w.B, nil
}

func messageID(r *codec.Response) string {
	if r.From == op && r.ID != "" {
		return r.ID
	}
	return codec.ID("msg_", r.ID)
}

func modelOf(r *codec.Response, req *codec.Request) string {
	if r.Model == "" && req != nil {
		return req.Model
	}
	return r.Model
}

// writeAnswer writes one part of an answer, and notes in end what it says of the
// way in which it ended.
func writeAnswer(w *jsonwrite.Writer, p *codec.Part, end *ending, lost *codec.Losses) error {
	switch p.Kind {
	case codec.Text, codec.Refusal:
		if p.Text == "" {
			return nil
		}
		if p.Kind == codec.Refusal {
			end.refusal += p.Text
		}
		w.Object()
		w.StringField("type", "text")
		w.StringField("text", p.Text)
		begun := false
		for i := range p.Annotations {
			a := &p.Annotations[i]
			if !citable(a, lost) {
				continue
			}
			if !begun {
				w.ArrayField("citations")
				begun = true
			}
			writeCitation(w, a, p.Text)
		}
		if begun {
			w.EndArray()
		}
	case codec.Thinking:
		t := thoughtOf(p)
		signature := carried(t.ID, t.Signature)
		if t.Redacted && signature == "" || signature == "" && p.Text == "" {
			return nil // nothing to show, nor to send back
		}
		w.Object()
		thought(w, t.Redacted, p.Text, signature)
	case codec.ToolCallPart:
		args, err := arguments(p.Call)
		if err != nil {
			if end.Reason == codec.ReasonLength { // it was cut off; the stop reason says so
				lost.Drop("tool_calls")
				return nil
			}
			return err
		}
		end.calls = true
		if p.Signature != nil {
			w.Object()
			thought(w, true, "", carried("", p.Signature))
			w.End()
		}
		w.Object()
		w.StringField("type", "tool_use")
		w.StringField("id", callID(p.Call))
		w.StringField("name", p.Call.Name)
		w.RawField("input", args)
	case codec.Opaque:
		if p.Origin != op {
			lost.Drop(opaqueName(p))
			return nil
		}
		w.Raw(string(p.Raw))
		return nil
	default:
		lost.Drop(kindNames[p.Kind])
		return nil
	}
	if p.Kind != codec.ToolCallPart && p.Signature != nil { // Gemini can do without those of a text
		lost.Drop("thought_signature")
	}
	writeRest(w, p, end.own, lost)
	w.End()
	return nil
}

// writeRest writes what a block had besides.
func writeRest(w *jsonwrite.Writer, p *codec.Part, own bool, lost *codec.Losses) {
	switch {
	case p.Cache == nil:
	case own:
		writeCache(w, p.Cache, own, lost)
	default:
		lost.Drop("content.cache_control")
	}
	for _, f := range p.Extra {
		if own {
			w.RawField(f.Name, string(f.Value))
		} else if some(f.Value) {
			lost.Drop("content." + f.Name)
		}
	}
}

// kindNames are parts that an answer of this protocol has no place for.
var kindNames = map[codec.Kind]string{codec.Image: "content.image", codec.File: "content.file", codec.Audio: "content.audio",
	codec.ToolResultPart: "content.tool_result"}

// opaqueName is how the loss of an opaque part is reported.
func opaqueName(p *codec.Part) string {
	if kind := gjson.GetBytes(p.Raw, "type").Str; kind != "" {
		return "content." + kind
	}
	return "content"
}

func thoughtOf(p *codec.Part) codec.Thought {
	if p.Thought == nil {
		return codec.Thought{}
	}
	return *p.Thought
}

func callID(c *codec.ToolCall) string {
	if c.ID == "" {
		return codec.NewID("toolu_")
	}
	return toolID(c.ID)
}

// arguments are those of a call as the object that input must be.
func arguments(c *codec.ToolCall) (string, error) {
	if c.Custom {
		return `{"input":` + string(jsonwrite.AppendString(nil, c.Arguments)) + `}`, nil
	}
	args := strings.TrimSpace(c.Arguments)
	if args == "" {
		return "{}", nil
	}
	if args[0] != '{' || !gjson.Valid(args) {
		return "", llm.Errorf(llm.CodeUpstream, "the model called the tool %q with arguments that are no JSON object", c.Name)
	}
	return args, nil
}

// citable says whether a source can be cited here: one of another protocol must be
// on the web.
func citable(a *codec.Annotation, lost *codec.Losses) bool {
	if a.Origin != op && a.URL == "" {
		lost.Drop("content.annotations")
		return false
	}
	return true
}

// writeCitation writes a source that a text cites. What another provider found on
// the web has no encrypted_index, by which the encoder knows it when it comes back.
func writeCitation(w *jsonwrite.Writer, a *codec.Annotation, text string) {
	if a.Origin == op {
		w.Raw(string(a.Raw))
		return
	}
	cited := a.CitedText
	if cited == "" && a.End > a.Start && a.Start >= 0 {
		if runes := []rune(text); a.End <= int64(len(runes)) {
			cited = string(runes[a.Start:a.End])
		}
	}
	w.Object()
	w.StringField("type", "web_search_result_location")
	w.StringField("cited_text", cited)
	w.StringField("encrypted_index", "")
	w.Name("title")
	if a.Title != "" {
		w.String(a.Title)
	} else {
		w.Null()
	}
	w.StringField("url", a.URL)
	w.End()
}
