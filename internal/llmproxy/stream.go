package llmproxy

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
)

// relayStream relays server-sent events, whole ones only, so that a break never
// leaves the caller inside somebody's JSON. All that has arrived goes out at
// once, and is flushed. A stream that breaks ends in the protocol's error event
// and without the event that would say that it is complete.
func (x *exchange) relayStream(a *answer) error {
	resp := a.Response
	h := x.w.Header()
	h["X-Accel-Buffering"] = []string{"no"}
	if resp.Header["Cache-Control"] == nil {
		h["Cache-Control"] = []string{"no-cache"}
	}
	x.req.stream = true
	if x.asArray() {
		defer x.inArray()()
		resp.Header["Content-Type"] = []string{"application/json"}
	}
	x.head(resp, -1)
	in := a.reader(x.limits.Event)
	out := x.writer()
	defer out.close()
	out.flushSoon()
	encoded := resp.Header["Content-Encoding"] != nil
	for {
		events, err := in.Read()
		if err != nil {
			return x.endStream(out, in.in.Rest(), err, a.lane.injected)
		}
		if !encoded {
			events = x.readEvents(events, in.in.Ends(), a.lane.injected)
		}
		if len(events) == 0 {
			continue
		}
		x.settleEarly(x.read.closed)
		if err := out.write(events, true); err != nil {
			x.callerLeft(err)
			return nil
		}
		x.firstByte()
	}
}

// readEvents reads each event and leaves out what only the gateway wanted.
func (x *exchange) readEvents(events []byte, ends []int, injected bool) []byte {
	at, kept := 0, 0
	for _, end := range ends {
		if x.read.event(events[at:end], injected) {
			if kept != at {
				copy(events[kept:], events[at:end])
			}
			kept += end - at
		}
		at = end
	}
	return events[:kept]
}

// endStream ends the answer when the upstream's stream has ended with err, and
// rest stands behind its last whole event.
func (x *exchange) endStream(out *writer, rest []byte, err error, injected bool) error {
	if err == io.EOF && len(rest) > 0 && wholeLine(rest) {
		// Some upstreams do not send the blank line behind their last event.
		if x.read.event(rest, injected) {
			if werr := out.write(rest, true); werr != nil {
				x.callerLeft(werr)
				return nil
			}
		}
		rest = nil
	}
	if x.read.closed || err == io.EOF && len(rest) == 0 && (x.read.ended || !x.read.terminates()) {
		if x.read.failed {
			x.event.ErrorType = string(llm.CodeUpstream)
		}
		return nil
	}
	broken := x.streamBroken(err)
	x.note(broken)
	if !x.read.failed { // the upstream may have said itself what went wrong
		_ = out.write(errorEvent(x.hop.Endpoint.Operation, llm.AsError(broken), x.hop.Span.RequestID, x.read.sequence+1), true)
	}
	return nil
}

// streamBroken is the error of a stream that broke off.
func (x *exchange) streamBroken(err error) error {
	if errors.Is(err, sse.ErrTooLong) {
		return &llm.Error{Code: llm.CodeUpstream, Message: fmt.Sprintf("provider %s sent an event that is longer than this gateway's bound of %d bytes", x.llm.ProviderID, x.limits.Event), Cause: err}
	}
	return x.broken(err)
}

// callerLeft notes that the caller went away in the middle of a stream. One that
// has seen its last event is free to.
func (x *exchange) callerLeft(err error) {
	if !x.read.closed {
		x.note(gone(err))
	}
}

// wholeLine says whether text is an event but for its blank line: its data is
// complete JSON, or the word that ends a chat.
func wholeLine(text []byte) bool {
	e := sse.Parse(text)
	return e.HasData && (string(e.Data) == "[DONE]" || gjson.ValidBytes(e.Data))
}

// errorEvent is an error in the grammar of the operation's stream.
func errorEvent(op llm.Operation, e *llm.Error, requestID string, sequence int64) []byte {
	body := e.Body(op.Protocol(), requestID)
	switch {
	case op.Protocol() == "anthropic":
		return []byte("event: error\ndata: " + string(body) + "\n\n")
	case op == llm.OpenAIResponses:
		// The event's own members, and "error" for the SDKs that look for that.
		inner := gjson.GetBytes(body, "error")
		return fmt.Appendf(nil, "event: error\ndata: {\"type\":\"error\",\"code\":%s,\"message\":%s,\"param\":null,\"sequence_number\":%d,\"error\":%s}\n\n",
			inner.Get("code").Raw, inner.Get("message").Raw, sequence, inner.Raw)
	}
	return []byte("data: " + string(body) + "\n\n")
}

// relayModels relays a list of models cut to those that the caller may use, and that
// are offered.
func (x *exchange) relayModels(resp *llm.Response) error {
	const bound = 16 << 20
	body, err := io.ReadAll(io.LimitReader(resp.Body, bound+1))
	if err != nil {
		x.refuse(llm.AsError(x.broken(err)))
		return nil
	}
	list, name := "data", "id"
	if x.wire() == "gemini" {
		list, name = "models", "name"
	}
	data := gjson.GetBytes(body, list)
	if len(body) > bound || !data.IsArray() {
		x.refuse(&llm.Error{Code: llm.CodeUpstream, Message: "provider " + x.llm.ProviderID + " sent a list of models that cannot be read"})
		return nil
	}
	var kept, ids []string
	data.ForEach(func(_, m gjson.Result) bool {
		id := m.Get(name)
		if model := strings.TrimPrefix(id.String(), "models/"); x.mayUse(model) && !x.used.Off[model] {
			kept, ids = append(kept, m.Raw), append(ids, id.Raw)
		}
		return true
	})
	out := string(body[:data.Index]) + "[" + strings.Join(kept, ",") + "]" + string(body[data.Index+len(data.Raw):])
	if x.wire() == "anthropic" { // its pages name their first and last
		first, last := "null", "null"
		if len(ids) > 0 {
			first, last = ids[0], ids[len(ids)-1]
		}
		out = replaceRaw(replaceRaw(out, "first_id", first), "last_id", last)
	}
	x.head(resp, int64(len(out)))
	_, _ = io.WriteString(x.w, out)
	x.firstByte()
	return nil
}

// replaceRaw sets the value of a member that is there.
func replaceRaw(text, name, raw string) string {
	v := gjson.Get(text, name)
	if !v.Exists() || v.Index == 0 {
		return text
	}
	return text[:v.Index] + raw + text[v.Index+len(v.Raw):]
}
