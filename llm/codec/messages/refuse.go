package messages

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// refuse refuses what must not be left out, and reports what is.
func (e *requestWriter) refuse() error {
	r := e.r
	for _, f := range []struct {
		name string
		set  bool
		why  string
	}{
		{"n", r.N != nil && *r.N > 1, "it gives one answer to a request"},
		{"previous_response_id", r.PreviousResponseID != "", "it keeps no conversations; send all messages"},
		{"conversation", some(r.Conversation), "it keeps no conversations; send all messages"},
		{"background", r.Background != nil && *r.Background, "it has no background mode"},
	} {
		if f.set {
			return codec.Unsupported(f.name, op, f.why)
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"seed", r.Seed != nil},
		{"presence_penalty", nonzero(r.PresencePenalty)},
		{"frequency_penalty", nonzero(r.FrequencyPenalty)},
		{"logit_bias", some(r.LogitBias) && string(r.LogitBias) != "{}"},
		{"logprobs", r.Logprobs != nil && *r.Logprobs},
		{"top_logprobs", r.TopLogprobs != nil && *r.TopLogprobs > 0},
		{"verbosity", r.Verbosity != ""},
		{"metadata", some(r.Metadata) && string(r.Metadata) != "{}"},
		{"prompt_cache_key", r.PromptCacheKey != ""},
		{"prompt_cache_retention", r.PromptCacheRetention != ""},
		{"store", r.Store != nil && *r.Store},
		{"truncation", r.Truncation != "" && r.Truncation != "disabled"},
	} {
		if f.set {
			e.lost.Drop(f.name)
		}
	}
	for _, name := range r.Include {
		if name != "reasoning.encrypted_content" { // signatures always come
			e.lost.Drop("include")
		}
	}
	return e.refuseExtra(r.Extra, "")
}

// needed are members of other protocols without which the answer would be wrong.
var needed = map[string]string{
	"audio":         "it neither hears nor speaks",
	"prompt":        "it has no stored prompts",
	"cachedContent": "it has no such cache; send the content itself",
}

// refuseExtra refuses what is needed, and reports the rest of what another
// protocol's object had besides.
func (e *requestWriter) refuseExtra(fields []codec.Field, prefix string) error {
	if e.own {
		return nil
	}
	for _, f := range fields {
		if !some(f.Value) {
			continue
		}
		if why := needed[f.Name]; why != "" {
			return codec.Unsupported(prefix+f.Name, op, why)
		}
		if f.Name == "modalities" && gjson.GetBytes(f.Value, `#(!="text")`).Exists() {
			return codec.Unsupported(prefix+f.Name, op, "it answers in text")
		}
		e.lost.Drop(prefix + f.Name)
	}
	return nil
}
