package llmproxy

import (
	"bytes"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// proofs begin the proofs that a caller was given for another protocol's thoughts:
// codec's own, and two in base64, as Gemini's callers have them.
var proofs = []string{"agw-sig1.", "YWd3LXNpZzEu", "cmVkYWN0ZWQuYWd3LXNpZzEu"}

// geminiProof is how a caller of chat has the proof of a call of Gemini's.
const geminiProof = "thought_signature"

// carried are looked for by the scan that reads a body anyway: nearly none holds one,
// and another pass over every body would cost more than the scan does.
var carried = jsonscan.NewMarks(append([]string{geminiProof}, proofs...)...)

// moved is the body of a call in the upstream's own protocol without the thoughts
// that a provider of another one has proved, as the conversation began there. This
// upstream would refuse them. It is nil where there are none, which is nearly always:
// then the caller's bytes are relayed.
func (x *exchange) moved(c Candidate, l *lane, model string) (llm.Body, error) {
	own := codecs[l.op]
	takes := func(s *codec.Signature) bool {
		return s == nil || s.Of == l.op || s.Of == llm.GeminiGenerate && strings.Contains(strings.ToLower(model), "gemini")
	}
	if own == nil || !x.req.carried || x.hop.Endpoint.Unchecked {
		return nil, nil
	}
	begins := func(s string) bool { return bytes.Contains(x.req.buf.b, []byte(`"`+s)) }
	foreign := l.op == llm.OpenAIChat && !takes(&codec.Signature{Of: llm.GeminiGenerate}) && begins(geminiProof+`"`)
	if !foreign && !slices.ContainsFunc(proofs, begins) {
		return nil, nil
	}
	if err := x.decode(&lane{down: own}); err != nil {
		return nil, err
	}
	t := c.codecTarget(model)
	r := *x.neutral
	r.Messages = slices.Clone(r.Messages)
	for i := range r.Messages {
		r.Messages[i].Parts = provenBy(l.op, takes, r.Messages[i].Parts)
	}
	r.Messages = slices.DeleteFunc(r.Messages, func(m codec.Message) bool { return m.Role == codec.RoleAssistant && len(m.Parts) == 0 })
	body, err := own.EncodeRequest(&r, t, nil)
	if err != nil {
		return nil, err
	}
	l.injected = l.op == llm.OpenAIChat && x.req.stream && !r.IncludeUsage
	return llm.BytesBody(body), nil
}

// provenBy leaves out the thoughts and the signatures that the upstream does not take:
// without a proof, only chat's do.
func provenBy(op llm.Operation, takes func(*codec.Signature) bool, parts []codec.Part) []codec.Part {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p codec.Part) bool {
		return p.Thought != nil && (!takes(p.Thought.Signature) || p.Thought.Signature == nil && op != llm.OpenAIChat)
	})
	for i := range parts {
		if !takes(parts[i].Signature) {
			parts[i].Signature = nil
		}
	}
	return parts
}
