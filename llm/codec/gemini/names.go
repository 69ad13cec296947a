package gemini

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// camel returns the name in the spelling of Google's JSON: mime_type is mimeType.
func camel(name string) string {
	if strings.IndexByte(name, '_') < 0 {
		return name
	}
	b := make([]byte, 0, len(name))
	up := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '_' && len(b) > 0:
			up = true
			continue
		case up && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		up = false
		b = append(b, c)
	}
	return string(b)
}

// each visits the members of an object that are not null; f gets the name in its
// camel and in its own spelling. The error is f's first.
func each(v gjson.Result, f func(name, own string, v gjson.Result) error) (err error) {
	codec.Each(v, func(k, e gjson.Result) bool {
		if e.Type != gjson.Null {
			err = f(camel(k.Str), k.Str, e)
		}
		return err == nil
	})
	return err
}

// list reads a repeated field, for which Google's servers take a lone element too.
func list(v gjson.Result) []gjson.Result {
	switch {
	case v.IsArray():
		return v.Array()
	case v.Exists() && v.Type != gjson.Null:
		return []gjson.Result{v}
	}
	return nil
}

// digits returns a number that was written as a string, as protobuf's JSON may
// write it, as a number.
func digits(v gjson.Result) gjson.Result {
	if v.Type == gjson.String && v.Str != "" && gjson.Valid(v.Str) {
		if n := gjson.Parse(v.Str); n.Type == gjson.Number && n.Raw == v.Str {
			return n
		}
	}
	return v
}

func index(param string, i int) string { return param + "[" + strconv.Itoa(i) + "]" }

func field(name string, v gjson.Result) codec.Field {
	return codec.Field{Name: name, Value: []byte(v.Raw)}
}

// nested are the objects whose unknown members are kept under a path.
var nested = []string{"generationConfig.thinkingConfig.", "generationConfig.", "toolConfig.functionCallingConfig.", "toolConfig.", "systemInstruction.", "functionCall.", "functionResponse.", "inlineData.", "fileData."}

// under says which of the nested a field belongs to, "" for none.
func under(name string) string {
	for _, prefix := range nested {
		if strings.HasPrefix(name, prefix) {
			return prefix
		}
	}
	return ""
}

// writeExtra writes the fields that were kept under prefix back into their object.
func writeExtra(w *jsonwrite.Writer, fields []codec.Field, prefix string) {
	for _, f := range fields {
		if under(f.Name) == prefix {
			w.RawField(f.Name[len(prefix):], string(f.Value))
		}
	}
}

func hasExtra(fields []codec.Field, prefix string) bool {
	for _, f := range fields {
		if under(f.Name) == prefix {
			return true
		}
	}
	return false
}

// fieldNames are the protocol's names for neutral ones.
var fieldNames = map[string]string{
	"messages":              "contents",
	"system":                "systemInstruction",
	"tool_choice":           "toolConfig.functionCallingConfig",
	"max_tokens":            "generationConfig.maxOutputTokens",
	"max_completion_tokens": "generationConfig.maxOutputTokens",
	"temperature":           "generationConfig.temperature",
	"top_p":                 "generationConfig.topP",
	"top_k":                 "generationConfig.topK",
	"stop":                  "generationConfig.stopSequences",
	"n":                     "generationConfig.candidateCount",
	"seed":                  "generationConfig.seed",
	"presence_penalty":      "generationConfig.presencePenalty",
	"frequency_penalty":     "generationConfig.frequencyPenalty",
	"logprobs":              "generationConfig.responseLogprobs",
	"top_logprobs":          "generationConfig.logprobs",
	"response_format":       "generationConfig.responseJsonSchema",
	"reasoning_effort":      "generationConfig.thinkingConfig",
	"reasoning":             "generationConfig.thinkingConfig",
	"reasoning.summary":     "generationConfig.thinkingConfig.includeThoughts",
	"tool_choice.validated": "toolConfig.functionCallingConfig.mode",
	"thinking":              "contents.parts.thought",
	"service_tier":          "serviceTier",
}

// FieldName implements [codec.Codec].
func (geminiCodec) FieldName(neutral string) string {
	if name, ok := fieldNames[neutral]; ok {
		return name
	}
	head, rest := neutral, ""
	if i := strings.IndexAny(neutral, ".["); i >= 0 {
		head, rest = neutral[:i], neutral[i:]
	}
	switch head {
	case "messages":
		return "contents" + strings.Replace(rest, ".content", ".parts", 1)
	case "response_format":
		return fieldNames[head] + rest
	}
	return neutral
}
