package llmtest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// anthropicModels are what GET /v1/models lists.
var anthropicModels = []string{"claude-test", "claude-test-mini"}

const (
	createdAt = "2026-01-01T00:00:00Z"
	expiresAt = "2026-01-02T00:00:00Z"
)

// anthropic answers a request of Anthropic's protocol.
func (c *call) anthropic() reply {
	if c.r.Header.Get("Anthropic-Version") == "" {
		return c.p.reject(http.StatusBadRequest, "anthropic-version: header is required")
	}
	const get, post = http.MethodGet, http.MethodPost
	switch {
	case c.is(post, "messages"):
		return c.messages()
	case c.is(post, "messages", "count_tokens"):
		if a, bad := c.missing("model", "messages.0"); bad {
			return a
		}
		return c.p.jsonReply(object{"input_tokens", InputTokens + CacheReadTokens + CacheWriteTokens})
	case len(c.path) > 1 && c.path[1] == "batches":
		return c.messageBatches()
	case c.path[0] == "files":
		return c.anthropicFiles()
	case c.is(get, "models"):
		var list []rawJSON
		for _, id := range anthropicModels {
			list = append(list, encode(anthropicModel(id)))
		}
		return c.page(anthropicModels, list)
	case c.is(get, "models", "*"):
		if !slices.Contains(anthropicModels, c.path[1]) {
			return c.p.reject(http.StatusNotFound, "model: "+c.path[1])
		}
		return c.p.jsonReply(anthropicModel(c.path[1]))
	}
	return c.notFound()
}

func anthropicModel(id string) object {
	return object{"type", "model", "id", id, "display_name", "Model " + id, "created_at", createdAt}
}

func (c *call) anthropicFiles() reply {
	const kind = "anthropic.file"
	switch {
	case c.is(http.MethodPost, "files"):
		f, a, ok := c.form("file")
		if !ok {
			return a
		}
		id := c.u.nextID("file_")
		b := encode(object{"id", id, "type", "file", "filename", f.name, "mime_type", f.mime, "size_bytes", len(f.file),
			"created_at", createdAt, "downloadable", true})
		c.u.put(id, stored{kind, b, f.file, f.mime})
		return c.p.jsonReply(rawJSON(b))
	case c.is(http.MethodGet, "files"):
		return c.page(c.u.list(kind))
	case c.is(http.MethodGet, "files", "*"):
		return c.stored(kind)
	case c.is(http.MethodGet, "files", "*", "content"):
		return c.content(kind)
	case c.is(http.MethodDelete, "files", "*"):
		return c.delete(kind, c.path[1], "file_deleted")
	}
	return c.notFound()
}

func (c *call) delete(kind, id, name string) reply {
	if !c.u.drop(kind, id) {
		return c.notFound()
	}
	return c.p.jsonReply(object{"id", id, "type", name})
}

func (c *call) messageBatches() reply {
	const kind = "anthropic.batch"
	switch {
	case c.is(http.MethodPost, "messages", "batches"):
		if a, bad := c.missing("requests.0"); bad {
			return a
		}
		id := c.u.nextID("msgbatch_")
		var results []byte
		for _, r := range c.body.Get("requests").Array() {
			one := *c
			one.body = r.Get("params")
			line := object{"custom_id", r.Get("custom_id").Str, "result", object{"type", "succeeded", "message", one.message()}}
			results = append(append(results, encode(line)...), '\n')
		}
		n := len(c.body.Get("requests").Array())
		b := encode(object{"id", id, "type", "message_batch", "processing_status", "ended",
			"request_counts", object{"processing", 0, "succeeded", n, "errored", 0, "canceled", 0, "expired", 0},
			"ended_at", createdAt, "created_at", createdAt, "expires_at", expiresAt, "archived_at", nil,
			"cancel_initiated_at", nil, "results_url", "http://" + c.r.Host + "/v1/messages/batches/" + id + "/results"})
		c.u.put(id, stored{kind: kind, json: b, data: results})
		return c.p.jsonReply(rawJSON(b))
	case c.is(http.MethodGet, "messages", "batches"):
		return c.page(c.u.list(kind))
	}
	if len(c.path) < 3 {
		return c.notFound()
	}
	s, ok := c.u.get(kind, c.path[2])
	switch {
	case !ok:
	case c.is(http.MethodGet, "messages", "batches", "*"), c.is(http.MethodPost, "messages", "batches", "*", "cancel"):
		return c.p.jsonReply(rawJSON(s.json))
	case c.is(http.MethodGet, "messages", "batches", "*", "results"):
		return reply{status: http.StatusOK, header: c.p.header("application/x-jsonl"), events: [][]byte{s.data}}
	case c.is(http.MethodDelete, "messages", "batches", "*"):
		return c.delete(kind, c.path[2], "message_batch_deleted")
	}
	return c.notFound()
}

func (c *call) messagesPrompt() prompt {
	kind := c.body.Get("thinking.type").Str
	p := prompt{
		parallel: !c.body.Get("tool_choice.disable_parallel_tool_use").Bool(),
		thinking: kind == "enabled" || kind == "adaptive",
		schema:   c.body.Get("output_config.format.schema"),
	}
	if !p.schema.Exists() {
		p.schema = c.body.Get("output_format.schema")
	}
	for _, m := range c.body.Get("messages").Array() {
		p.answered = false
		if m.Get("role").Str != "user" {
			continue
		}
		if content := m.Get("content"); content.Type == gjson.String {
			p.text = content.Str
			continue
		}
		for _, block := range m.Get("content").Array() {
			switch block.Get("type").Str {
			case "text":
				p.text = block.Get("text").Str
			case "image":
				p.images++
			case "tool_result":
				p.answered = true
			}
		}
	}
	if c.body.Get("tool_choice.type").Str != "none" {
		for _, t := range c.body.Get("tools").Array() {
			p.tools = append(p.tools, tool{name: t.Get("name").Str, schema: t.Get("input_schema")})
		}
	}
	return p
}

func (c *call) messages() reply {
	if a, bad := c.missing("model", "max_tokens", "messages.0"); bad {
		return a
	}
	if c.body.Get("stream").Bool() {
		return c.messageStream()
	}
	return c.p.jsonReply(c.message())
}

// message is a whole answer.
func (c *call) message() object {
	answer := c.complete(c.messagesPrompt())
	content := []any{}
	if len(answer.thinking) > 0 {
		content = append(content, object{"type", "thinking", "thinking", strings.Join(answer.thinking, ""), "signature", signature})
	}
	if len(answer.calls) == 0 {
		content = append(content, object{"type", "text", "text", answer.whole()})
	}
	for _, t := range answer.calls {
		content = append(content, object{"type", "tool_use", "id", t.id, "name", t.name,
			"input", rawJSON(strings.Join(t.arguments, ""))})
	}
	return object{"id", c.u.nextID("msg_"), "type", "message", "role", "assistant", "model", c.body.Get("model").Str,
		"content", content, "stop_reason", answer.stopReason(), "stop_sequence", nil, "usage", anthropicUsage(OutputTokens)}
}
