package llmproxy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// counting is how tokens are counted for an operation.
type counting struct {
	op   llm.Operation
	path string
	// members are what of a request is taken; nil for all of it.
	members []string
}

// countings are by the operation whose requests are counted. OpenAI's chat has none.
var countings = map[llm.Operation]counting{
	llm.AnthropicMessages: {llm.AnthropicCountTokens, "/v1/messages/count_tokens",
		[]string{"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"}},
	llm.OpenAIResponses: {llm.OpenAIInputTokens, "/v1/responses/input_tokens",
		[]string{"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation"}},
	llm.GeminiGenerate: {llm.GeminiCountTokens, "", nil},
}

// countAsked is the operation whose requests an endpoint counts, "" for one that does
// not count.
func countAsked(op llm.Operation) llm.Operation {
	for generate, c := range countings {
		if c.op == op {
			return generate
		}
	}
	return ""
}

// countTranslated asks an upstream of another protocol to count; false when there is
// none that can, or it does not answer.
func (x *exchange) countTranslated() (int64, bool) {
	c := Candidate{Target: x.hop.Plan.Direct}
	if c.Target == nil {
		m, star := x.hop.Plan.find(x.req.model)
		if m == nil {
			return 0, false
		}
		c = m.candidate(0, star)
	}
	counter, ok := c.Provider.(llm.TokenCounter)
	if !ok {
		return 0, false
	}
	asked := countAsked(x.hop.Endpoint.Operation)
	native := c.Provider.Native(asked, c.model(x.req.model))
	i := slices.IndexFunc(native, func(op llm.Operation) bool { return countings[op].op != "" })
	if i < 0 || codecs[asked] == nil {
		return 0, false
	}
	call, err := x.countCall(c, asked, native[i])
	if err != nil {
		return 0, false
	}
	x.llm.ProviderID, x.llm.ProviderType, x.llm.Model = c.ProviderID, c.ProviderType, call.Model
	x.llm.CredentialID, x.llm.CredentialSource = call.Credential.ID, call.Credential.Source
	x.llm.Attempts++
	n, err := counter.CountTokens(x.r.Context(), call)
	if err != nil {
		x.log.DebugContext(x.r.Context(), "an upstream did not count tokens; they are estimated", "provider", c.ProviderID, "error", llm.AsError(err).Code)
		return 0, false
	}
	return n, true
}

// countCall is the upstream call that counts the caller's request.
func (x *exchange) countCall(c Candidate, asked, op llm.Operation) (*llm.Call, error) {
	body := x.req.buf.b
	if inner := gjson.GetBytes(body, "generateContentRequest"); asked == llm.GeminiGenerate && inner.IsObject() {
		body = []byte(inner.Raw)
	}
	if err := validJSON(body); err != nil {
		return nil, err
	}
	req, err := codecs[asked].DecodeRequest(body, x.req.model, false)
	if err != nil {
		return nil, err
	}
	t := c.codecTarget(c.model(x.req.model))
	if req, _, err = codec.Adapt(req, op, t.Caps, nil); err != nil {
		return nil, err
	}
	text, err := codecs[op].EncodeRequest(req, t, nil)
	if err != nil {
		return nil, err
	}
	how := countings[op]
	path := how.path
	if op == llm.GeminiGenerate {
		path = geminiPath("/v1beta", t.Model, "countTokens")
		text = []byte(`{"generateContentRequest":{"model":` + quote("models/"+strings.TrimPrefix(t.Model, "models/")) + "," + strings.TrimPrefix(string(text), "{") + "}")
	}
	return &llm.Call{
		Operation: how.op, Method: http.MethodPost, Path: path, Model: t.Model, Body: llm.BytesBody(only(text, how.members)),
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}, Credential: c.credentials(t.Model).First(x.now()),
	}, nil
}

// only keeps some members of an object; all of them without names.
func only(text []byte, names []string) []byte {
	if names == nil {
		return text
	}
	var w jsonwrite.Writer
	w.Object()
	gjson.ParseBytes(text).ForEach(func(name, v gjson.Result) bool {
		if slices.Contains(names, name.Str) {
			w.RawField(name.Str, v.Raw)
		}
		return true
	})
	w.End()
	return w.B
}
