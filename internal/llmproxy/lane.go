package llmproxy

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/chat"
	"github.com/agent-gateway/agent-gateway/llm/codec/gemini"
	"github.com/agent-gateway/agent-gateway/llm/codec/messages"
	"github.com/agent-gateway/agent-gateway/llm/codec/responses"
)

// lane is how one attempt speaks to its upstream: in the caller's own protocol, whose
// bytes are relayed, or in another, through the codecs of both.
type lane struct {
	op       llm.Operation // the upstream's
	up, down codec.Codec   // down is the caller's; both nil where bytes are relayed
	adapted  *codec.Adaptation
	injected bool     // usage was asked for on behalf of the gateway
	dropped  []string // of the request
}

// codecs are the protocols that are translated.
var codecs = map[llm.Operation]codec.Codec{
	llm.OpenAIChat:        chat.Codec,
	llm.OpenAIResponses:   responses.Codec,
	llm.AnthropicMessages: messages.Codec,
	llm.GeminiGenerate:    gemini.Codec,
}

// model is the name that the upstream is asked for.
func (c *Candidate) model(asked string) string {
	switch {
	case c.Upstream != "":
		return c.Upstream
	case asked != "":
		return asked
	}
	return c.DefaultModel
}

// codecTarget is a model of the candidate's, as a codec writes for it.
func (c *Candidate) codecTarget(model string) codec.Target {
	t := codec.Target{Model: model}
	if c.Model != nil {
		t.Caps = c.Model(model).Caps
	}
	return t
}

// laneOf is how the candidate can serve the call.
func (x *exchange) laneOf(c Candidate) (*lane, error) {
	op := x.hop.Endpoint.Operation
	native := c.Provider.Native(op, c.model(x.req.model))
	if slices.Contains(native, op) {
		return &lane{op: op}, nil
	}
	if x.hop.Endpoint.translates() {
		for _, other := range native {
			if up := codecs[other]; up != nil {
				return &lane{op: other, up: up, down: codecs[op]}, nil
			}
		}
	}
	return nil, &llm.Error{Code: llm.CodeUnsupported, NoRetry: true,
		Message: "provider " + c.ProviderID + " of type " + c.ProviderType + " does not serve " + string(op)}
}

// prepare makes the upstream call of one attempt.
func (x *exchange) prepare(c Candidate) (*llm.Call, *lane, error) {
	l, err := x.laneOf(c)
	if err != nil {
		return nil, nil, err
	}
	x.lost = codec.Losses{} // those of an attempt before this one do not count
	call := &llm.Call{Operation: l.op, Method: x.r.Method, Stream: x.req.stream, Model: c.model(x.req.model)}
	if l.up != nil {
		return call, l, x.translate(c, l, call)
	}
	call.Path, call.Query, call.Header = x.hop.Path, upstreamQuery(x.r, x.wire()), upstreamHeader(x.r.Header)
	if x.hop.Caller.Models != nil {
		delete(call.Query, "model") // the one that was checked is in the body or the path
	}
	if x.hop.Endpoint.Model == InPath {
		call.Path = withModel(x.hop.Path, call.Model)
		if x.req.stream && call.Query.Get("alt") != "sse" {
			call.Query = cloneQuery(call.Query)
			call.Query.Set("alt", "sse") // events can be told apart and read
		}
	}
	if call.Body, err = x.moved(c, l, call.Model); err != nil || call.Body != nil {
		return call, l, err
	}
	if x.req.parsed && x.hop.Endpoint.Model == InPath && call.Model != x.req.model && innerModels[l.op] != nil {
		call.Body = llm.BytesBody(renameInner(l.op, x.req.buf.b, call.Model))
		return call, l, nil
	}
	call.Body = x.relayedBody(c, l)
	return call, l, nil
}

// relayedBody is the caller's body with what the upstream must be told: the model's
// name, where that is another, and the wish for a stream's usage. What is inserted
// stands at the end, so that all other bytes keep their order.
func (x *exchange) relayedBody(c Candidate, l *lane) llm.Body {
	if !x.req.parsed || x.hop.Endpoint.Unchecked {
		return x.req.body
	}
	ep, buf, members := x.hop.Endpoint, x.req.buf, x.req.buf.members
	own := func() { // the first change of a body that others will need is made to a copy
		if x.logical != nil && buf == x.req.buf {
			buf, members = buf.clone(), append(buf.members[:0:0], members...)
			x.req.copies = append(x.req.copies, buf)
		}
	}
	if want := c.model(x.req.model); want != x.req.bodyModel && want != "" && ep.Model == InBody {
		own()
		members = buf.set(members, "model", quote(want))
		if x.logical == nil {
			x.req.bodyModel = want
		}
	}
	l.injected = x.req.asked
	if x.req.stream && !x.req.asked {
		if u, ok := c.Provider.(StreamUser); ok && u.StreamUsage(l.op) {
			if wish, ok := usageWish(buf.b, members); ok {
				own()
				members = buf.set(members, "stream_options", wish)
				l.injected, x.req.asked = true, x.logical == nil
			}
		}
	}
	buf.members = members
	return buf
}

// usageWish is the value of stream_options that asks for a stream's usage; false when
// the request asks for it itself. Options that are no object are left for the upstream
// to refuse.
func usageWish(text []byte, members jsonscan.Members) (string, bool) {
	const wish = `{"include_usage":true}`
	v := members.Value(text, "stream_options")
	if v == nil || string(v) == "null" {
		return wish, true
	}
	inner, err := jsonscan.Object(v, nil, []string{"include_usage"})
	if err != nil {
		return "", false
	}
	options := buffer{b: slices.Clone(v)}
	switch string(inner.Value(v, "include_usage")) {
	case "", "false", "null":
		options.set(inner, "include_usage", "true")
		return string(options.b), true
	}
	return "", false
}

// withModel puts the upstream's name for the model into a path of Gemini's.
func withModel(path, model string) string {
	version, rest, _ := strings.Cut(path, "/models/")
	_, action, _ := strings.Cut(rest, ":")
	return geminiPath(version, model, action)
}

// geminiPath is where Gemini's protocol has an action of a model.
func geminiPath(version, model, action string) string {
	return version + "/models/" + url.PathEscape(strings.TrimPrefix(model, "models/")) + ":" + action
}

func cloneQuery(q url.Values) url.Values {
	c := url.Values{}
	for k, v := range q {
		c[k] = v
	}
	return c
}

// translate writes the call in the upstream's protocol.
func (x *exchange) translate(c Candidate, l *lane, call *llm.Call) error {
	if err := x.decode(l); err != nil {
		return err
	}
	t := c.codecTarget(call.Model)
	t.Size = len(x.req.buf.b)
	req, adapted, err := codec.Adapt(x.neutral, l.op, t.Caps, &x.lost)
	if err != nil {
		return inWordsOf(l.down, err)
	}
	body, err := l.up.EncodeRequest(req, t, &x.lost)
	if err != nil {
		return inWordsOf(l.down, err)
	}
	l.adapted, l.dropped = adapted, slices.Clone(x.lost.Fields())
	call.Method, call.Body = http.MethodPost, llm.BytesBody(body)
	call.Path, call.Query = upstreamPath(l.op, call.Model, x.req.stream)
	call.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	if x.req.stream {
		call.Header["Accept"] = []string{"text/event-stream"}
	}
	if ua := x.r.Header["User-Agent"]; ua != nil {
		call.Header["User-Agent"] = ua
	} else {
		call.Header["User-Agent"] = []string{""}
	}
	return nil
}

// decode reads the caller's request, once for all attempts.
func (x *exchange) decode(l *lane) (err error) {
	if x.neutral != nil {
		return nil
	}
	if err := validJSON(x.req.buf.b); err != nil {
		return err
	}
	if !x.reserve(decodedSize(len(x.req.buf.b))) {
		return overloaded()
	}
	x.neutral, err = l.down.DecodeRequest(x.req.buf.b, x.req.model, x.req.stream)
	return err
}

// decodedSize is about how much memory a body takes that is decoded: small parts take
// much more than their text, and only a long body can have so many that it matters.
func decodedSize(n int) int64 {
	if n < 1<<20 {
		return 4 * int64(n)
	}
	return 32 * int64(n)
}

// upstreamPath is where an operation is asked for.
func upstreamPath(op llm.Operation, model string, stream bool) (string, url.Values) {
	switch op {
	case llm.OpenAIChat:
		return "/v1/chat/completions", nil
	case llm.OpenAIResponses:
		return "/v1/responses", nil
	case llm.AnthropicMessages:
		return "/v1/messages", nil
	}
	if stream {
		return geminiPath("/v1beta", model, "streamGenerateContent"), url.Values{"alt": {"sse"}}
	}
	return geminiPath("/v1beta", model, "generateContent"), nil
}

// inWordsOf says an error about a neutral field in the words of the caller's protocol.
func inWordsOf(down codec.Codec, err error) error {
	e := new(llm.Error)
	if !errors.As(err, &e) || e.Param == "" {
		return err
	}
	own := *e
	own.Param = down.FieldName(e.Param)
	if rest, ok := strings.CutPrefix(e.Message, e.Param+":"); ok {
		own.Message = own.Param + ":" + rest
	}
	return &own
}
