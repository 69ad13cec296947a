package llmproxy

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
)

// elsewhere are members at the top that name models besides "model": upstreams that
// choose among several know them.
var elsewhere = []string{"models", "fallbacks", "fallback_models", "extra_body"}

// innerModels are where the requests of some operations name models inside.
var innerModels = map[llm.Operation][]string{
	llm.GeminiBatchEmbed:  {"requests.#.model"},
	llm.GeminiCountTokens: {"generateContentRequest.model"},
	llm.GeminiEmbed:       {"model"},
}

// checkInner holds a caller who may use some models only to them where a request names
// others inside: in Gemini's lists, in tools that a model runs, and in members that
// some upstreams take for a choice.
func (x *exchange) checkInner(members jsonscan.Members) error {
	if x.hop.Caller.Models == nil {
		return nil
	}
	body := x.req.buf.b
	denied := func(param string) error {
		return &llm.Error{Code: llm.CodePermissionDenied, Message: param + ": this key may use some models only, and may not name others here", Param: param}
	}
	for _, m := range members {
		if slices.Contains(elsewhere, m.Name) {
			return denied(m.Name)
		}
		if m.Name != "tools" || !bytes.Contains(body[m.Start:m.End], []byte(`"model"`)) {
			continue
		}
		for _, tool := range gjson.ParseBytes(body[m.Start:m.End]).Array() {
			if model := tool.Get("model"); model.Exists() && !x.mayUse(model.String()) {
				return denied("tools.model")
			}
		}
	}
	for _, path := range innerModels[x.hop.Endpoint.Operation] {
		for _, v := range list(gjson.GetBytes(body, path)) {
			if !x.mayUse(strings.TrimPrefix(v.String(), "models/")) {
				return denied(strings.ReplaceAll(path, ".#", ""))
			}
		}
	}
	return nil
}

// list is an array's elements, or the one value that is there.
func list(v gjson.Result) []gjson.Result {
	if v.IsArray() || !v.Exists() {
		return v.Array()
	}
	return []gjson.Result{v}
}

// renameInner puts the upstream's name for the model where Gemini wants it repeated.
func renameInner(op llm.Operation, b []byte, model string) []byte {
	for _, path := range innerModels[op] {
		var spots []gjson.Result
		if before, after, many := strings.Cut(path, ".#."); many {
			gjson.GetBytes(b, before).ForEach(func(_, e gjson.Result) bool {
				if v := e.Get(after); v.Exists() && v.Index > 0 {
					spots = append(spots, v)
				}
				return true
			})
		} else if v := gjson.GetBytes(b, path); v.Exists() && v.Index > 0 {
			spots = append(spots, v)
		}
		name := quote("models/" + strings.TrimPrefix(model, "models/"))
		for _, v := range slices.Backward(spots) {
			b = slices.Concat(b[:v.Index], []byte(name), b[v.Index+len(v.Raw):])
		}
	}
	return b
}
