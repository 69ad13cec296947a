package openai

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/internal/shape"
)

// Bounds of an answer that is collected.
const (
	maxEvent  = 8 << 20
	maxStream = 32 << 20 // of the events that are kept
)

// collect makes of a stream of Responses the answer that a caller wants who asked for
// no stream: the response of its last event. It closes resp.
func (p *Provider) collect(ctx context.Context, resp *llm.Response) (*llm.Response, error) {
	defer func() { _ = resp.Body.Close() }()
	var (
		r     = sse.NewReader(resp.Body, make([]byte, 64<<10), maxEvent)
		items [][]byte // the finished ones
		size  int
	)
	for {
		text, err := r.Read()
		for len(text) > 0 {
			n := sse.Next(text)
			if n == 0 {
				break
			}
			data := sse.Parse(text[:n]).Data
			text = text[n:]
			switch gjson.GetBytes(data, "type").Str {
			case "response.output_item.done":
				item := gjson.GetBytes(data, "item").Raw
				if size += len(item); size > maxStream {
					return nil, p.noAnswer("it is larger than "+strconv.Itoa(maxStream>>20)+" MiB", nil)
				}
				items = append(items, []byte(item))
			case "response.completed", "response.incomplete":
				response := gjson.GetBytes(data, "response")
				if !response.IsObject() {
					return nil, p.noAnswer("its stream ended without a response", nil)
				}
				return complete(resp, []byte(response.Raw), items), nil
			case "response.failed":
				return refusal(gjson.GetBytes(data, "response.error")), nil
			case "error":
				if e := gjson.GetBytes(data, "error"); e.IsObject() {
					return refusal(e), nil
				}
				return refusal(gjson.ParseBytes(data)), nil
			}
		}
		var known *llm.Error
		switch {
		case err != nil && ctx.Err() != nil: // which says nothing of the upstream
			return nil, &llm.Error{Code: llm.CodeCanceled, Message: "the caller went away", Final: true, Cause: context.Cause(ctx)}
		case errors.As(err, &known):
			return nil, known
		case errors.Is(err, io.EOF):
			return nil, p.noAnswer("its stream ended without a response", nil)
		case err != nil:
			return nil, p.noAnswer("its stream broke off", err)
		}
	}
}

func (p *Provider) noAnswer(why string, cause error) *llm.Error {
	return &llm.Error{Code: llm.CodeUpstream, Message: "provider " + p.cfg.ID + " gave no answer: " + why, Cause: cause}
}

// complete is the answer. The backend leaves the output of the last event empty when
// it has streamed the items before.
func complete(resp *llm.Response, response []byte, items [][]byte) *llm.Response {
	if len(gjson.GetBytes(response, "output").Array()) == 0 && len(items) > 0 {
		response = shape.Set(response, shape.Member{Name: "output", Value: "[" + string(bytes.Join(items, []byte(","))) + "]"})
	}
	out := llm.JSONResponse(resp.Status, response)
	h := maps.Clone(resp.Header)
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		return slices.Contains([]string{"Content-Length", "Transfer-Encoding", "Cache-Control"}, name)
	})
	maps.Copy(h, out.Header)
	out.Header = h
	return out
}

// refusals are the codes of errors in a stream, by the status that an answer without
// one has.
var refusals = map[string]llm.Code{
	"rate_limit_exceeded":     llm.CodeRateLimited,
	"insufficient_quota":      llm.CodeBilling,
	"usage_limit_reached":     llm.CodeRateLimited,
	"context_length_exceeded": llm.CodeContextLength,
	"invalid_prompt":          llm.CodeInvalidRequest,
	"server_is_overloaded":    llm.CodeOverloaded,
	"slow_down":               llm.CodeOverloaded,
}

// refusal is the error response that a stream's error would have been.
func refusal(v gjson.Result) *llm.Response {
	code, ok := refusals[v.Get("code").String()]
	if !ok {
		code = llm.CodeInternal
	}
	e := llm.Errorf(code, "%s", v.Get("message").String())
	if e.Message == "" {
		e.Message = "the upstream failed and said no more"
	}
	return llm.JSONResponse(e.HTTPStatus("openai"), e.Body("openai", ""))
}
