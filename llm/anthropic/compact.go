package anthropic

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/internal/shape"
)

// compact is what options.compact "cc" leaves out of Messages and of counting their
// tokens: what Claude Code sends and upstreams that are not Anthropic answer with
// "Extra inputs are not permitted". Each is optional, and its absence costs a saving
// or a refinement, not an answer.
var compact = shape.New(
	// Bedrock, Vertex AI and many gateways (anthropics/claude-code#21612, #49548).
	shape.Rule{Path: "context_management"},
	// Its format holds an answer to a schema, which DeepSeek, Bedrock and others know;
	// effort and task budgets are refused.
	shape.Rule{Path: "output_config.*"},
	shape.Rule{Path: "output_config.format", Keep: true},
	// For Anthropic's own use.
	shape.Rule{Path: "safeguards"},
	shape.Rule{Path: "tags"},
	shape.Rule{Path: "diagnostics"},
	shape.Rule{Path: "speed"},
	shape.Rule{Path: "inference_geo"},
	shape.Rule{Path: "fallbacks"},
	shape.Rule{Path: "thinking.display"},
	// Of advanced-tool-use and fine-grained streaming (anthropics/claude-code#31033).
	shape.Rule{Path: "tools[].defer_loading"},
	shape.Rule{Path: "tools[].eager_input_streaming"},
	shape.Rule{Path: "tools[].input_examples"},
	shape.Rule{Path: "tools[].allowed_callers"},
	// The search for tools whose loading was deferred; now they are all loaded.
	shape.Rule{Path: "tools[]", When: searchesTools},
	// Of prompt-caching-scope, which Vertex AI refuses (anthropics/claude-code#21612).
	shape.Rule{Path: "system[].cache_control.scope"},
	shape.Rule{Path: "tools[].cache_control.scope"},
	shape.Rule{Path: "messages[].content[].cache_control.scope"},
)

func searchesTools(tool []byte) bool {
	return strings.HasPrefix(gjson.GetBytes(tool, "type").Str, "tool_search_tool_")
}

// betas are those that others than Anthropic know. DeepSeek and most vendors ignore
// the header; Bedrock and Vertex AI refuse the request when one is not known to them.
var betas = []string{
	"context-1m-2025-08-07",
	"extended-cache-ttl-2025-04-11",
	"files-api-2025-04-14",
	"fine-grained-tool-streaming-2025-05-14",
	"interleaved-thinking-2025-05-14",
	"max-tokens-3-5-sonnet-2024-07-15",
	"output-128k-2025-02-19",
	"pdfs-2024-09-25",
	"prompt-caching-2024-07-31",
	"token-efficient-tools-2025-02-19",
}

// knownBetas returns the headers with only betas of those that are known.
func knownBetas(h http.Header) http.Header {
	if h["Anthropic-Beta"] == nil {
		return h
	}
	h = maps.Clone(h) // its lists stay the caller's, and are not changed
	known := slices.DeleteFunc(betasOf(h), func(name string) bool { return !slices.Contains(betas, name) })
	delete(h, "Anthropic-Beta")
	if len(known) > 0 {
		h["Anthropic-Beta"] = []string{strings.Join(known, ",")}
	}
	return h
}
