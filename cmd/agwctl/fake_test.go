package main

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/agent-gateway/agent-gateway/admin/client"
	"github.com/agent-gateway/agent-gateway/configstore"
)

// fakeGateway is as much of a gateway as the commands can see: the Admin API
// over objects in memory, and a data plane with one virtual key that answers
// with what it was asked.
type fakeGateway struct {
	mu      sync.Mutex
	objects map[string]map[string]string // by kind, then id
}

// virtualKey is what every virtual key gets, and what the data plane accepts.
const virtualKey = "vk-0123456789abcdef"

func startGateway(t testing.TB) (adminURL, dataURL string) {
	g := &fakeGateway{objects: map[string]map[string]string{}}
	admin, data := httptest.NewServer(http.HandlerFunc(g.admin)), httptest.NewServer(http.HandlerFunc(g.data))
	t.Cleanup(admin.Close)
	t.Cleanup(data.Close)
	return admin.URL, data.URL + "/v1"
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": text})
}

func (g *fakeGateway) admin(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	user, password, _ := r.BasicAuth()
	if subtle.ConstantTimeCompare([]byte(user+":"+password), []byte("admin:your-password")) == 0 {
		refuse(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/admin/")
	if answerMCP(w, r, path) {
		return
	}
	for _, k := range configstore.Kinds {
		if rest, ok := strings.CutPrefix(path+"/", k.Path+"/"); ok {
			g.object(w, r, k, strings.TrimSuffix(rest, "/"))
			return
		}
	}
	switch r.Method + " " + path {
	case "POST bundle":
		g.apply(w, r)
	case "GET bundle":
		io.WriteString(w, "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nproviders:\n  - id: openai-main\n    provider_type: openai\n    api_key: ${OPENAI_MAIN_API_KEY:-********}\n")
	case "GET llm/provider_types":
		io.WriteString(w, `{"items":[{"provider_type":"openai","enabled":true},{"provider_type":"echo","enabled":false}]}`)
	case "GET llm/api_handler_types":
		io.WriteString(w, `{"items":[{"llm_api_handler_type":"openai"}]}`)
	case "GET llm/models/providers/main/discovered":
		io.WriteString(w, `{"items":[]}`)
	case "POST llm/models/providers/main/refresh":
		io.WriteString(w, `{"provider_id":"main","items":[{"provider_id":"main","upstream_model":"vendor/m","display_name":"M","status":"ok","fetched_at":"2026-01-02T03:04:05Z","last_error":"","last_error_at":null}]}`)
	case "GET llm/models/providers/nobody/discovered", "POST llm/models/providers/nobody/refresh":
		refuse(w, http.StatusNotFound, "there is no provider \"nobody\"")
	case "GET metrics":
		json.NewEncoder(w).Encode(map[string]any{"llm": map[string]any{"request_count": 3, "cost_usd": nil}, "query": r.URL.RawQuery})
	case "GET metrics/llm/events":
		if limit := r.URL.Query().Get("limit"); limit == "0" || strings.HasPrefix(limit, "-") {
			refuse(w, http.StatusBadRequest, "limit must be from 1 to 1000")
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"items": []any{map[string]any{"route_id": "openai-chat", "status_code": 200, "total_tokens": nil}}, "limit": 100, "next_cursor": nil, "query": r.URL.RawQuery})
	case "GET metrics/mcp/events":
		json.NewEncoder(w).Encode(map[string]any{"items": []any{map[string]any{"service_id": "files", "method": "tools/call", "tool_name": "read_file", "result_status": "ok"}}, "limit": 100, "next_cursor": nil, "query": r.URL.RawQuery})
	default:
		http.NotFound(w, r)
	}
}

func (g *fakeGateway) object(w http.ResponseWriter, r *http.Request, k configstore.Kind, rest string) {
	stored := g.objects[k.Name]
	if rest == "" {
		items := []json.RawMessage{}
		for _, id := range slices.Sorted(mapKeys(stored)) {
			item, _ := sjson.Delete(stored[id], "key")
			keep := true
			for name, values := range r.URL.Query() {
				keep = keep && gjson.Get(item, name).String() == values[0]
			}
			if keep {
				items = append(items, json.RawMessage(item))
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"items": items})
		return
	}
	segments := strings.Split(rest, "/")
	fields := min(len(k.Fields()), len(segments))
	id, err := url.PathUnescape(strings.Join(segments[:fields], "/"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "the path is not escaped")
		return
	}
	action := strings.Join(segments[fields:], "/")
	object, ok := stored[id]
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "there is no "+k.Name+" "+id)
		return
	case r.Method == http.MethodDelete:
		delete(stored, id)
		json.NewEncoder(w).Encode(map[string]string{"status": "deleted", "id": id})
		return
	case action == "usage":
		io.WriteString(w, `{"budget_period":"day","id":"`+id+`","items":[{"limit":"concurrency","max":2,"used":0,"remaining":2,"reset_at":null},{"limit":"budget_usd","max":0.2,"used":0.0000316,"remaining":0.1999684,"reset_at":"2026-11-26T00:00:00Z"}]}`)
		return
	case action == "enable":
		object, _ = sjson.Delete(object, "disabled")
	case action == "disable":
		object, _ = sjson.Set(object, "disabled", true)
	}
	stored[id] = object
	io.WriteString(w, object)
}

func mapKeys(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// apply plans a bundle and, but for a dry run, stores it. A provider with a base
// URL at "down" is refused, as an example of what only the server knows.
func (g *fakeGateway) apply(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if _, faults := configstore.ParseBundle(body, configstore.JSON, nil); faults != nil {
		refuse(w, http.StatusBadRequest, faults[0].String())
		return
	}
	report := client.Report{Status: "ok", Actions: []client.Action{}}
	type write struct{ kind, id, object string }
	var writes []write
	for _, k := range configstore.Kinds {
		for _, item := range gjson.GetBytes(body, k.Section).Array() {
			var id []string
			for _, field := range k.Fields() {
				id = append(id, item.Get(field).Str)
			}
			action := client.Action{Kind: k.Name, ID: strings.Join(id, "/"), Action: "skip"}
			old, ok := g.objects[k.Name][action.ID]
			object := item.Raw
			if k.Name == "virtual_key" {
				object, _ = sjson.Set(object, "key", virtualKey)
			}
			switch {
			case strings.Contains(item.Get("base_url").Str, "down"):
				action.Action, action.Error = "error", "base_url does not answer"
				report.Status = "error"
				report.Counts.Error++
			case !ok:
				action.Action = "create"
				report.Counts.Create++
			case old != object:
				action.Action = "update"
				report.Counts.Update++
			default:
				report.Counts.Skip++
			}
			report.Actions = append(report.Actions, action)
			writes = append(writes, write{k.Name, action.ID, object})
		}
	}
	if report.Status == "error" {
		report.Counts = client.Counts{Error: report.Counts.Error}
		report.Actions = slices.DeleteFunc(report.Actions, func(a client.Action) bool { return a.Action != "error" })
		w.WriteHeader(http.StatusBadRequest)
	} else if r.URL.Query().Get("dry_run") == "" {
		for _, item := range writes {
			if g.objects[item.kind] == nil {
				g.objects[item.kind] = map[string]string{}
			}
			g.objects[item.kind][item.id] = item.object
		}
	}
	json.NewEncoder(w).Encode(report)
}

// data answers OpenAI's chat and Anthropic's messages with the question.
func (g *fakeGateway) data(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if r.URL.Path == "/v1/messages" {
		key = r.Header.Get("X-Api-Key")
	}
	if key != virtualKey {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":{"message":"unknown key `+key+`","type":"invalid_request_error"}}`)
		return
	}
	body, _ := io.ReadAll(r.Body)
	text := gjson.GetBytes(body, "messages.0.content").Raw
	switch {
	case gjson.GetBytes(body, "stream").Bool():
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"choices":[{"delta":{"role":"assistant","content":`+text+"}}]}\n\n")
		io.WriteString(w, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	case r.URL.Path == "/v1/messages":
		io.WriteString(w, `{"type":"message","content":[{"type":"text","text":`+text+`}],"stop_reason":"end_turn"}`)
	default:
		io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":`+text+`},"finish_reason":"stop"}]}`)
	}
}
