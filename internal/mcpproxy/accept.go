package mcpproxy

import (
	"mime"
	"net/http"
	"strings"
)

// accepts says whether a caller takes JSON and whether it takes events. Who names
// neither takes JSON.
func accepts(h http.Header) (json, events bool) {
	for _, v := range h["Accept"] {
		for part := range strings.SplitSeq(v, ",") {
			kind, params, err := mime.ParseMediaType(part)
			if err != nil || params["q"] == "0" {
				continue
			}
			switch kind {
			case "text/event-stream":
				events = true
			case "application/json", "application/*", "*/*":
				json = true
			}
		}
	}
	return json || !events, events
}

// isJSON says whether the body is said to be JSON. A page of another origin can send
// other types without asking first.
func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"))
}
