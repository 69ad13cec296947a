package chat

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// reader reads one request.
type reader struct {
	r *codec.Request
	// maxTokens is the older name of the bound, and counts when the newer is absent.
	maxTokens *int64
	web       *codec.Tool
	functions []codec.Tool
	// calls are the tool calls of the messages so far, by id, and pending the ids
	// of those in the form that has none.
	calls   map[string]*codec.ToolCall
	pending []*codec.ToolCall
}

// DecodeRequest reads a chat completion's request.
func (chat) DecodeRequest(body []byte, model string, stream bool) (*codec.Request, error) {
	v := gjson.ParseBytes(body)
	if !v.IsObject() {
		return nil, codec.Invalid("body", "it must be a JSON object")
	}
	d := reader{r: &codec.Request{From: op}, calls: map[string]*codec.ToolCall{}}
	var err error
	codec.Each(v, func(name, value gjson.Result) bool {
		if read, ok := fields[name.Str]; !ok {
			d.r.Extra = keep(d.r.Extra, name.Str, value)
		} else if set(value) {
			err = read(&d, value)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	if len(d.r.Messages) == 0 {
		return nil, codec.Invalid("messages", "it must be a list of at least one message")
	}
	if d.r.MaxTokens == nil {
		d.r.MaxTokens = d.maxTokens
	}
	d.r.Tools = append(d.r.Tools, d.functions...)
	if len(d.functions) > 0 && d.r.ParallelToolCalls == nil {
		one := false // the older form has a place for one call
		d.r.ParallelToolCalls = &one
	}
	if d.web != nil {
		d.r.Tools = append(d.r.Tools, *d.web)
	}
	if model != "" {
		d.r.Model = model
	}
	d.r.Stream = d.r.Stream || stream
	return d.r, nil
}

type fieldReader func(*reader, gjson.Result) error

func stringField(name string, p func(*codec.Request) *string) fieldReader {
	return func(d *reader, v gjson.Result) (err error) { *p(d.r), err = codec.String(v, name); return }
}

func intField(name string, p func(*codec.Request) **int64) fieldReader {
	return func(d *reader, v gjson.Result) (err error) { *p(d.r), err = codec.Int(v, name); return }
}

func boolField(name string, p func(*codec.Request) **bool) fieldReader {
	return func(d *reader, v gjson.Result) (err error) { *p(d.r), err = codec.Bool(v, name); return }
}

func numberField(name string, p func(*codec.Request) *json.Number) fieldReader {
	return func(d *reader, v gjson.Result) (err error) { *p(d.r), err = codec.Number(v, name); return }
}

func objectField(name string, p func(*codec.Request) *json.RawMessage) fieldReader {
	return func(d *reader, v gjson.Result) (err error) { *p(d.r), err = codec.Object(v, name); return }
}

type req = codec.Request

// fields are the members of a request that have a place in the neutral form.
var fields = map[string]fieldReader{
	"model":                  stringField("model", func(r *req) *string { return &r.Model }),
	"temperature":            numberField("temperature", func(r *req) *json.Number { return &r.Temperature }),
	"top_p":                  numberField("top_p", func(r *req) *json.Number { return &r.TopP }),
	"presence_penalty":       numberField("presence_penalty", func(r *req) *json.Number { return &r.PresencePenalty }),
	"frequency_penalty":      numberField("frequency_penalty", func(r *req) *json.Number { return &r.FrequencyPenalty }),
	"max_completion_tokens":  intField("max_completion_tokens", func(r *req) **int64 { return &r.MaxTokens }),
	"top_k":                  intField("top_k", func(r *req) **int64 { return &r.TopK }),
	"n":                      intField("n", func(r *req) **int64 { return &r.N }),
	"seed":                   intField("seed", func(r *req) **int64 { return &r.Seed }),
	"top_logprobs":           intField("top_logprobs", func(r *req) **int64 { return &r.TopLogprobs }),
	"logprobs":               boolField("logprobs", func(r *req) **bool { return &r.Logprobs }),
	"parallel_tool_calls":    boolField("parallel_tool_calls", func(r *req) **bool { return &r.ParallelToolCalls }),
	"store":                  boolField("store", func(r *req) **bool { return &r.Store }),
	"logit_bias":             objectField("logit_bias", func(r *req) *json.RawMessage { return &r.LogitBias }),
	"metadata":               objectField("metadata", func(r *req) *json.RawMessage { return &r.Metadata }),
	"reasoning_effort":       stringField("reasoning_effort", func(r *req) *string { return &r.Reasoning.Effort }),
	"verbosity":              stringField("verbosity", func(r *req) *string { return &r.Verbosity }),
	"service_tier":           stringField("service_tier", func(r *req) *string { return &r.ServiceTier }),
	"user":                   stringField("user", func(r *req) *string { return &r.User }),
	"prompt_cache_key":       stringField("prompt_cache_key", func(r *req) *string { return &r.PromptCacheKey }),
	"prompt_cache_retention": stringField("prompt_cache_retention", func(r *req) *string { return &r.PromptCacheRetention }),

	"max_tokens":  func(d *reader, v gjson.Result) (err error) { d.maxTokens, err = codec.Int(v, "max_tokens"); return },
	"stop":        func(d *reader, v gjson.Result) (err error) { d.r.Stop, err = codec.Strings(v, "stop"); return },
	"messages":    (*reader).messages,
	"tools":       (*reader).tools,
	"tool_choice": (*reader).toolChoice,
	"functions":   (*reader).legacyFunctions,
	// The choice of a tool in the older form; the newer one counts when both are there.
	"function_call":      (*reader).functionCall,
	"web_search_options": (*reader).webSearch,
	"response_format":    (*reader).format,
	"stream":             (*reader).stream,
	"stream_options":     (*reader).streamOptions,
}

func (d *reader) stream(v gjson.Result) error {
	b, err := codec.Bool(v, "stream")
	d.r.Stream = b != nil && *b
	return err
}

func (d *reader) streamOptions(v gjson.Result) error {
	if err := object(v, "stream_options"); err != nil {
		return err
	}
	b, err := codec.Bool(v.Get("include_usage"), "stream_options.include_usage")
	d.r.IncludeUsage = b != nil && *b
	d.r.Extra = keepRest(d.r.Extra, "stream_options", v, "include_usage")
	return err
}

func (d *reader) format(v gjson.Result) error {
	if err := object(v, "response_format"); err != nil {
		return err
	}
	kind, err := text(v.Get("type"), "response_format.type")
	if err != nil {
		return err
	}
	switch f := codec.FormatType(kind); f {
	case codec.FormatText, codec.FormatJSON:
		d.r.Format = &codec.Format{Type: f}
		d.r.Extra = keepRest(d.r.Extra, "response_format", v, "type")
	case codec.FormatSchema:
		s := v.Get("json_schema")
		if err := object(s, "response_format.json_schema"); err != nil {
			return err
		}
		const p = "response_format.json_schema"
		name, err1 := codec.String(s.Get("name"), p+".name")
		description, err2 := codec.String(s.Get("description"), p+".description")
		schema, err3 := codec.Object(s.Get("schema"), p+".schema")
		strict, err4 := codec.Bool(s.Get("strict"), p+".strict")
		d.r.Format = &codec.Format{Type: f, Name: name, Description: description, Schema: schema, Strict: strict}
		d.r.Extra = keepRest(d.r.Extra, "response_format", v, "type", "json_schema")
		d.r.Extra = keepRest(d.r.Extra, p, s, "name", "description", "schema", "strict")
		return first(err1, err2, err3, err4)
	default:
		d.r.Extra = keep(d.r.Extra, "response_format", v)
	}
	return nil
}
