package openai

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/internal/shape"
)

// compact is what options.compact "codex" leaves out of requests for chat and
// Responses: what Codex and programs like it send, and upstreams that are not OpenAI
// answer with "unknown parameter", because it concerns OpenAI's accounts, caches and
// stores, or tools that only OpenAI runs.
var compact = shape.New(
	// Codex's own.
	shape.Rule{Path: "client_metadata"},
	// OpenAI's caches, stores, tiers and accounts. Cerebras, DeepSeek, Moonshot, xAI and
	// Z.ai are among those that refuse "store" (the compatibility table of pi-ai).
	shape.Rule{Path: "prompt_cache_key"},
	shape.Rule{Path: "prompt_cache_retention"},
	shape.Rule{Path: "prompt_cache_options"},
	shape.Rule{Path: "store"},
	shape.Rule{Path: "service_tier"},
	shape.Rule{Path: "safety_identifier"},
	// Encrypted reasoning and the like come only from OpenAI's models.
	shape.Rule{Path: "include"},
	shape.Rule{Path: "reasoning.summary"},
	shape.Rule{Path: "reasoning.generate_summary"},
	shape.Rule{Path: "reasoning.context"},
	shape.Rule{Path: "text.verbosity"},
	shape.Rule{Path: "verbosity"},
	shape.Rule{Path: "stream_options.include_obfuscation"},
	// Tools that an upstream would have to run, such as web_search, tool_search,
	// image_generation and local_shell, and the wish for one of them.
	shape.Rule{Path: "tools[]", When: hosted},
	shape.Rule{Path: "tool_choice", When: hosted},
	shape.Rule{Path: "web_search_options"},
)

// hosted says whether a tool, or a choice of one, is of a type that the caller does
// not run itself.
func hosted(value []byte) bool {
	t := gjson.GetBytes(value, "type")
	switch t.Str {
	case "function", "custom", "namespace", "allowed_tools", "":
		return false
	}
	return t.Type == gjson.String
}

// compactTools is for requests of which no tool is left: a choice without tools is
// refused everywhere.
var compactTools = shape.New(
	shape.Rule{Path: "tool_choice"},
	shape.Rule{Path: "parallel_tool_calls"},
)

func compacted(text []byte) []byte {
	out := compact.Drop(text)
	if len(out) < len(text) && gjson.GetBytes(text, "tools").Exists() && !gjson.GetBytes(out, "tools").Exists() {
		return compactTools.Drop(out)
	}
	return out
}
