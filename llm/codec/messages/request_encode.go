package messages

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// defaultMaxTokens is asked for when neither the caller nor the model's row says
// how long an answer may be: Anthropic requires it.
const defaultMaxTokens = 8192

// maxBreakpoints is how many cache_control a request may have.
const maxBreakpoints = 4

// EncodeRequest implements [codec.Codec].
func (protocol) EncodeRequest(r *codec.Request, t codec.Target, lost *codec.Losses) ([]byte, error) {
	e := &requestWriter{r: r, caps: t.Caps, lost: lost, own: r.From == op}
	if err := e.refuse(); err != nil {
		return nil, err
	}
	if err := e.collect(); err != nil {
		return nil, err
	}
	format, err := e.format()
	if err != nil {
		return nil, err
	}
	think := e.thinking()

	w := &e.w
	w.B = t.Room()
	w.Object()
	w.StringField("model", t.Model)
	w.IntField("max_tokens", think.maxTokens)
	if r.Stream {
		w.BoolField("stream", true)
	}
	if err := e.tools(); err != nil {
		return nil, err
	}
	if err := e.toolChoice(think.on()); err != nil {
		return nil, err
	}
	if err := e.system(); err != nil {
		return nil, err
	}
	if err := e.conversation(); err != nil {
		return nil, err
	}
	e.sampling(think.on())
	e.stop()
	e.writeThinking(think)
	e.outputConfig(think.effort, format)
	e.metadata()
	e.serviceTier()
	e.extra()
	w.End()
	return w.B, nil
}

type requestWriter struct {
	w    jsonwrite.Writer
	r    *codec.Request
	caps llm.Capabilities
	lost *codec.Losses
	own  bool // the request was this protocol's: what it has besides goes back

	prompt      []prompt
	turns       []turn
	tooled      bool           // there are tools, those that tool_choice left
	breakpoints int            // cache_control so far
	calls       map[string]int // how many there are so far, by id
}

func (e *requestWriter) sampling(thinking bool) {
	r := e.r
	temperature, topP, topK := string(r.Temperature), string(r.TopP), r.TopK
	drop := func(name string, set bool) {
		if set {
			e.lost.Drop(name)
		}
	}
	if e.caps.RejectsSampling || thinking {
		// 1 is what it is without being said.
		drop("temperature", temperature != "" && number(temperature) != 1)
		drop("top_k", topK != nil)
		temperature, topK = "", nil
	}
	if e.caps.RejectsSampling || thinking && topP != "" && number(topP) < 0.95 {
		drop("top_p", topP != "" && number(topP) != 1)
		topP = ""
	}
	if temperature != "" && number(temperature) > 1 {
		drop("temperature", true)
		temperature = "1"
	}
	if e.caps.OneOfTemperatureTopP && temperature != "" && topP != "" {
		drop("top_p", number(topP) != 1)
		topP = ""
	}
	if temperature != "" {
		e.w.RawField("temperature", temperature)
	}
	if topP != "" {
		e.w.RawField("top_p", topP)
	}
	if topK != nil {
		e.w.IntField("top_k", *topK)
	}
}

func (e *requestWriter) stop() {
	begun := false
	for _, s := range e.r.Stop {
		if strings.TrimSpace(s) == "" {
			e.lost.Drop("stop")
			continue
		}
		if !begun {
			e.w.ArrayField("stop_sequences")
			begun = true
		}
		e.w.String(s)
	}
	if begun {
		e.w.EndArray()
	}
}

func (e *requestWriter) serviceTier() {
	switch tier := e.r.ServiceTier; tier {
	case "":
		return
	case "auto", "priority":
		if tier == "priority" { // auto uses it where the organisation has it
			e.lost.Drop("service_tier")
		}
		e.w.StringField("service_tier", "auto")
	default:
		if tier != "default" {
			e.lost.Drop("service_tier")
		}
		e.w.StringField("service_tier", "standard_only")
	}
}

func (e *requestWriter) metadata() {
	nested := e.nested("metadata")
	if e.r.User == "" && len(nested) == 0 {
		return
	}
	e.w.ObjectField("metadata")
	if e.r.User != "" {
		e.w.StringField("user_id", e.r.User)
	}
	e.fields(nested)
	e.w.End()
}

// nested are the fields that the object of that name at the top had besides.
func (e *requestWriter) nested(outer string) (list []codec.Field) {
	if !e.own {
		return nil
	}
	for _, f := range e.r.Extra {
		if name, ok := strings.CutPrefix(f.Name, outer+"."); ok {
			list = append(list, codec.Field{Name: name, Value: f.Value})
		}
	}
	return list
}

func (e *requestWriter) fields(list []codec.Field) {
	for _, f := range list {
		e.w.RawField(f.Name, string(f.Value))
	}
}

// extra writes what the request had besides at its top.
func (e *requestWriter) extra() {
	if !e.own {
		return
	}
	for _, f := range e.r.Extra {
		if !strings.Contains(f.Name, ".") && f.Name != "output_format" {
			e.w.RawField(f.Name, string(f.Value))
		}
	}
}

// some says that a raw value is there and is not null.
func some(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func nonzero(n json.Number) bool { return n != "" && number(string(n)) != 0 }

func number(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64) // digits that JSON allows; out of range is ±Inf
	return f
}

func itoa(i int) string { return strconv.Itoa(i) }
