package llmproxy

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
)

// estimatedHeader marks an answer that the gateway has estimated itself.
const estimatedHeader = "X-Agw-Estimated"

// serveLocally answers what the gateway knows better than an upstream, or what no
// upstream of the route can be asked: the list of models that this caller may use, and
// an estimate of a request's tokens.
func (x *exchange) serveLocally() bool {
	switch x.hop.Endpoint.Operation {
	case llm.OpenAIModels, llm.AnthropicModels, llm.GeminiModels:
		if p := x.hop.Plan; p.Direct == nil || !x.relays(p.Direct) {
			x.listModels()
			return true
		}
	case llm.AnthropicCountTokens, llm.OpenAIInputTokens, llm.GeminiCountTokens:
		if !x.countsUpstream() {
			n, counted := x.countTranslated()
			if !counted {
				n = estimate(x.req.promptBytes)
				x.w.Header()[estimatedHeader] = []string{"true"}
			}
			x.writeCount(n)
			return true
		}
	}
	return false
}

// relays says whether a target serves the call in the caller's own protocol.
func (x *exchange) relays(t *Target) bool {
	op := x.hop.Endpoint.Operation
	return slices.Contains(t.Provider.Native(op, x.req.model), op)
}

// countsUpstream says whether an upstream of the call counts tokens itself. Where a
// logical model has several, the first must, as the answer is for all of them.
func (x *exchange) countsUpstream() bool {
	p := x.hop.Plan
	if p.Direct != nil {
		return x.relays(p.Direct)
	}
	m, _ := p.find(x.req.model)
	return m == nil || m.Group == nil || x.relays(m.Candidates[0].Target) // what cannot be asked is refused later
}

// listModels answers with the models of the route that the caller may use, or with
// the one that the path names.
func (x *exchange) listModels() {
	var ids []string
	for _, id := range x.hop.Plan.ListModels(x.r.Context()) {
		if x.mayUse(id) && (x.hop.Protocol != "cc" || forClaudeCode(id)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var w jsonwrite.Writer
	if x.hop.Endpoint.List {
		writeModels(&w, x.wire(), ids)
	} else {
		id := strings.TrimPrefix(x.req.model, "models/")
		if _, isPattern := x.hop.Plan.find(id); !slices.Contains(ids, id) && (isPattern == "" || !x.mayUse(id)) {
			x.fail(&llm.Error{Code: llm.CodeModelNotFound, Message: "the model " + strconv.Quote(id) + " is not known to this route", Param: "model"})
			return
		}
		writeModel(&w, x.wire(), id)
	}
	x.reply(w.B)
}

// forClaudeCode says whether Claude Code takes a model's name from a list.
func forClaudeCode(id string) bool {
	return strings.HasPrefix(id, "claude") || strings.HasPrefix(id, "anthropic")
}

func (x *exchange) mayUse(model string) bool {
	if x.hop.Caller.Models == nil {
		return true
	}
	_, ok := x.hop.Caller.Models[model]
	return ok
}

func writeModels(w *jsonwrite.Writer, protocol string, ids []string) {
	w.Object()
	switch protocol {
	case "gemini":
		w.ArrayField("models")
	case "anthropic":
		w.ArrayField("data")
	default:
		w.StringField("object", "list")
		w.ArrayField("data")
	}
	for _, id := range ids {
		writeModel(w, protocol, id)
	}
	w.EndArray()
	if protocol == "anthropic" {
		w.BoolField("has_more", false)
		for _, edge := range []struct {
			name string
			at   int
		}{{"first_id", 0}, {"last_id", len(ids) - 1}} {
			w.Name(edge.name)
			if len(ids) == 0 {
				w.Null()
			} else {
				w.String(ids[edge.at])
			}
		}
	}
	w.End()
}

// unknownDate stands where a protocol wants a date and nobody knows one.
var unknownDate = time.Unix(0, 0).UTC()

func writeModel(w *jsonwrite.Writer, protocol, id string) {
	w.Object()
	switch protocol {
	case "gemini":
		w.StringField("name", "models/"+id)
		w.StringField("displayName", id)
		w.ArrayField("supportedGenerationMethods")
		w.String("generateContent")
		w.String("countTokens")
		w.EndArray()
	case "anthropic":
		w.StringField("type", "model")
		w.StringField("id", id)
		w.StringField("display_name", id)
		w.StringField("created_at", unknownDate.Format(time.RFC3339))
	default:
		w.StringField("id", id)
		w.StringField("object", "model")
		w.IntField("created", unknownDate.Unix())
		w.StringField("owned_by", "agent-gateway")
	}
	w.End()
}

// writeCount answers a question for a request's tokens.
func (x *exchange) writeCount(n int64) {
	var w jsonwrite.Writer
	w.Object()
	switch x.hop.Endpoint.Operation {
	case llm.GeminiCountTokens:
		w.IntField("totalTokens", n)
	case llm.OpenAIInputTokens:
		w.StringField("object", "response.input_tokens")
		w.IntField("input_tokens", n)
	default:
		w.IntField("input_tokens", n)
	}
	w.End()
	x.reply(w.B)
}

// reply answers with JSON of the gateway's own.
func (x *exchange) reply(body []byte) {
	h := x.w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if x.wire() == "anthropic" {
		h["Request-Id"] = []string{x.hop.Span.RequestID}
	}
	x.head200()
	_, _ = x.w.Write(body)
	x.firstByte()
}

// asArray says whether the caller wants a stream of Gemini's as one JSON array, which
// is what that protocol does unless events are asked for.
func (x *exchange) asArray() bool {
	return x.wire() == "gemini" && x.hop.Endpoint.Stream && x.r.URL.Query().Get("alt") != "sse"
}

// inArray makes one array of the events that are written from now on. The function
// that it returns closes it.
func (x *exchange) inArray() (end func()) {
	a := &arrayWriter{ResponseWriter: x.w}
	x.w = a
	return a.end
}

// arrayWriter turns events into the elements of a JSON array.
type arrayWriter struct {
	http.ResponseWriter
	begun bool
}

// Write takes whole events.
func (a *arrayWriter) Write(events []byte) (int, error) {
	var out []byte
	for rest := events; len(rest) > 0; {
		n := sse.Next(rest)
		if n == 0 {
			n = len(rest)
		}
		data := sse.Parse(rest[:n]).Data
		rest = rest[n:]
		if len(data) == 0 {
			continue
		}
		if a.begun {
			out = append(out, ",\r\n"...)
		} else {
			out = append(out, '[')
		}
		a.begun = true
		out = append(out, data...)
	}
	if _, err := a.ResponseWriter.Write(out); err != nil {
		return 0, err
	}
	return len(events), nil
}

// Unwrap lets a [http.ResponseController] find the writer below.
func (a *arrayWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// end closes the array.
func (a *arrayWriter) end() {
	text := "]"
	if !a.begun {
		text = "[]"
	}
	_, _ = a.ResponseWriter.Write([]byte(text))
}
