package codec

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

// vital are members at the top without which the answer would be one to another
// question. Only their own provider has them.
var vital = map[string]string{
	"audio":         "it answers in text",
	"prompt":        "it has no stored prompts; send what the prompt says",
	"cachedContent": "it has no such cache; send the content itself",
}

// modalities are the members that say what the answer consists of.
var modalities = []string{"modalities", "generationConfig.responseModalities"}

// refuseForeign refuses what only the caller's own provider has and what must not be
// left out: vital members, and files that are stored there.
func refuseForeign(r *Request, op llm.Operation) error {
	if r.From == op {
		return nil
	}
	for _, f := range r.Extra {
		if why := vital[f.Name]; why != "" && string(f.Value) != "null" {
			return Unsupported(f.Name, op, why)
		}
		for _, name := range modalities {
			if f.Name != name {
				continue
			}
			for _, what := range gjson.ParseBytes(f.Value).Array() {
				if !strings.EqualFold(what.Str, "text") {
					return Unsupported(f.Name, op, "it answers in text")
				}
			}
		}
	}
	if r.From != llm.GeminiGenerate {
		return nil
	}
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if m := r.Messages[i].Parts[j].Media; m != nil && storedAtGoogle(m.URL) {
				return Unsupported("messages["+strconv.Itoa(i)+"].content["+strconv.Itoa(j)+"]", op, "the file is stored with another provider; send its content")
			}
		}
	}
	return nil
}

// storedAtGoogle says whether a URL is one that only Google can read.
func storedAtGoogle(url string) bool {
	return strings.HasPrefix(url, "gs://") || strings.HasPrefix(url, "https://generativelanguage.googleapis.com/")
}
