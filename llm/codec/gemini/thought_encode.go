package gemini

import (
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// signer puts signatures on the calls of one content.
type signer struct {
	// next is the signature of the next call, which came as a thought before it.
	next string
	// skip: the first call needs the word that stands for a signature.
	skip bool
}

// flush writes a signature that no call has taken as Gemini itself sends such: with
// an empty text.
func (s *signer) flush(w *jsonwrite.Writer) {
	if s.next != "" {
		w.Object()
		w.StringField("text", "")
		w.StringField(signatureField, s.next)
		w.End()
		s.next = ""
	}
}

// of is the signature for a call.
func (s *signer) of(p *codec.Part) string {
	if p.Signature != nil && p.Signature.Of == op {
		if p.Signature.Value == s.next {
			s.next = ""
		}
		return p.Signature.Value
	}
	sig := s.next
	s.next = ""
	if sig == "" && s.skip {
		sig = skipSignature
	}
	s.skip = false
	return sig
}

// signed says whether a call in the content has a signature of Gemini's.
func (e *encoder) signed(t turn) bool {
	for _, i := range t.messages {
		for _, p := range e.r.Messages[i].Parts {
			if p.Call != nil && p.Signature != nil && p.Signature.Of == op ||
				p.Thought != nil && p.Thought.Redacted && p.Thought.Signature != nil && p.Thought.Signature.Of == op {
				return true
			}
		}
	}
	return false
}

// thought writes a thought that Gemini can prove to be its own.
func (e *encoder) thought(w *jsonwrite.Writer, p *codec.Part, s *signer) {
	sig := p.Thought.Signature
	switch {
	case sig == nil && e.own:
	case sig == nil || sig.Of != op:
		e.drop("thinking")
		return
	case p.Thought.Redacted:
		s.flush(w)
		s.next = sig.Value
		return
	}
	w.Object()
	w.StringField("text", p.Text)
	w.BoolField("thought", true)
	if sig != nil {
		w.StringField(signatureField, sig.Value)
	}
	if e.own {
		writeExtra(w, p.Extra, "")
	} else {
		e.dropExtra("messages.", p.Extra)
	}
	w.End()
}
