package chat

import (
	"encoding/json"
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// writer writes one request.
type writer struct {
	w    jsonwrite.Writer
	r    *codec.Request
	t    codec.Target
	lost *codec.Losses
	// late are parts of tool results that a tool's message cannot hold. They become
	// a user's message behind the results of the turn.
	late []codec.Part
	// err is the first thing that had to be refused.
	err error
}

// own says that the caller spoke this protocol, so that its extensions go on.
func (e *writer) own() bool { return e.r.From == op }

func (e *writer) refuse(field, why string) {
	if e.err == nil {
		e.err = codec.Unsupported(field, op, why)
	}
}

// EncodeRequest writes a chat completion's request.
func (chat) EncodeRequest(r *codec.Request, t codec.Target, lost *codec.Losses) ([]byte, error) {
	e := &writer{r: r, t: t, lost: lost}
	e.state()
	e.w.B = t.Room()
	w := &e.w
	w.Object()
	w.StringField("model", t.Model)
	e.messages()
	e.tools()
	e.sampling()
	e.format()
	e.reasoning()
	e.account()
	if r.Stream {
		w.BoolField("stream", true)
		w.ObjectField("stream_options")
		w.BoolField("include_usage", true)
		rest(w, r.Extra, r.From, "stream_options")
		w.End()
	} else if slices.ContainsFunc(r.Extra, func(f codec.Field) bool { return f.Name == "stream_options" }) {
		e.lost.Drop("stream_options") // which are refused where there is no stream
	}
	extras(w, r.Extra, r.From, lost, "", e.inner()...)
	w.End()
	if e.err != nil {
		return nil, e.err
	}
	return w.B, nil
}

// inner names the fields of Extra that are written inside other members.
func (e *writer) inner() []string {
	in := []string{"stream_options"}
	if e.r.Format != nil {
		in = append(in, "response_format", "response_format.json_schema")
	}
	return in
}

// state refuses and reports what only Responses keeps.
func (e *writer) state() {
	r := e.r
	switch {
	case r.PreviousResponseID != "":
		e.refuse("previous_response_id", "send the whole conversation in the request")
	case len(r.Conversation) > 0:
		e.refuse("conversation", "send the whole conversation in the request")
	case r.Background != nil && *r.Background:
		e.refuse("background", "it answers at once or not at all")
	}
	if r.Truncation != "" && r.Truncation != "disabled" {
		e.lost.Drop("truncation")
	}
	for _, what := range r.Include {
		switch what {
		case "reasoning.encrypted_content": // what there is of it is given anyway
		case includeLogprobs: // written with the other samplings
		default:
			e.lost.Drop("include")
		}
	}
}

func (e *writer) str(name, s string) {
	if s != "" {
		e.w.StringField(name, s)
	}
}

func (e *writer) int(name string, n *int64) {
	if n != nil {
		e.w.IntField(name, *n)
	}
}

func (e *writer) bool(name string, b *bool) {
	if b != nil {
		e.w.BoolField(name, *b)
	}
}

func (e *writer) number(name string, n json.Number) {
	if n != "" {
		e.w.RawField(name, string(n))
	}
}

func (e *writer) raw(name string, v json.RawMessage) {
	if len(v) > 0 {
		e.w.RawField(name, string(v))
	}
}

// maxStops is how many stop sequences OpenAI takes.
const maxStops = 4

func (e *writer) sampling() {
	r := e.r
	if e.t.Caps.MaxTokensOnly {
		e.int("max_tokens", r.MaxTokens)
	} else {
		e.int("max_completion_tokens", r.MaxTokens)
	}
	rejected := e.t.Caps.RejectsSampling && !e.own()
	if !rejected {
		e.number("temperature", r.Temperature)
		e.number("top_p", r.TopP)
	}
	if r.TopK != nil && !e.own() {
		e.lost.Drop("top_k")
	} else {
		e.int("top_k", r.TopK)
	}
	stop := r.Stop
	if len(stop) > maxStops && !e.own() {
		e.lost.Drop("stop")
		stop = stop[:maxStops]
	}
	if len(stop) > 0 {
		e.w.ArrayField("stop")
		for _, s := range stop {
			e.w.String(s)
		}
		e.w.EndArray()
	}
	e.int("n", r.N)
	e.int("seed", r.Seed)
	if rejected {
		e.unsampled()
		return
	}
	e.number("presence_penalty", r.PresencePenalty)
	e.number("frequency_penalty", r.FrequencyPenalty)
	e.raw("logit_bias", r.LogitBias)
	e.logprobs()
}

// unsampled reports what models that think refuse, beyond the defaults.
func (e *writer) unsampled() {
	r := e.r
	for _, f := range []struct {
		name  string
		value json.Number
		usual float64
	}{
		{"temperature", r.Temperature, 1}, {"top_p", r.TopP, 1},
		{"presence_penalty", r.PresencePenalty, 0}, {"frequency_penalty", r.FrequencyPenalty, 0},
	} {
		if n, err := f.value.Float64(); f.value != "" && (err != nil || n != f.usual) {
			e.lost.Drop(f.name)
		}
	}
	if len(r.LogitBias) > 0 {
		e.lost.Drop("logit_bias")
	}
	if r.Logprobs != nil && *r.Logprobs || slices.Contains(r.Include, includeLogprobs) {
		e.lost.Drop("logprobs")
	}
	if r.TopLogprobs != nil && *r.TopLogprobs > 0 {
		e.lost.Drop("top_logprobs")
	}
}

// includeLogprobs is what Responses calls the wish for them.
const includeLogprobs = "message.output_text.logprobs"

func (e *writer) logprobs() {
	r := e.r
	logprobs := r.Logprobs
	if logprobs == nil && (slices.Contains(r.Include, includeLogprobs) || !e.own() && r.TopLogprobs != nil && *r.TopLogprobs > 0) {
		yes := true
		logprobs = &yes
	}
	e.bool("logprobs", logprobs)
	if e.own() || logprobs != nil && *logprobs { // they are refused without
		e.int("top_logprobs", r.TopLogprobs)
	}
}

func (e *writer) format() {
	f, w := e.r.Format, &e.w
	if f == nil {
		return
	}
	w.ObjectField("response_format")
	w.StringField("type", string(f.Type))
	rest(w, e.r.Extra, e.r.From, "response_format")
	if f.Type == codec.FormatSchema {
		name, strict := f.Name, f.Strict
		if !e.own() && name == "" {
			name = "response"
		}
		if e.r.From == llm.AnthropicMessages { // which holds to it always
			yes := codec.Closed(f.Schema)
			strict = &yes
			if !yes {
				e.lost.Drop("response_format.strict")
			}
		}
		w.ObjectField("json_schema")
		e.str("name", name)
		e.str("description", f.Description)
		e.raw("schema", f.Schema)
		e.bool("strict", strict)
		rest(w, e.r.Extra, e.r.From, "response_format.json_schema")
		w.End()
	}
	w.End()
}

func (e *writer) reasoning() {
	r := e.r.Reasoning
	level := r.Level()
	switch {
	case level == "":
	case !e.t.Caps.NoThinking:
		e.w.StringField("reasoning_effort", codec.NearestEffort(level, e.t.Caps.Efforts))
	case level != "none":
		e.lost.Drop("reasoning_effort")
	}
	if r.Summary != "" {
		e.lost.Drop("reasoning.summary")
	}
	if r.Display != "" {
		e.lost.Drop("thinking.display")
	}
	e.str("verbosity", e.r.Verbosity)
}

// account writes what is about the caller rather than the answer.
func (e *writer) account() {
	r := e.r
	e.str("service_tier", r.ServiceTier)
	if user := r.User; e.own() {
		e.str("user", user)
	} else {
		e.str("user", codec.ShortUser(user))
	}
	// Servers take metadata only for answers that they store, and what is stored
	// here cannot be had again through another protocol.
	if e.own() {
		e.raw("metadata", r.Metadata)
		e.bool("store", r.Store)
	} else {
		if e.tells(r.Metadata) {
			e.lost.Drop("metadata")
		}
		if r.Store != nil && *r.Store {
			e.lost.Drop("store")
		}
	}
	e.str("prompt_cache_key", r.PromptCacheKey)
	e.str("prompt_cache_retention", r.PromptCacheRetention)
}
