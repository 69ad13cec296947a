package llmproxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// validJSON holds a body to be JSON all through, which a codec depends on.
func validJSON(body []byte) error {
	if !jsonscan.Valid(body) {
		return llm.Errorf(llm.CodeInvalidRequest, "the request body is not valid JSON")
	}
	return nil
}

// relayTranslated gives the caller the upstream's answer in the caller's protocol.
func (x *exchange) relayTranslated(a *answer) error {
	switch {
	case a.Status >= 400:
		return x.translateError(a)
	case a.isStream():
		return x.translateStream(a)
	}
	return x.translateBody(a)
}

// translateError says the upstream's error in the caller's protocol.
func (x *exchange) translateError(a *answer) error {
	body, err := io.ReadAll(io.LimitReader(a.Body, x.limits.ErrorBody))
	if err != nil && x.r.Context().Err() != nil {
		return gone(err)
	}
	e := a.lane.up.DecodeError(a.Status, a.Header, body)
	if e.Message == "" || !strings.HasSuffix(a.kind(), "json") || x.echoesKey(nil, []byte(e.Message)) {
		e.Message = fmt.Sprintf("provider %s answered %d %s without an error that could be relayed", x.llm.ProviderID, a.Status, http.StatusText(a.Status))
	}
	copyRetryHeaders(x.w.Header(), a.Header)
	x.refuse(e)
	return nil
}

// translateBody translates an answer that is complete, or a stream for a caller who
// wants none, and the other way round.
func (x *exchange) translateBody(a *answer) error {
	body, err := io.ReadAll(io.LimitReader(a.Body, x.limits.Answer+1))
	if err != nil {
		x.refuse(llm.AsError(x.broken(err)))
		return nil
	}
	unreadable := func(why string) error {
		x.refuse(&llm.Error{Code: llm.CodeUpstream, Message: "provider " + x.llm.ProviderID + " sent an answer that cannot be translated: " + why})
		return nil
	}
	if int64(len(body)) > x.limits.Answer {
		return unreadable(fmt.Sprintf("it is longer than %d bytes", x.limits.Answer))
	}
	if !jsonscan.Valid(body) {
		return unreadable("it is not JSON")
	}
	resp, err := a.lane.up.DecodeResponse(body)
	if err != nil {
		if e := new(llm.Error); errors.As(err, &e) && e.Code != llm.CodeInvalidRequest {
			x.refuse(e)
			return nil
		}
		return unreadable("it is not of the protocol " + string(a.lane.op))
	}
	a.lane.adapted.Response(resp)
	x.read.translated(resp)
	if x.req.stream {
		x.settleEarly(true)
		if x.asArray() {
			defer x.inArray()()
		}
		out := x.translatedWriter(a)
		defer out.close()
		if _, err := x.writeEvents(out, a.lane.down.NewStreamEncoder(x.neutral, &x.lost), codec.Events(resp), nil); err != nil {
			x.callerLeft(err)
		}
		return nil
	}
	return x.writeResponse(a, resp)
}

// writeResponse answers with a complete answer.
func (x *exchange) writeResponse(a *answer, resp *codec.Response) error {
	out, err := a.lane.down.EncodeResponse(resp, x.neutral, &x.lost)
	if err != nil {
		x.refuse(llm.AsError(err))
		return nil
	}
	h := x.translatedHead(a)
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(out))}
	x.w.WriteHeader(http.StatusOK)
	x.event.StatusCode = http.StatusOK
	if _, err := x.w.Write(out); err != nil {
		return gone(err)
	}
	x.firstByte()
	return nil
}

// droppedHeader names the request's fields that the upstream's protocol cannot carry.
const droppedHeader = "X-Agw-Dropped"

// translatedHead sets the headers of a translated answer. The upstream's own say
// nothing in the caller's protocol, but for its request id.
func (x *exchange) translatedHead(a *answer) http.Header {
	h := x.w.Header()
	for _, name := range []string{"X-Request-Id", "Request-Id"} {
		if v := a.Header[name]; v != nil {
			h[upstreamRequestID] = v
		}
	}
	if x.wire() == "anthropic" {
		h["Request-Id"] = []string{x.hop.Span.RequestID}
	}
	if len(a.lane.dropped) > 0 {
		names := make([]string, len(a.lane.dropped))
		for i, f := range a.lane.dropped {
			names[i] = a.lane.down.FieldName(f)
		}
		h[droppedHeader] = []string{strings.Join(names, ",")}
	}
	return h
}

// translatedWriter sends the head of a stream.
func (x *exchange) translatedWriter(a *answer) *writer {
	h := x.translatedHead(a)
	h["Content-Type"] = []string{"text/event-stream"}
	if x.asArray() {
		h["Content-Type"] = []string{"application/json"}
	}
	h["Cache-Control"] = []string{"no-cache"}
	h["X-Accel-Buffering"] = []string{"no"}
	x.head200()
	out := x.writer()
	out.flushSoon()
	return out
}

// translateStream translates a stream event by event.
func (x *exchange) translateStream(a *answer) error {
	in := a.reader(x.limits.Event)
	dec := a.lane.up.NewStreamDecoder()
	if !x.req.stream {
		return x.collect(a, in, dec)
	}
	if x.asArray() {
		defer x.inArray()()
	}
	out := x.translatedWriter(a)
	defer out.close()
	enc := a.lane.down.NewStreamEncoder(x.neutral, &x.lost)
	t := &translation{x: x, a: a, dec: dec}
	var events []codec.Event
	var text []byte
	for {
		batch, err := in.Read()
		if err == nil {
			events, err = t.decode(events[:0], batch, in.in.Ends())
		} else {
			events, err = t.close(events[:0], in.in.Rest(), err)
		}
		var werr error
		if text, werr = x.writeEvents(out, enc, events, text); werr != nil {
			x.callerLeft(werr)
			return nil
		}
		switch {
		case t.failed:
			return nil // its error has been written
		case err == io.EOF:
			return nil
		case err != nil:
			x.note(err)
			_ = out.write(enc.Fail(nil, llm.AsError(err), x.hop.Span.RequestID), true)
			return nil
		}
	}
}

// translation is a stream on its way from one protocol to another.
type translation struct {
	x      *exchange
	a      *answer
	dec    codec.StreamDecoder
	failed bool
}

// decode reads the events of one piece of the stream.
func (t *translation) decode(out []codec.Event, batch []byte, ends []int) ([]codec.Event, error) {
	at := 0
	for _, end := range ends {
		e := sse.Parse(batch[at:end])
		at = end
		if !e.HasData {
			continue
		}
		var err error
		if out, err = t.dec.Decode(out, e.Name, e.Data); err != nil {
			return t.seen(out), &llm.Error{Code: llm.CodeUpstream, Message: "provider " + t.x.llm.ProviderID + " sent an event that cannot be translated", Cause: errors.Unwrap(err)}
		}
	}
	return t.seen(out), nil
}

// close ends the stream: io.EOF says that it is complete.
func (t *translation) close(out []codec.Event, rest []byte, err error) ([]codec.Event, error) {
	if err == io.EOF && len(rest) > 0 && wholeLine(rest) {
		if out, err = t.decode(out, rest, []int{len(rest)}); err != nil {
			return out, err
		}
		err = io.EOF
	}
	if err != io.EOF && !t.x.read.closed {
		return out, t.x.streamBroken(err)
	}
	out, cerr := t.dec.Close(out)
	out = t.seen(out)
	if cerr != nil && !t.failed {
		return out, t.x.broken(io.ErrUnexpectedEOF)
	}
	return out, io.EOF
}

// seen undoes what was adapted, and reads what is to be recorded.
func (t *translation) seen(events []codec.Event) []codec.Event {
	events = t.a.lane.adapted.Events(events)
	for i := range events {
		t.x.read.neutral(&events[i])
		if events[i].Kind == codec.Failed {
			t.failed = true
			t.x.event.ErrorType = string(events[i].Err.Code)
		}
	}
	return events
}

// writeEvents writes events in the caller's protocol. text is memory for them.
func (x *exchange) writeEvents(out *writer, enc codec.StreamEncoder, events []codec.Event, text []byte) ([]byte, error) {
	text = text[:0]
	for i := range events {
		e := &events[i]
		if e.Kind == codec.Failed {
			text = enc.Fail(text, e.Err, x.hop.Span.RequestID)
			break
		}
		var err error
		if text, err = enc.Encode(text, e); err != nil {
			x.note(llm.AsError(err))
			text = enc.Fail(text, llm.AsError(err), x.hop.Span.RequestID)
			break
		}
	}
	if len(text) == 0 {
		return text, nil
	}
	x.settleEarly(x.read.closed || x.read.failed)
	if err := out.write(text, true); err != nil {
		return text, err
	}
	x.firstByte()
	return text, nil
}

// collect makes a complete answer of a stream, for a caller who asked for no stream.
func (x *exchange) collect(a *answer, in *opening, dec codec.StreamDecoder) error {
	t := &translation{x: x, a: a, dec: dec}
	var c codec.Collector
	var events []codec.Event
	size := int64(0)
	for {
		batch, err := in.Read()
		size += int64(len(batch))
		switch {
		case err == nil && size > x.limits.Answer:
			err = &llm.Error{Code: llm.CodeUpstream, Message: fmt.Sprintf("provider %s sent an answer that is longer than %d bytes", x.llm.ProviderID, x.limits.Answer)}
		case err == nil:
			events, err = t.decode(events[:0], batch, in.in.Ends())
		default:
			events, err = t.close(events[:0], in.in.Rest(), err)
		}
		for i := range events {
			if failed := c.Add(&events[i]); failed != nil {
				x.refuse(llm.AsError(failed))
				return nil
			}
		}
		if err == io.EOF {
			if resp := c.Response(); resp != nil {
				return x.writeResponse(a, resp)
			}
			err = x.broken(io.ErrUnexpectedEOF)
		}
		if err != nil {
			x.refuse(llm.AsError(err))
			return nil
		}
	}
}

// streamError is the error that an event of an upstream's stream says, nil when it
// says none.
func streamError(l *lane, e sse.Event) *llm.Error {
	if !e.HasData || !json.Valid(e.Data) {
		return nil
	}
	c := codecs[l.op]
	if c == nil {
		return nil
	}
	events, err := c.NewStreamDecoder().Decode(nil, e.Name, e.Data)
	if err != nil {
		return nil
	}
	for i := range events {
		if events[i].Kind == codec.Failed {
			return events[i].Err
		}
	}
	return nil
}
