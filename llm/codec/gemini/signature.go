package gemini

import (
	"encoding/base64"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// A thoughtSignature is of the type bytes, and SDKs decode it: what another
// protocol's signature is carried in must be base64 too. The beginnings are the
// base64 of codec's prefix, and of redacted, which tells a thought without text from
// one whose text was not shown.
const (
	redacted       = "redacted."
	carriedBegin   = "YWd3LXNpZzEu" // agw-sig1.
	redactedBegin  = "cmVkYWN0ZWQu" // redacted.
	skipSignature  = "skip_thought_signature_validator"
	signatureField = "thoughtSignature"
)

// carry is the thoughtSignature that a caller is given for s. t is the thought that it
// proves, nil for another part. Responses wants a thought's id back besides its
// encrypted content, so that it goes along; neither has a line end.
func carry(s *codec.Signature, t *codec.Thought) string {
	if s.Of == op {
		return s.Value
	}
	packed, begin := *s, ""
	if t != nil && t.ID != "" {
		packed.Value = t.ID + "\n" + s.Value
	}
	if t != nil && t.Redacted {
		begin = redacted
	}
	return base64.StdEncoding.EncodeToString([]byte(begin + codec.Carry(op, packed)))
}

// carried reads a thoughtSignature that a caller sent, as a thought without text.
func carried(text string) (t codec.Thought) {
	if text == "" {
		return t
	}
	own := codec.Thought{Signature: &codec.Signature{Of: op, Value: text}}
	if !strings.HasPrefix(text, carriedBegin) && !strings.HasPrefix(text, redactedBegin) {
		return own
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(standard.Replace(text), "="))
	if err != nil {
		return own
	}
	packed, isRedacted := strings.CutPrefix(string(raw), redacted)
	s := codec.Carried(op, packed)
	if s == nil || s.Of == op || s.Of == "" {
		return own
	}
	t = codec.Thought{Redacted: isRedacted, Signature: s}
	if id, value, ok := strings.Cut(s.Value, "\n"); ok {
		t.ID, s.Value = id, value
	}
	return t
}

// joinThought takes the text of a thought that was streamed off the parts before p,
// when p is the signature that ended it: an SDK's history holds each chunk as a part
// of its own, and other providers want text and signature together.
func joinThought(parts []codec.Part, p *codec.Part) []codec.Part {
	t := p.Thought
	if t == nil || t.Redacted || t.Signature == nil || t.Signature.Of == op || p.Text != "" {
		return parts
	}
	n := len(parts)
	for n > 0 && parts[n-1].Thought != nil && parts[n-1].Thought.Signature == nil && len(parts[n-1].Extra) == 0 {
		n--
	}
	var text strings.Builder
	for _, piece := range parts[n:] {
		text.WriteString(piece.Text)
	}
	p.Text = text.String()
	return parts[:n]
}

// standard turns base64 of the alphabet for URLs, which some SDKs write, into the
// standard one.
var standard = strings.NewReplacer("-", "+", "_", "/")

// base64Of is data in standard base64, padded, as other protocols want it.
func base64Of(data string) string {
	if strings.ContainsAny(data, "-_") {
		data = standard.Replace(data)
	}
	if n := len(data) % 4; n > 1 {
		data += "=="[:4-n]
	}
	return data
}
