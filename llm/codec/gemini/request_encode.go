package gemini

import (
	"encoding/json"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// EncodeRequest implements [codec.Codec].
func (geminiCodec) EncodeRequest(r *codec.Request, t codec.Target, lost *codec.Losses) ([]byte, error) {
	e := encoder{r: r, t: t, lost: lost, own: r.From == op}
	if err := e.refuse(); err != nil {
		return nil, err
	}
	e.w.B = t.Room()
	e.w.Object()
	if err := e.conversation(); err != nil {
		return nil, err
	}
	if err := e.tools(); err != nil {
		return nil, err
	}
	if err := e.toolConfig(); err != nil {
		return nil, err
	}
	e.config()
	if tier := e.tier(); tier != "" {
		e.w.StringField("serviceTier", tier)
	}
	if e.own && r.Store != nil {
		e.w.BoolField("store", *r.Store)
	}
	if e.own {
		writeExtra(&e.w, r.Extra, "")
	}
	e.w.End()
	e.report()
	return e.w.B, nil
}

// encoder writes one request.
type encoder struct {
	w    jsonwrite.Writer
	r    *codec.Request
	t    codec.Target
	lost *codec.Losses
	// own: the caller speaks Gemini too. The request is then written as it was said,
	// with what has no place in the neutral form.
	own bool
	ids ledger
	// details are the images' wishes for resolution, for models that take only one
	// for all.
	details []string
}

// refuse refuses what the protocol has no form for and the answer would be wrong
// without.
func (e *encoder) refuse() error {
	r := e.r
	switch {
	case r.PreviousResponseID != "":
		return codec.Unsupported("previous_response_id", op, "send the whole conversation")
	case len(r.Conversation) > 0:
		return codec.Unsupported("conversation", op, "send the whole conversation")
	case r.Background != nil && *r.Background:
		return codec.Unsupported("background", op, "it answers at once")
	case len(stops(r.Stop)) > maxStops && !e.own:
		return codec.Unsupported("stop", op, "it takes at most 5 sequences")
	}
	return nil
}

const maxStops = 5

func stops(all []string) (some []string) {
	for _, s := range all {
		if s != "" {
			some = append(some, s)
		}
	}
	return some
}

// report reports what has no form in the protocol.
func (e *encoder) report() {
	r := e.r
	for _, l := range []loss{
		{"logit_bias", len(r.LogitBias) > 0},
		{"parallel_tool_calls", r.ParallelToolCalls != nil && !*r.ParallelToolCalls},
		{"prompt_cache_key", r.PromptCacheKey != ""},
		{"prompt_cache_retention", r.PromptCacheRetention != ""},
		{"metadata", len(r.Metadata) > 0},
		{"store", !e.own && r.Store != nil && *r.Store},
		{"truncation", r.Truncation != "" && r.Truncation != "disabled"},
		{"user", r.User != ""},
		{"verbosity", r.Verbosity != ""},
	} {
		e.dropIf("", l)
	}
	for _, s := range r.Include {
		if s != "reasoning.encrypted_content" && s != includeLogprobs { // signatures come unasked
			e.drop("include")
		}
	}
	if !e.own {
		e.dropExtra("", r.Extra)
	}
}

// loss is a field that is lost if it is there.
type loss struct {
	name string
	is   bool
}

func (e *encoder) dropIf(of string, l loss) {
	if l.is {
		e.drop(of + l.name)
	}
}

func (e *encoder) drop(field string) { e.lost.Drop(field) }

// dropExtra reports fields that another protocol has and this one does not.
func (e *encoder) dropExtra(of string, fields []codec.Field) {
	for _, f := range fields {
		e.drop(of + f.Name)
	}
}

func (e *encoder) tier() string {
	s := e.r.ServiceTier
	for _, t := range tiers {
		if s == t[0] && (e.own || s != "auto") {
			return t[1]
		}
	}
	if s != "" && s != "auto" {
		e.drop("service_tier")
	}
	return ""
}

// object says whether text is a JSON object.
func object(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") && json.Valid([]byte(text))
}
