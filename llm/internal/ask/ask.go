// Package ask makes the small calls by which a provider finds something out for
// itself: which models there are, how many tokens a request has.
package ask

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Bounds of what an upstream can make a provider read and keep.
const (
	MaxBody   = 16 << 20
	MaxModels = 10_000
)

// JSON makes a call and reads the JSON that it is answered with. An answer other than
// 200 is an error, which decode reads.
func JSON(ctx context.Context, p llm.Provider, call *llm.Call, decode func(status int, h http.Header, body []byte) *llm.Error) (v gjson.Result, err error) {
	resp, err := p.Send(ctx, call)
	if err != nil {
		return v, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if closed := resp.Body.Close(); err == nil {
		err = closed
	}
	switch {
	case err != nil:
		return v, err
	case len(body) > MaxBody:
		return v, llm.Errorf(llm.CodeUpstream, "the upstream's answer is larger than %d MiB", MaxBody>>20)
	case resp.Status != http.StatusOK:
		return v, decode(resp.Status, resp.Header, body)
	case !gjson.ValidBytes(body):
		return v, llm.Errorf(llm.CodeUpstream, "the upstream's answer is not JSON")
	}
	return gjson.ParseBytes(body), nil
}

// Models appends the models of a page to list, those that model makes something of.
func Models(list []llm.Model, page []gjson.Result, model func(gjson.Result) llm.Model) ([]llm.Model, error) {
	for _, v := range page {
		m := model(v)
		if m.ID == "" {
			continue
		}
		if len(list) == MaxModels {
			return nil, llm.Errorf(llm.CodeUpstream, "list the models: the upstream has more than %d", MaxModels)
		}
		list = append(list, m)
	}
	return list, nil
}

// Tokens reads a count out of the answer to a counting call.
func Tokens(v gjson.Result, name string) (int64, error) {
	n := v.Get(name)
	if n.Type != gjson.Number || n.Int() < 0 {
		return 0, llm.Errorf(llm.CodeUpstream, "count the tokens: the upstream's answer has no %s", name)
	}
	return n.Int(), nil
}

// Unsupported is the error of a provider that cannot be asked for something.
func Unsupported(cfg llm.Config, what string) error {
	return &llm.Error{Code: llm.CodeUnsupported, Message: fmt.Sprintf("provider %s: the type %s cannot %s", cfg.ID, cfg.Type, what)}
}
