package llmproxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/agent-gateway/agent-gateway/llm"
)

// relay gives the caller the upstream's answer. The error is for an answer that
// has begun and cannot be completed.
func (x *exchange) relay(a *answer) error {
	x.event.StatusCode = a.Status
	kind := a.kind()
	switch {
	case a.Status >= 300 && a.Status < 400 || a.Status < 200:
		x.refuse(&llm.Error{Code: llm.CodeUpstream, Message: fmt.Sprintf("provider %s answered %d, which the gateway does not follow", x.llm.ProviderID, a.Status)})
		return nil
	case a.lane.up != nil:
		return x.relayTranslated(a)
	case a.Status >= 400:
		return x.relayError(a.Response, kind)
	case kind == "text/html" && x.read.terminates(): // a proxy's page, which no model has written
		x.refuse(&llm.Error{Code: llm.CodeUpstream, Message: "provider " + x.llm.ProviderID + " sent a page in place of an answer"})
		return nil
	case kind == "text/event-stream":
		return x.relayStream(a)
	case x.hop.Endpoint.List && (x.hop.Caller.Models != nil || len(x.used.Off) > 0):
		return x.relayModels(a.Response)
	}
	return x.relayBody(a.Response, kind)
}

// refuse answers with an error of the gateway's in place of the upstream's answer.
func (x *exchange) refuse(e *llm.Error) {
	x.event.StatusCode = 0
	x.note(e)
	x.event.StatusCode = e.HTTPStatus(x.wire())
	WriteError(x.w, x.wire(), x.hop.Span.RequestID, e)
}

func (x *exchange) head(resp *llm.Response, length int64) {
	h := x.w.Header()
	copyHeaders(h, resp.Header, x.hop.Span.RequestID, len(x.hop.Limits) > 0 || x.hop.Protocol == "cc")
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // or net/http would guess one
	}
	if length >= 0 {
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	x.w.WriteHeader(resp.Status)
}

// pieces are the buffers that answers stream through.
var pieces = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// relayBody relays an answer that is not a stream of events. Where its length is
// not announced, each piece is flushed as it comes: it may be audio.
func (x *exchange) relayBody(resp *llm.Response, kind string) error {
	x.head(resp, resp.ContentLength)
	encoded := resp.Header["Content-Encoding"] != nil
	isJSON := kind == "application/json" && !encoded
	piece := pieces.Get().(*[]byte)
	defer pieces.Put(piece)
	out := x.writer()
	defer out.close()
	for {
		n, err := resp.Body.Read(*piece)
		if n > 0 {
			if isJSON {
				_, _ = x.read.tap.Write((*piece)[:n])
				x.read.half(n)
			}
			if werr := out.write((*piece)[:n], resp.ContentLength < 0); werr != nil {
				return gone(werr)
			}
			x.firstByte()
		}
		if err == io.EOF && isJSON && x.read.terminates() && !x.read.tap.Complete() {
			err = io.ErrUnexpectedEOF // HTTP was told that it is whole, but it is half a text
		}
		if err == io.EOF {
			if isJSON {
				x.read.body()
			}
			return nil
		}
		if err != nil {
			return x.broken(err)
		}
	}
}

// broken is the error of an answer that broke off.
func (x *exchange) broken(err error) error {
	if x.r.Context().Err() != nil {
		return gone(err)
	}
	if e := llm.AsError(err); e.Code != llm.CodeInternal {
		return e
	}
	return &llm.Error{Code: llm.CodeUpstream, Message: "provider " + x.llm.ProviderID + " broke off in the middle of its answer", Cause: err}
}

// head200 sends the head of an answer that is the gateway's own.
func (x *exchange) head200() {
	x.event.StatusCode = http.StatusOK
	x.w.WriteHeader(http.StatusOK)
}

// gone is the error of a caller that went away.
func gone(err error) error {
	return &llm.Error{Code: llm.CodeCanceled, Message: "the caller went away", Cause: err}
}

// firstByte notes when the first byte of the answer was handed on.
func (x *exchange) firstByte() {
	if x.llm.TimeToFirstByte == 0 {
		x.llm.TimeToFirstByte = x.now().Sub(x.hop.Started)
	}
}

// relayError relays an upstream's error as it is when it is JSON. Anything else,
// a proxy's page for instance, becomes an error of the caller's protocol.
func (x *exchange) relayError(resp *llm.Response, kind string) error {
	code := llm.CodeOf(resp.Status)
	x.event.ErrorType = string(code)
	body, err := io.ReadAll(io.LimitReader(resp.Body, x.limits.ErrorBody+1))
	if err != nil && x.r.Context().Err() != nil {
		return gone(err)
	}
	if err == nil && int64(len(body)) <= x.limits.ErrorBody && strings.HasSuffix(kind, "json") && isObject(body) && !x.echoesKey(resp.Header, body) {
		status := resp.Status
		resp.Status = (&llm.Error{Status: status}).HTTPStatus(x.wire())
		x.event.StatusCode = resp.Status
		x.head(resp, int64(len(body)))
		_, _ = x.w.Write(body)
		return nil
	}
	copyRetryHeaders(x.w.Header(), resp.Header)
	x.refuse(&llm.Error{Code: code, Status: resp.Status, Message: fmt.Sprintf("provider %s answered %d %s without an error that could be relayed",
		x.llm.ProviderID, resp.Status, http.StatusText(resp.Status))})
	return nil
}

// echoesKey says whether an upstream that complains of a request shows what it
// was authenticated with.
func (x *exchange) echoesKey(h http.Header, body []byte) bool {
	if x.key == "" {
		return false
	}
	for _, list := range h {
		if slices.ContainsFunc(list, func(v string) bool { return strings.Contains(v, x.key) }) {
			return true
		}
	}
	return bytes.Contains(body, []byte(x.key))
}

func isObject(b []byte) bool {
	b = bytes.TrimSpace(b)
	return len(b) > 0 && b[0] == '{' && json.Valid(b)
}

func copyRetryHeaders(out, in http.Header) {
	for _, name := range []string{"Retry-After", "Retry-After-Ms", "X-Should-Retry"} {
		if v := in[name]; v != nil && out[name] == nil {
			out[name] = v
		}
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return `""`
	}
	return string(b)
}
