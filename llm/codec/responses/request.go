package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// DecodeRequest implements [codec.Codec].
func (protocol) DecodeRequest(body []byte, model string, stream bool) (*codec.Request, error) {
	doc := gjson.ParseBytes(body)
	if !doc.IsObject() {
		return nil, codec.Invalid("body", "it must be a JSON object")
	}
	r := &codec.Request{From: op}
	var input, safety gjson.Result
	var err error
	codec.Each(doc, func(key, v gjson.Result) bool {
		name := key.Str
		switch read := members[name]; {
		case read != nil:
			err = read(r, v, name)
		case name == "input":
			input = v
		case name == "safety_identifier":
			safety = v
		case strings.HasPrefix(name, "text."), strings.HasPrefix(name, "reasoning."):
			err = codec.Invalid(name, "it belongs inside of the object before the dot")
		case v.Type != gjson.Null:
			r.Extra = append(r.Extra, codec.Field{Name: name, Value: json.RawMessage(v.Raw)})
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	if err := readUser(r, safety); err != nil {
		return nil, err
	}
	in := inputReader{r: r, names: map[string]string{}}
	if err := in.read(input); err != nil {
		return nil, err
	}
	if model != "" {
		r.Model = model
	}
	r.Stream = r.Stream || stream
	return r, nil
}

// readUser reads safety_identifier, which has replaced user: where both are given,
// they are two things.
func readUser(r *codec.Request, safety gjson.Result) error {
	id, err := codec.String(safety, "safety_identifier")
	switch {
	case err != nil:
		return err
	case id == "":
	case r.User == "":
		r.User = id
	default:
		r.Extra = append(r.Extra, codec.Field{Name: "safety_identifier", Value: json.RawMessage(safety.Raw)})
	}
	return nil
}

// A member reads one member of the request at the top.
type member func(r *codec.Request, v gjson.Result, name string) error

var members = map[string]member{
	"model":                  text(func(r *codec.Request) *string { return &r.Model }),
	"user":                   text(func(r *codec.Request) *string { return &r.User }),
	"service_tier":           text(func(r *codec.Request) *string { return &r.ServiceTier }),
	"prompt_cache_key":       text(func(r *codec.Request) *string { return &r.PromptCacheKey }),
	"prompt_cache_retention": text(func(r *codec.Request) *string { return &r.PromptCacheRetention }),
	"previous_response_id":   text(func(r *codec.Request) *string { return &r.PreviousResponseID }),
	"truncation":             text(func(r *codec.Request) *string { return &r.Truncation }),
	"max_output_tokens":      whole(func(r *codec.Request) **int64 { return &r.MaxTokens }),
	"top_logprobs":           whole(func(r *codec.Request) **int64 { return &r.TopLogprobs }),
	"temperature":            number(func(r *codec.Request) *json.Number { return &r.Temperature }),
	"top_p":                  number(func(r *codec.Request) *json.Number { return &r.TopP }),
	"parallel_tool_calls":    yesNo(func(r *codec.Request) **bool { return &r.ParallelToolCalls }),
	"store":                  yesNo(func(r *codec.Request) **bool { return &r.Store }),
	"background":             yesNo(func(r *codec.Request) **bool { return &r.Background }),
	"stream":                 readStream,
	"instructions":           readInstructions,
	"metadata":               readMetadata,
	"conversation":           readConversation,
	"include":                readInclude,
	"text":                   readText,
	"reasoning":              readReasoning,
	"tools":                  readTools,
	"tool_choice":            readToolChoice,
}

func text(at func(*codec.Request) *string) member {
	return func(r *codec.Request, v gjson.Result, name string) (err error) {
		*at(r), err = codec.String(v, name)
		return err
	}
}

func whole(at func(*codec.Request) **int64) member {
	return func(r *codec.Request, v gjson.Result, name string) (err error) {
		*at(r), err = codec.Int(v, name)
		return err
	}
}

func number(at func(*codec.Request) *json.Number) member {
	return func(r *codec.Request, v gjson.Result, name string) (err error) {
		*at(r), err = codec.Number(v, name)
		return err
	}
}

func yesNo(at func(*codec.Request) **bool) member {
	return func(r *codec.Request, v gjson.Result, name string) (err error) {
		*at(r), err = codec.Bool(v, name)
		return err
	}
}

func readStream(r *codec.Request, v gjson.Result, name string) error {
	b, err := codec.Bool(v, name)
	r.Stream = b != nil && *b
	return err
}

func readInstructions(r *codec.Request, v gjson.Result, name string) error {
	s, err := codec.String(v, name)
	r.System = nil
	if s != "" {
		r.System = []codec.Part{{Kind: codec.Text, Text: s}}
	}
	return err
}

func readMetadata(r *codec.Request, v gjson.Result, name string) (err error) {
	r.Metadata, err = codec.Object(v, name)
	return err
}

func readConversation(r *codec.Request, v gjson.Result, name string) error {
	r.Conversation = nil
	switch {
	case v.Type == gjson.Null:
	case v.Type == gjson.String, v.IsObject():
		r.Conversation = json.RawMessage(v.Raw)
	default:
		return codec.Invalid(name, "it must be an id or an object")
	}
	return nil
}

func readInclude(r *codec.Request, v gjson.Result, name string) (err error) {
	r.Include, err = codec.Strings(v, name)
	return err
}

func readText(r *codec.Request, v gjson.Result, name string) error {
	r.Format, r.Verbosity = nil, ""
	r.Extra = withoutPrefix(r.Extra, "text.")
	return eachMember(v, name, func(key string, v gjson.Result) (err error) {
		switch at := name + "." + key; key {
		case "format":
			r.Format, err = readFormat(v, at)
		case "verbosity":
			r.Verbosity, err = codec.String(v, at)
		default:
			r.Extra = appendExtra(r.Extra, at, v)
		}
		return err
	})
}

func readFormat(v gjson.Result, at string) (*codec.Format, error) {
	if v.Type == gjson.Null {
		return nil, nil
	}
	if !v.IsObject() {
		return nil, codec.Invalid(at, "it must be an object")
	}
	switch kind := v.Get("type").Str; codec.FormatType(kind) {
	case codec.FormatText:
		return nil, nil
	case codec.FormatJSON:
		return &codec.Format{Type: codec.FormatJSON}, nil
	case codec.FormatSchema:
	default:
		return nil, codec.Invalid(at+".type", "it must be text, json_object or json_schema")
	}
	f := &codec.Format{Type: codec.FormatSchema}
	var err error
	if f.Name, err = required(v, "name", at); err != nil {
		return nil, err
	}
	if f.Description, err = codec.String(v.Get("description"), at+".description"); err != nil {
		return nil, err
	}
	if f.Strict, err = codec.Bool(v.Get("strict"), at+".strict"); err != nil {
		return nil, err
	}
	if f.Schema, err = codec.Object(v.Get("schema"), at+".schema"); err == nil && f.Schema == nil {
		err = codec.Invalid(at+".schema", "it is required for the type json_schema")
	}
	return f, err
}

func readReasoning(r *codec.Request, v gjson.Result, name string) error {
	r.Reasoning = codec.Reasoning{}
	r.Extra = withoutPrefix(r.Extra, "reasoning.")
	legacy := ""
	err := eachMember(v, name, func(key string, v gjson.Result) (err error) {
		switch at := name + "." + key; key {
		case "effort":
			r.Reasoning.Effort, err = codec.String(v, at)
		case "summary":
			r.Reasoning.Summary, err = codec.String(v, at)
		case "generate_summary":
			legacy, err = codec.String(v, at)
		default:
			r.Extra = appendExtra(r.Extra, at, v)
		}
		return err
	})
	if r.Reasoning.Summary == "" {
		r.Reasoning.Summary = legacy
	}
	if r.Reasoning.Summary != "" {
		show := true
		r.Reasoning.Show = &show
	}
	return err
}
