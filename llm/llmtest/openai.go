package llmtest

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"
)

// created is the time of everything.
const created = 1700000000

// openAIModels are what GET /v1/models lists.
var openAIModels = []string{"gpt-test", "gpt-test-mini", "text-embedding-test"}

// openAI answers a request of OpenAI's protocol.
func (c *call) openAI() reply {
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	switch {
	case c.is(post, "chat", "completions"):
		return c.chat()
	case c.is(post, "completions"):
		return c.completions()
	case c.is(post, "responses"):
		return c.responses()
	case c.is(post, "responses", "input_tokens"):
		if a, bad := c.missing("model"); bad {
			return a
		}
		return c.p.jsonReply(object{"object", "response.input_tokens", "input_tokens", InputTokens + CacheReadTokens + CacheWriteTokens})
	case c.is(get, "responses", "*", "input_items"):
		if _, ok := c.u.get("openai.response", c.path[1]); !ok {
			return c.notFound()
		}
		return c.page(nil, []rawJSON{})
	case c.is(get, "responses", "*"), c.is(post, "responses", "*", "cancel"):
		return c.stored("openai.response")
	case c.is(del, "responses", "*"):
		return c.remove("openai.response", "response")
	case c.is(post, "embeddings"):
		return c.embeddings()
	case c.is(post, "moderations"):
		return c.moderations()
	case c.is(post, "images", "generations"), c.is(post, "images", "edits"), c.is(post, "images", "variations"):
		return c.images()
	case c.is(post, "audio", "speech"):
		return c.speech()
	case c.is(post, "audio", "transcriptions"), c.is(post, "audio", "translations"):
		return c.transcription()
	case c.path[0] == "files":
		return c.openAIFiles()
	case c.path[0] == "batches":
		return c.openAIBatches()
	case c.is(post, "rerank"):
		return c.rerank()
	case c.is(get, "models"):
		list := []any{}
		for _, id := range openAIModels {
			list = append(list, openAIModel(id))
		}
		return c.p.jsonReply(object{"object", "list", "data", list})
	case c.is(get, "models", "*"):
		if !slices.Contains(openAIModels, c.path[1]) {
			return c.p.reject(http.StatusNotFound, "The model `"+c.path[1]+"` does not exist")
		}
		return c.p.jsonReply(openAIModel(c.path[1]))
	}
	return c.notFound()
}

func openAIModel(id string) object {
	return object{"id", id, "object", "model", "created", created, "owned_by", "fake"}
}

// stored answers with something that was made before.
func (c *call) stored(kind string) reply {
	s, ok := c.u.get(kind, c.path[1])
	if !ok {
		return c.notFound()
	}
	return c.p.jsonReply(rawJSON(s.json))
}

func (c *call) remove(kind, name string) reply {
	if !c.u.drop(kind, c.path[1]) {
		return c.notFound()
	}
	return c.p.jsonReply(object{"id", c.path[1], "object", name, "deleted", true})
}

// page is a list in the shape that both protocols share.
func (c *call) page(ids []string, items []rawJSON) reply {
	var first, last any
	if len(ids) > 0 {
		first, last = ids[0], ids[len(ids)-1]
	}
	o := object{"data", items, "has_more", false, "first_id", first, "last_id", last}
	if c.p == openAI {
		o = append(object{"object", "list"}, o...)
	}
	return c.p.jsonReply(o)
}

// embeddings gives each input a vector of eight numbers, or of as many as asked.
func (c *call) embeddings() reply {
	if a, bad := c.missing("model", "input"); bad {
		return a
	}
	inputs := 1
	if in := c.body.Get("input"); in.IsArray() && in.Get("0").Type != gjson.Number {
		inputs = len(in.Array())
	}
	list := []any{}
	for i := range inputs {
		numbers := vector(int(c.body.Get("dimensions").Int()), i)
		var v any = numbers
		if c.body.Get("encoding_format").Str == "base64" {
			var packed []byte
			for _, x := range numbers {
				packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(x))
			}
			v = base64.StdEncoding.EncodeToString(packed)
		}
		list = append(list, object{"object", "embedding", "index", i, "embedding", v})
	}
	return c.p.jsonReply(object{"object", "list", "data", list, "model", c.body.Get("model").Str,
		"usage", object{"prompt_tokens", InputTokens, "total_tokens", InputTokens}})
}

// vector embeds the i-th input in size numbers, or in eight.
func vector(size, i int) []float32 {
	if size <= 0 || size > 4096 {
		size = 8
	}
	v := make([]float32, size)
	for j := range v {
		v[j] = float32(i+1) / float32(j+2)
	}
	return v
}

func (c *call) moderations() reply {
	if a, bad := c.missing("input"); bad {
		return a
	}
	categories := object{"harassment", false, "violence", false}
	scores := object{"harassment", 0.001, "violence", 0.002}
	return c.p.jsonReply(object{"id", c.u.nextID("modr-"), "model", "omni-moderation-test", "results",
		[]any{object{"flagged", false, "categories", categories, "category_scores", scores,
			"category_applied_input_types", object{"harassment", []string{"text"}, "violence", []string{"text"}}}}})
}

func (c *call) rerank() reply {
	if a, bad := c.missing("model", "query", "documents"); bad {
		return a
	}
	list := []any{}
	for i := range c.body.Get("documents").Array() {
		list = append(list, object{"index", i, "relevance_score", 1 / float64(i+1)})
	}
	return c.p.jsonReply(object{"id", c.u.nextID("rerank-"), "model", c.body.Get("model").Str, "results", list,
		"usage", object{"prompt_tokens", InputTokens, "total_tokens", InputTokens}})
}

func (c *call) openAIBatches() reply {
	const kind = "openai.batch"
	switch {
	case c.is(http.MethodPost, "batches"):
		if a, bad := c.missing("input_file_id", "endpoint", "completion_window"); bad {
			return a
		}
		id := c.u.nextID("batch_")
		b := encode(object{"id", id, "object", "batch", "endpoint", c.body.Get("endpoint").Str, "errors", nil,
			"input_file_id", c.body.Get("input_file_id").Str, "completion_window", "24h", "status", "validating",
			"output_file_id", nil, "error_file_id", nil, "created_at", created,
			"request_counts", object{"total", 0, "completed", 0, "failed", 0}, "metadata", nil})
		c.u.put(id, stored{kind: kind, json: b})
		return c.p.jsonReply(rawJSON(b))
	case c.is(http.MethodGet, "batches"):
		return c.page(c.u.list(kind))
	case c.is(http.MethodGet, "batches", "*"), c.is(http.MethodPost, "batches", "*", "cancel"):
		return c.stored(kind)
	}
	return c.notFound()
}
