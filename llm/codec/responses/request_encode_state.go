package responses

import (
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// state writes what OpenAI keeps or gives besides. What another protocol's caller
// sends is not stored: that caller could not ask for it, nor delete it.
func (e *encoder) state(thinks bool) {
	r := e.r
	include := r.Include
	if !e.own {
		include = nil
		if r.Logprobs != nil && *r.Logprobs {
			if e.caps.RejectsSampling {
				e.lost.Drop("logprobs")
			} else {
				include = append(include, "message.output_text.logprobs")
			}
		}
		if thinks {
			include = append(include, "reasoning.encrypted_content")
		}
	}
	if len(include) > 0 {
		e.ArrayField("include")
		for _, s := range include {
			e.String(s)
		}
		e.EndArray()
	}
	switch {
	case r.Store != nil:
		e.BoolField("store", *r.Store)
	case !e.own:
		e.BoolField("store", false)
	}
	e.optional("previous_response_id", r.PreviousResponseID)
	if len(r.Conversation) > 0 {
		e.RawField("conversation", string(r.Conversation))
	}
	if r.Background != nil {
		e.BoolField("background", *r.Background)
	}
	e.optional("truncation", r.Truncation)
	e.optional("service_tier", r.ServiceTier)
	e.optional("prompt_cache_key", r.PromptCacheKey)
	e.optional("prompt_cache_retention", r.PromptCacheRetention)
	if len(r.Metadata) > 0 {
		e.RawField("metadata", string(r.Metadata))
	}
	user := r.User
	if !e.own {
		user = codec.ShortUser(user)
	}
	if e.kept("safety_identifier") {
		e.optional("user", user)
	} else {
		e.optional("safety_identifier", user)
	}
}

// chatToo are members that OpenAI's chat has under the same name and meaning.
var chatToo = []string{"prompt_cache_options", "safety_identifier", "moderation"}

// goes says whether a member at the top without a place of its own is written.
func (e *encoder) goes(name string) bool {
	return e.own || e.r.From == llm.OpenAIChat && slices.Contains(chatToo, name)
}

func (e *encoder) kept(name string) bool { return e.goes(name) && extra(e.r.Extra, name) != nil }

func (e *encoder) rest() {
	for _, f := range e.r.Extra {
		switch {
		case e.own && (strings.HasPrefix(f.Name, "text.") || strings.HasPrefix(f.Name, "reasoning.")):
		case e.goes(f.Name):
			e.RawField(f.Name, string(f.Value))
		default:
			e.lost.Drop(f.Name)
		}
	}
}

// nested are the members that had stood inside of an object at the top.
func (e *encoder) nested(prefix string) (list []codec.Field) {
	for _, f := range e.r.Extra {
		if e.own && strings.HasPrefix(f.Name, prefix) {
			list = append(list, f)
		}
	}
	return list
}

func (e *encoder) fields(list []codec.Field, prefix string) {
	for _, f := range list {
		e.RawField(strings.TrimPrefix(f.Name, prefix), string(f.Value))
	}
}
