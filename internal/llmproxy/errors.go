package llmproxy

import (
	"net/http"
	"strconv"

	"github.com/agent-gateway/agent-gateway/llm"
)

// WriteError answers with e in the form of protocol.
func WriteError(w http.ResponseWriter, protocol, requestID string, e *llm.Error) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Cache-Control"] = []string{"no-store"}
	h.Del("Content-Encoding")
	if protocol == "anthropic" {
		h["Request-Id"] = []string{requestID}
	}
	if e.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.FormatInt(int64((e.RetryAfter+999_999_999)/1_000_000_000), 10)}
	}
	if e.NoRetry {
		h["X-Should-Retry"] = []string{"false"}
	}
	body := e.Body(protocol, requestID)
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(e.HTTPStatus(protocol))
	_, _ = w.Write(body)
}
