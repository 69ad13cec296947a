package mcptest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// change is something that a subscription tells of.
type change struct {
	list string // "tools", "prompts" or "resources"
	uri  string // of a resource, instead
	end  bool   // the server ends all subscriptions
}

// Change tells subscriptions that a list ("tools", "prompts" or "resources") or, if it is
// none of these, the resource with that URI has changed.
func (s *Server) Change(what string) {
	n := change{uri: what}
	if slices.Contains([]string{"tools", "prompts", "resources"}, what) {
		n = change{list: what}
	}
	s.change(func() { s.news = append(s.news, n) })
}

// EndSubscriptions tears down all subscriptions that there are.
func (s *Server) EndSubscriptions() { s.change(func() { s.news = append(s.news, change{end: true}) }) }

// filter is what a subscription wants to hear of.
type filter struct {
	Tools     bool     `json:"toolsListChanged,omitempty"`
	Prompts   bool     `json:"promptsListChanged,omitempty"`
	Resources bool     `json:"resourcesListChanged,omitempty"`
	URIs      []string `json:"resourceSubscriptions,omitempty"`
}

func (f *filter) wants(n change) bool {
	switch n.list {
	case "tools":
		return f.Tools
	case "prompts":
		return f.Prompts
	case "resources":
		return f.Resources
	}
	return n.end || slices.Contains(f.URIs, n.uri)
}

// subscribe streams what changes until one of the sides ends it (2026-07-28,
// Subscriptions).
func (x *call) subscribe() answer {
	if !x.modern {
		return failed(jsonrpc.CodeMethodNotFound, "Method not found: %s", x.in.Method)
	}
	var f filter
	if json.Unmarshal(x.params.Notifications, &f) != nil {
		return failed(jsonrpc.CodeInvalidParams, "notifications is missing")
	}
	s := x.server
	s.mu.Lock()
	seen := len(s.news)
	s.mu.Unlock()
	agreed, _ := json.Marshal(f)
	tag := fmt.Sprintf(`"_meta":{%q:%s}`, subscriptionKey, x.id)
	x.notify("notifications/subscriptions/acknowledged", fmt.Sprintf(`{%s,"notifications":%s}`, tag, agreed))
	for {
		var n change
		if s.await(x.ctx, func() bool {
			for ; seen < len(s.news) && !f.wants(s.news[seen]); seen++ {
			}
			if seen == len(s.news) {
				return false
			}
			n = s.news[seen]
			seen++
			return true
		}) != nil {
			return answer{none: true}
		}
		switch {
		case n.end && x.oneWire:
			x.notify("notifications/cancelled", fmt.Sprintf(`{%s,"requestId":%s}`, tag, x.id))
			return answer{none: true}
		case n.end:
			return answer{none: true} // which closes the stream
		case n.uri != "":
			x.notify("notifications/resources/updated", fmt.Sprintf(`{"uri":%s,%s}`, quote(n.uri), tag))
		default:
			x.notify("notifications/"+n.list+"/list_changed", "{"+tag+"}")
		}
	}
}
