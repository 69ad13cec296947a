package responses

import (
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// encoder writes a request, or the parts of it that an answer repeats.
type encoder struct {
	jsonwrite.Writer
	r    *codec.Request
	own  bool // the request was read by this codec
	echo bool // it is for an answer, whose members are never absent
	caps llm.Capabilities
	lost *codec.Losses
	// custom are the calls of custom tools, by id.
	custom map[string]bool
	names  map[string]string
}

// EncodeRequest implements [codec.Codec].
func (protocol) EncodeRequest(r *codec.Request, t codec.Target, lost *codec.Losses) ([]byte, error) {
	e := &encoder{r: r, own: r.From == op, caps: t.Caps, lost: lost, custom: map[string]bool{}, names: map[string]string{}}
	if r.N != nil && *r.N > 1 {
		return nil, codec.Unsupported("n", op, "it gives one answer to a request")
	}
	e.B = t.Room()
	e.Object()
	e.StringField("model", t.Model)
	if r.Stream {
		e.BoolField("stream", true)
	}
	asItem := e.instructions()
	if err := e.input(asItem); err != nil {
		return nil, err
	}
	if err := e.tools(); err != nil {
		return nil, err
	}
	if err := e.toolChoice(); err != nil {
		return nil, err
	}
	if r.ParallelToolCalls != nil {
		e.BoolField("parallel_tool_calls", *r.ParallelToolCalls)
	}
	e.sampling()
	e.format()
	asked := e.reasoning()
	e.state(asked)
	e.rest()
	e.End()
	return e.B, nil
}

func (e *encoder) optional(name, s string) {
	if s != "" {
		e.StringField(name, s)
	}
}

// minTokens is the least that OpenAI takes as a bound of the answer.
const minTokens = 16

func (e *encoder) sampling() {
	r := e.r
	if n := r.MaxTokens; n != nil {
		most := *n
		if !e.own && most < minTokens {
			most = minTokens
			e.lost.Drop("max_tokens")
		}
		e.IntField("max_output_tokens", most)
	}
	temperature, topP := string(r.Temperature), string(r.TopP)
	if e.caps.RejectsSampling {
		e.dropIf(temperature != "", "temperature")
		e.dropIf(topP != "", "top_p")
		temperature, topP = "", ""
	}
	if e.caps.OneOfTemperatureTopP && temperature != "" && topP != "" {
		e.lost.Drop("top_p")
		topP = ""
	}
	if temperature != "" {
		e.RawField("temperature", temperature)
	}
	if topP != "" {
		e.RawField("top_p", topP)
	}
	if n := r.TopLogprobs; n != nil && (e.own || !e.caps.RejectsSampling) {
		e.IntField("top_logprobs", *n)
	} else {
		e.dropIf(n != nil && *n > 0, "top_logprobs")
	}
	e.dropIf(r.TopK != nil, "top_k")
	e.dropIf(len(r.Stop) > 0, "stop")
	e.dropIf(r.Seed != nil, "seed")
	e.dropIf(r.PresencePenalty != "", "presence_penalty")
	e.dropIf(r.FrequencyPenalty != "", "frequency_penalty")
	e.dropIf(len(r.LogitBias) > 0, "logit_bias")
}

func (e *encoder) dropIf(lost bool, name string) {
	if lost {
		e.lost.Drop(name)
	}
}

func (e *encoder) format() {
	f, verbosity := e.r.Format, e.r.Verbosity
	rest := e.nested("text.")
	if f == nil && verbosity == "" && len(rest) == 0 && !e.echo {
		return
	}
	e.ObjectField("text")
	if f != nil || e.echo {
		e.ObjectField("format")
		e.textFormat(f)
		e.End()
	}
	e.optional("verbosity", verbosity)
	e.fields(rest, "text.")
	e.End()
}

func (e *encoder) textFormat(f *codec.Format) {
	if f == nil {
		f = &codec.Format{Type: codec.FormatText}
	}
	e.StringField("type", string(f.Type))
	if f.Type != codec.FormatSchema {
		return
	}
	name := f.Name
	if name == "" {
		name = "response"
	}
	e.StringField("name", name)
	e.optional("description", f.Description)
	schema := string(f.Schema)
	if schema == "" {
		schema = "{}"
	}
	e.RawField("schema", schema)
	strict := f.Strict
	if e.r.From == llm.AnthropicMessages && !e.echo { // which holds to it always
		yes := codec.Closed(f.Schema)
		strict = &yes
		e.dropIf(!yes, "response_format.strict")
	}
	if strict != nil {
		e.BoolField("strict", *strict)
	}
}

// reasoning writes what is asked of it, and says whether thoughts are wanted.
func (e *encoder) reasoning() (asked bool) {
	said := e.r.Reasoning
	effort, summary := said.Effort, said.Summary
	if !e.own {
		effort = said.Level()
		if summary == "" && shown(said) && effort != "none" {
			summary = "auto"
		}
	}
	if e.caps.NoThinking {
		e.dropIf(effort != "" && effort != "none", "reasoning_effort")
		return false
	}
	if effort != "" {
		effort = codec.NearestEffort(effort, e.caps.Efforts)
	}
	rest := e.nested("reasoning.")
	if effort == "" && summary == "" && len(rest) == 0 {
		return false
	}
	e.ObjectField("reasoning")
	e.optional("effort", effort)
	e.optional("summary", summary)
	e.fields(rest, "reasoning.")
	e.End()
	return effort != "none"
}

// shown says whether a caller of another protocol wants to see thoughts. Anthropic
// shows them to whoever enables thinking.
func shown(r codec.Reasoning) bool {
	if r.Show != nil {
		return *r.Show
	}
	return r.Type == "enabled"
}
