package mcpproxy

import (
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Codes of errors that are the gateway's own, in the range that the specification leaves
// to implementations, and those that it has given a meaning (2026-07-28).
const (
	codeRefused     = -32000
	codeUnavailable = -32001

	codeHeaderMismatch    = -32020
	codeMissingCapability = -32021
	codeBadVersion        = -32022
)

// refuse answers with an error of the gateway's own; in is nil where no request is known.
func (x *exchange) refuse(status int, in *jsonrpc.Message, code int, format string, args ...any) {
	var id []byte
	if in != nil && in.Kind() == jsonrpc.Request {
		id = in.ID.Of(in.Data)
	}
	if x.event == nil {
		x.observe()
	}
	x.write(status, jsonrpc.Errorf(code, format, args...).Response(id))
	x.record("refused", "refused")
}

// write answers with one message. Where events have begun, it is the last of them.
func (x *exchange) write(status int, message []byte) {
	switch {
	case x.reply == nil:
		_ = writeMessage(x.w, status, message) // who has gone misses nothing
	default:
		if x.reply.events() {
			status = http.StatusOK
		}
		x.reply.finish(status, mcp.Message{Data: message})
	}
	x.event.StatusCode = status
}

func writeMessage(w http.ResponseWriter, status int, message []byte) error {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(message))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, err := w.Write(message)
	return err
}

// Refuse answers a request that may not go on, and records that.
func (e *Engine) Refuse(w http.ResponseWriter, r *http.Request, hop Hop, status int, text string) {
	x := e.exchange(w, r, hop)
	if status == http.StatusUnauthorized {
		w.Header()["Www-Authenticate"] = []string{`Bearer realm="agent-gateway"`}
	}
	x.refuse(status, nil, codeRefused, "%s", text)
}

// sessionLost ends a session that its server has forgotten.
func (x *exchange) sessionLost(inst *instance, in *jsonrpc.Message) {
	own := int32(0)
	if in != nil {
		own = 1
	}
	x.retireForgotten(inst, own)
	x.refuse(http.StatusNotFound, in, codeUnavailable, "the MCP server has forgotten the session; initialize a new one")
}

// busy answers that no upstream session can be had.
func (x *exchange) busy(err error) {
	var full *busyError
	var status *mcp.StatusError
	service := x.hop.Service.Config.ID
	if errors.As(err, &full) {
		if full.after > 0 {
			x.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(full.after.Seconds()))))
		}
		if full.status == http.StatusGatewayTimeout {
			x.warn(err)
		}
		x.refuse(full.status, x.in, codeUnavailable, "the MCP service %s cannot serve this now: %s", service, full.Public())
		return
	}
	if x.r.Context().Err() != nil {
		x.event.StatusCode = 499
		x.mcp.Cancelled = true
		x.record("cancelled", "canceled")
		return
	}
	if errors.As(err, &status) {
		x.warn(explained(x.hop.Service, err, true))
		x.refuse(http.StatusBadGateway, x.in, codeUnavailable, "the MCP server of service %s %s", service, refusal(x.hop.Service, status, true, false))
		return
	}
	x.warn(err)
	x.refuse(http.StatusBadGateway, x.in, codeUnavailable, "the MCP server of service %s cannot be reached: %s", service, text(err))
}

// warn tells the operator of what has gone wrong with a server, unless it is that the caller
// has gone.
func (x *exchange) warn(err error) {
	if x.r.Context().Err() != nil {
		return
	}
	x.log.WarnContext(x.r.Context(), "an MCP server has failed", "route", x.hop.RouteID, "service", x.hop.Service.Config.ID, "error", err, "trace_id", x.hop.Span.TraceID)
}

// text is an error's for callers, short enough to be shown. Where an error says what only
// operators should read, as what a process has written to its standard error, it has a
// text for everybody as well; the other goes to the log.
func text(err error) string {
	if err == nil {
		return "its session has ended"
	}
	if errors.Is(err, net.ErrClosed) {
		return "its connection has been closed"
	}
	s := strings.TrimPrefix(err.Error(), "mcp: ")
	var public interface{ Public() string }
	if errors.As(err, &public) {
		s = public.Public()
	}
	const most = 500
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
