package chat

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// EncodeResponse writes a chat.completion.
func (chat) EncodeResponse(r *codec.Response, req *codec.Request, lost *codec.Losses) ([]byte, error) {
	w := &jsonwrite.Writer{}
	w.Object()
	head := headOf(r, req, "chat.completion")
	head.write(w)
	w.ArrayField("choices")
	for i := range r.Choices {
		if err := writeChoice(w, r, i, legacy(req), lost); err != nil {
			return nil, err
		}
	}
	if len(r.Choices) == 0 {
		blocked := codec.Response{From: r.From, Choices: []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonFilter, Raw: r.Blocked}}}}
		if err := writeChoice(w, &blocked, 0, false, lost); err != nil {
			return nil, err
		}
	}
	w.EndArray()
	if isKnown(r.Usage) {
		writeUsage(w, r.Usage)
	}
	if r.ServiceTier != "" {
		w.StringField("service_tier", r.ServiceTier)
	}
	for _, f := range r.Extra {
		if r.From != op {
			lost.Drop(f.Name)
		} else if !strings.HasPrefix(f.Name, inChoices) {
			w.RawField(f.Name, string(f.Value))
		}
	}
	w.End()
	return w.B, nil
}

// head is what an answer and each chunk of a stream begin with.
type head struct {
	id, object, model string
	created           int64
}

func headOf(r *codec.Response, req *codec.Request, object string) head {
	h := head{codec.ID("chatcmpl-", r.ID), object, r.Model, r.Created}
	if r.From == op && r.ID != "" {
		h.id = r.ID // compatible upstreams have other prefixes
	}
	if h.model == "" && req != nil {
		h.model = req.Model
	}
	if h.created == 0 {
		h.created = time.Now().Unix()
	}
	return h
}

func (h head) write(w *jsonwrite.Writer) {
	w.StringField("id", h.id)
	w.StringField("object", h.object)
	w.IntField("created", h.created)
	w.StringField("model", h.model)
}

// failed is the error for an answer that ended for a reason that has no word here.
func failed(f *codec.Finish) error {
	if f.Reason != codec.ReasonError {
		return nil
	}
	e := llm.Errorf(llm.CodeUpstream, "the model failed to finish its answer (%s)", f.Raw)
	if f.Message != "" {
		e.Message += ": " + f.Message
	}
	return e
}

// refusalOf is why the provider refused, for an answer that does not say it itself.
// One that says nothing at all is given the provider's word for it.
func refusalOf(f *codec.Finish, from llm.Operation, empty bool) string {
	if f.Reason != codec.ReasonFilter {
		return ""
	}
	if f.Message != "" {
		return f.Message
	}
	if s := gjson.GetBytes(f.Details, "explanation").Str; s != "" {
		return s
	}
	if empty && f.Raw != "" && from != op {
		return "The provider blocked this: " + f.Raw
	}
	return ""
}

func writeChoice(w *jsonwrite.Writer, r *codec.Response, position int, legacy bool, lost *codec.Losses) error {
	c := &r.Choices[position]
	if err := failed(&c.Finish); err != nil {
		return err
	}
	w.Object()
	w.IntField("index", int64(c.Index))
	w.ObjectField("message")
	w.StringField("role", "assistant")
	a := &answer{w: w, from: r.From, lost: lost, legacy: legacy}
	a.sort(c.Parts)
	a.write(refusalOf(&c.Finish, r.From, len(c.Parts) == 0))
	if r.From == op {
		for _, f := range r.Extra {
			if name, ok := strings.CutPrefix(f.Name, prefixOf(position)+"message."); ok {
				w.RawField(name, string(f.Value))
			}
		}
	}
	w.End()
	w.RawField("logprobs", string(c.Logprobs))
	word := finishWord(c.Reason)
	if legacy && word == "tool_calls" {
		word = "function_call"
	}
	w.StringField("finish_reason", word)
	if r.From == op {
		for _, f := range r.Extra {
			if name, ok := strings.CutPrefix(f.Name, prefixOf(position)); ok && !strings.HasPrefix(name, "message.") {
				w.RawField(name, string(f.Value))
			}
		}
	}
	w.End()
	return nil
}

func runes(s string) int64 { return int64(utf8.RuneCountInString(s)) }
