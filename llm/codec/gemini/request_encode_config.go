package gemini

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// config writes generationConfig, unless there is nothing to say.
func (e *encoder) config() {
	var w jsonwrite.Writer
	r := e.r
	w.Object()
	empty := len(w.B)
	if e.t.Caps.RejectsSampling {
		for _, l := range []loss{{"temperature", r.Temperature != ""}, {"top_p", r.TopP != ""}, {"top_k", r.TopK != nil}} {
			e.dropIf("", l)
		}
	} else {
		number(&w, "temperature", r.Temperature)
		number(&w, "topP", r.TopP)
		integer(&w, "topK", r.TopK)
	}
	if n, most := r.MaxTokens, e.t.Caps.MaxOutputTokens; n != nil && most > 0 && *n > most {
		integer(&w, "maxOutputTokens", &most) // more the model cannot write anyway
	} else {
		integer(&w, "maxOutputTokens", n)
	}
	if list := r.Stop; len(stops(list)) > 0 || e.own && len(list) > 0 {
		if !e.own {
			list = stops(list)
		}
		w.ArrayField("stopSequences")
		for _, s := range list {
			w.String(s)
		}
		w.EndArray()
	}
	integer(&w, "candidateCount", r.N)
	integer(&w, "seed", r.Seed)
	number(&w, "presencePenalty", r.PresencePenalty)
	number(&w, "frequencyPenalty", r.FrequencyPenalty)
	logprobs, top := r.Logprobs, r.TopLogprobs
	if !e.own && logprobs == nil && (top != nil && *top > 0 || slices.Contains(r.Include, includeLogprobs)) {
		yes := true // Responses asks in these words
		logprobs = &yes
	}
	if logprobs != nil {
		w.BoolField("responseLogprobs", *logprobs)
	}
	if e.own || logprobs != nil && *logprobs { // it is refused without
		integer(&w, "logprobs", top)
	}
	e.format(&w)
	e.thinking(&w)
	e.resolution(&w)
	if e.own {
		writeExtra(&w, r.Extra, "generationConfig.")
	}
	if len(w.B) > empty {
		w.End()
		e.w.RawField("generationConfig", string(w.B))
	}
}

// includeLogprobs is what Responses calls the wish for them.
const includeLogprobs = "message.output_text.logprobs"

func number(w *jsonwrite.Writer, name string, n json.Number) {
	if n != "" {
		w.RawField(name, string(n))
	}
}

func integer(w *jsonwrite.Writer, name string, n *int64) {
	if n != nil {
		w.IntField(name, *n)
	}
}

// format writes the answer's form. Strict and Name of a schema have no field: Gemini
// always holds the answer to the schema, and the name only labels it.
func (e *encoder) format(w *jsonwrite.Writer) {
	f := e.r.Format
	switch {
	case f == nil:
	case f.Type == codec.FormatText && e.own:
		w.StringField("responseMimeType", "text/plain")
	case f.Type == codec.FormatText:
	case e.t.Caps.NoStructuredOutput:
		e.drop("response_format")
	case f.Type == codec.FormatJSON, f.Type == codec.FormatSchema && len(f.Schema) == 0:
		w.StringField("responseMimeType", "application/json")
	default:
		w.StringField("responseMimeType", "application/json")
		w.RawField("responseJsonSchema", string(f.Schema))
		if f.Description != "" {
			e.drop("response_format.description")
		}
	}
}

// Bounds of thinkingBudget that all models of 2.5 have in common; those that cannot
// stop thinking take no less than minBudget.
const (
	minBudget = 128
	maxBudget = 24576
)

// thinking writes thinkingConfig: as it was said by a caller of Gemini's protocol, and
// else in the words that the model knows.
func (e *encoder) thinking(to *jsonwrite.Writer) {
	t, caps := e.r.Reasoning, e.t.Caps
	var w jsonwrite.Writer
	w.Object()
	empty := len(w.B)
	effort := t.Level()
	switch {
	case e.own:
		if t.Effort != "" {
			w.StringField("thinkingLevel", strings.ToUpper(t.Effort))
		}
		integer(&w, "thinkingBudget", t.Budget)
		if t.Type == "adaptive" {
			w.IntField("thinkingBudget", -1)
		}
		if t.Show != nil {
			w.BoolField("includeThoughts", *t.Show)
		}
		writeExtra(&w, e.r.Extra, "generationConfig.thinkingConfig.")
	case t.IsZero():
	case caps.NoThinking:
		if effort != "" && effort != "none" {
			e.drop("reasoning_effort")
		}
	default:
		e.effort(&w, effort)
		if t.Show != nil && *t.Show {
			w.BoolField("includeThoughts", true)
		}
		if t.Summary != "" && t.Summary != "auto" {
			e.drop("reasoning.summary")
		}
	}
	if len(w.B) > empty {
		w.End()
		to.RawField("thinkingConfig", string(w.B))
	}
}

func (e *encoder) effort(w *jsonwrite.Writer, effort string) {
	t, caps := e.r.Reasoning, e.t.Caps
	switch {
	case effort == "":
	case caps.ThinkingLevel:
		known := levels
		if len(caps.Efforts) > 0 {
			known = caps.Efforts
		}
		level := codec.NearestEffort(effort, known)
		if effort == "none" && level != "none" {
			e.drop("reasoning_effort") // it thinks nevertheless, as little as it can
		}
		if level == "none" {
			w.IntField("thinkingBudget", 0)
			return
		}
		w.StringField("thinkingLevel", strings.ToUpper(codec.NearestEffort(level, levels)))
	case t.Effort == "" && t.Budget == nil && effort != "none":
		w.IntField("thinkingBudget", -1) // adaptive
	default:
		var most, budget int64
		if e.r.MaxTokens != nil {
			most = *e.r.MaxTokens
		}
		if budget = codec.BudgetOf(effort, most); t.Effort == "" && t.Budget != nil {
			budget = *t.Budget
		}
		if budget > maxBudget {
			budget = maxBudget
			if t.Effort == "" {
				e.drop("thinking.budget_tokens")
			}
		}
		if budget < minBudget && caps.RejectsThinkingDisabled {
			budget = minBudget
			e.drop("reasoning_effort")
		}
		w.IntField("thinkingBudget", budget)
	}
}

// resolution is the images' detail for models that take only one for all of them.
func (e *encoder) resolution(w *jsonwrite.Writer) {
	if len(e.details) == 0 || e.t.Caps.ThinkingLevel {
		return
	}
	first, some := e.details[0], false
	for _, d := range e.details {
		some = some || resolutions[d] != ""
		if d != first || resolutions[d] == "" {
			first = ""
		}
	}
	switch {
	case first != "":
		w.StringField("mediaResolution", resolutions[first])
	case some:
		e.drop("messages.detail")
	}
}

// resolutions are OpenAI's details.
var resolutions = map[string]string{"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
