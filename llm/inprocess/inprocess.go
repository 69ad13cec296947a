// Package inprocess makes an [llm.Provider] of a model that runs in this process, or
// of any Go function that answers: it speaks every protocol that the gateway
// translates, streams included, through the neutral form of package codec.
//
//	p := inprocess.New(func(ctx context.Context, r *codec.Request, emit func(codec.Event) error) error {
//		return inprocess.Text(emit, r.Model, "Hello!", llm.Usage{Input: llm.Known(1), Output: llm.Known(2)})
//	})
//	gw, err := gateway.New(gateway.WithProvider("mine", p), …)
package inprocess

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/chat"
	"github.com/agent-gateway/agent-gateway/llm/codec/gemini"
	"github.com/agent-gateway/agent-gateway/llm/codec/messages"
	"github.com/agent-gateway/agent-gateway/llm/codec/responses"
)

// Generator answers a request with events, in the grammar that [codec.Event] states,
// from Begin to End. It hands each to emit as it comes, and ends when emit fails, with
// that error, or when ctx is done. An error of its own, best an [*llm.Error], ends the
// answer: before the first event as a refusal, later in the stream. It must be safe for
// concurrent use and must not change the request.
type Generator func(ctx context.Context, r *codec.Request, emit func(codec.Event) error) error

// Text emits a whole answer that is one text.
func Text(emit func(codec.Event) error, model, text string, u llm.Usage) error {
	for _, e := range codec.Events(&codec.Response{
		ID: codec.NewID(""), Model: model, Usage: u,
		Choices: []codec.Choice{{Parts: []codec.Part{{Kind: codec.Text, Text: text}}, Finish: codec.Finish{Reason: codec.ReasonStop}}},
	}) {
		if err := emit(e); err != nil {
			return err
		}
	}
	return nil
}

var codecs = map[llm.Operation]codec.Codec{
	llm.OpenAIChat: chat.Codec, llm.OpenAIResponses: responses.Codec, llm.AnthropicMessages: messages.Codec, llm.GeminiGenerate: gemini.Codec,
}

// Provider is an [llm.Provider]. It is safe for concurrent use, and needs no closing.
type Provider struct {
	generate Generator
	native   map[llm.Operation][]llm.Operation
}

var _ llm.Provider = (*Provider)(nil)

// New returns a provider that answers with g.
func New(g Generator) *Provider {
	p := &Provider{g, map[llm.Operation][]llm.Operation{}}
	for op := range codecs {
		p.native[op] = []llm.Operation{op}
	}
	return p
}

// Native implements [llm.Provider].
func (p *Provider) Native(op llm.Operation, _ string) []llm.Operation { return p.native[op] }

// maxBody bounds a request's body, beside the bound of whoever sends it.
const maxBody = 64 << 20

// Send implements [llm.Provider].
func (p *Provider) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	c := codecs[call.Operation]
	if c == nil {
		return nil, &llm.Error{Code: llm.CodeUnsupported, Final: true, Message: "this provider does not serve " + string(call.Operation)}
	}
	req, err := read(c, call)
	if err != nil {
		return refusal(call.Operation, llm.AsError(err)), nil
	}
	if !call.Stream {
		return p.whole(ctx, c, req)
	}
	return p.stream(ctx, c, req)
}

func read(c codec.Codec, call *llm.Call) (*codec.Request, error) {
	if call.Body == nil {
		return nil, llm.Errorf(llm.CodeInvalidRequest, "the request has no body")
	}
	body, err := call.Body.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return nil, err
	}
	if !gjson.ValidBytes(text) {
		return nil, llm.Errorf(llm.CodeInvalidRequest, "the request body is not valid JSON")
	}
	return c.DecodeRequest(text, call.Model, call.Stream)
}

func refusal(op llm.Operation, e *llm.Error) *llm.Response {
	return llm.JSONResponse(e.HTTPStatus(op.Protocol()), e.Body(op.Protocol(), ""))
}

// whole collects the events of an answer that is not streamed.
func (p *Provider) whole(ctx context.Context, c codec.Codec, req *codec.Request) (*llm.Response, error) {
	var all codec.Collector
	err := p.generate(ctx, req, func(e codec.Event) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return all.Add(&e)
	})
	if ctx.Err() != nil {
		return nil, &llm.Error{Code: llm.CodeCanceled, Final: true, Message: "the caller went away", Cause: ctx.Err()}
	}
	resp := all.Response()
	if err == nil && resp == nil {
		err = llm.Errorf(llm.CodeInternal, "the model's answer has no end")
	}
	if err != nil {
		return refusal(c.Operation(), llm.AsError(err)), nil
	}
	text, err := c.EncodeResponse(resp, req, nil)
	if err != nil {
		return refusal(c.Operation(), llm.AsError(err)), nil
	}
	return llm.JSONResponse(http.StatusOK, text), nil
}

// errLeft ends a generator whose answer nobody reads any more.
var errLeft = errors.New("the answer was closed")

// stream runs the generator beside the reader of its answer: until the answer has
// ended, its body is closed, or ctx is done.
func (p *Provider) stream(ctx context.Context, c codec.Codec, req *codec.Request) (*llm.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	r, w := io.Pipe()
	begun := make(chan error, 1) // the first event, or why there is none
	done := make(chan struct{})
	go func() {
		defer close(done)
		enc := c.NewStreamEncoder(req, nil)
		var text []byte
		first := true
		err := p.generate(ctx, req, func(e codec.Event) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if first {
				begun <- nil
				first = false
			}
			var err error
			if text, err = enc.Encode(text[:0], &e); err == nil && len(text) > 0 {
				_, err = w.Write(text)
			}
			return err
		})
		switch {
		case first:
			if err == nil {
				err = llm.Errorf(llm.CodeInternal, "the model's answer is empty")
			}
			begun <- err
		case err != nil && ctx.Err() == nil:
			_, _ = w.Write(enc.Fail(nil, llm.AsError(err), ""))
		}
		_ = w.CloseWithError(context.Cause(ctx)) // nil, unless it was cut off
	}()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	end := func() {
		cancel(errLeft)
		_ = r.Close()
		<-done
		stop()
	}
	if err := <-begun; err != nil {
		end()
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil, &llm.Error{Code: llm.CodeCanceled, Final: true, Message: "the caller went away", Cause: err}
		}
		return refusal(c.Operation(), llm.AsError(err)), nil
	}
	return &llm.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-cache"}},
		Body: &answer{r, end}, ContentLength: -1,
	}, nil
}

type answer struct {
	io.Reader
	end func()
}

// Close ends the generator and waits for it.
func (a *answer) Close() error {
	a.end()
	return nil
}
