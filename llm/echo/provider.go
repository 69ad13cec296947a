package echo

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Provider answers calls with what they say. It is safe for concurrent use and
// holds nothing that must be closed.
type Provider struct {
	id     string
	now    func() time.Time
	prefix string // tells the ids of two providers apart
	ids    atomic.Int64
}

var (
	_ llm.Provider     = (*Provider)(nil)
	_ llm.ModelLister  = (*Provider)(nil)
	_ llm.TokenCounter = (*Provider)(nil)
)

// New returns a Provider. Of cfg only the ID is used, in errors. The error is
// always nil; it is there for [llm.Factory].
func New(cfg llm.Config) (*Provider, error) {
	return &Provider{
		id:     cfg.ID,
		now:    time.Now,
		prefix: strings.ToLower(rand.Text()[:10]),
	}, nil
}

// handler answers one operation, given the request's body.
type handler func(p *Provider, call *llm.Call, body []byte) (*answer, error)

// answer is what a handler makes of a request: a JSON document, or a stream.
type answer struct {
	document any
	stream   []segment // set instead of document when a stream was asked for
	delay    time.Duration
}

func handlerOf(op llm.Operation) handler {
	switch op {
	case llm.OpenAIChat:
		return (*Provider).chat
	case llm.OpenAICompletions:
		return (*Provider).completions
	case llm.OpenAIResponses:
		return (*Provider).responses
	case llm.OpenAIEmbeddings:
		return (*Provider).embeddings
	case llm.OpenAIModerations:
		return (*Provider).moderations
	case llm.AnthropicMessages:
		return (*Provider).messages
	case llm.OpenAIInputTokens, llm.AnthropicCountTokens:
		return (*Provider).countTokens
	case llm.OpenAIModels, llm.AnthropicModels:
		return (*Provider).models
	}
	return nil
}

// Native returns op itself when echo can answer it, whatever the model. Gemini's
// protocol it does not speak: chat stands in.
func (p *Provider) Native(op llm.Operation, _ string) []llm.Operation {
	switch {
	case handlerOf(op) != nil:
		return []llm.Operation{op}
	case op.Generates():
		return []llm.Operation{llm.OpenAIChat}
	}
	return nil
}

// Send answers call. A request that is at fault is answered as an upstream
// would, with an error response in the protocol's form. Errors are a final
// [*llm.Error] for an operation that is not served, a body that cannot be read,
// and ctx's own.
func (p *Provider) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	handle := handlerOf(call.Operation)
	if handle == nil {
		return nil, p.unsupported(call.Operation)
	}
	a, err := p.answer(handle, call)
	if err != nil {
		var refusal *llm.Error
		if errors.As(err, &refusal) {
			return refuse(call.Operation.Protocol(), refusal), nil
		}
		return nil, err
	}
	if a.stream != nil {
		return newStream(ctx, a.stream, a.delay), nil
	}
	if err := wait(ctx, nil, a.delay); err != nil {
		return nil, err
	}
	return llm.JSONResponse(200, encode(a.document)), nil
}

func (p *Provider) answer(handle handler, call *llm.Call) (*answer, error) {
	var body []byte
	if call.Operation != llm.OpenAIModels && call.Operation != llm.AnthropicModels {
		var err error
		if body, err = read(call.Body); err != nil {
			return nil, err
		}
	}
	return handle(p, call, body)
}

func (p *Provider) unsupported(op llm.Operation) *llm.Error {
	e := llm.Errorf(llm.CodeUnsupported, "provider %q is of type echo, which does not serve %s; use a provider of another type", p.id, op)
	e.Final = true
	return e
}

// refuse is e as an upstream's error response. A status that e carries is kept
// as it is, where a gateway would translate it.
func refuse(protocol string, e *llm.Error) *llm.Response {
	status := e.Status
	if status == 0 {
		status = e.HTTPStatus(protocol)
	}
	return llm.JSONResponse(status, e.Body(protocol, ""))
}

// newID returns an id that no other of this process has.
func (p *Provider) newID(kind string) string {
	return kind + p.prefix + strconv.FormatInt(p.ids.Add(1), 10)
}

// model is the name that an answer carries.
func model(call *llm.Call, inBody string) string {
	switch {
	case call.Model != "":
		return call.Model
	case inBody != "":
		return inBody
	}
	return "echo"
}
