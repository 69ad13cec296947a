package messages

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// reasons are what Anthropic's stop reasons mean.
var reasons = map[string]codec.Reason{
	"end_turn":                      codec.ReasonStop,
	"stop_sequence":                 codec.ReasonStop,
	"tool_use":                      codec.ReasonToolCalls,
	"max_tokens":                    codec.ReasonLength,
	"model_context_window_exceeded": codec.ReasonLength,
	"refusal":                       codec.ReasonFilter,
	"pause_turn":                    codec.ReasonPause,
	"compaction":                    codec.ReasonPause, // it was asked to stop there
}

// stopReasons are the way back, for the answers of others.
var stopReasons = map[codec.Reason]string{
	codec.ReasonStop:      "end_turn",
	codec.ReasonToolCalls: "tool_use",
	codec.ReasonLength:    "max_tokens",
	codec.ReasonFilter:    "refusal",
	codec.ReasonPause:     "pause_turn",
}

// readFinish reads how an answer ended from the object that says so: the message,
// or the delta of a message_delta.
func readFinish(v gjson.Result) codec.Finish {
	f := codec.Finish{Raw: v.Get("stop_reason").Str, Sequence: v.Get("stop_sequence").Str}
	f.Reason = reasons[f.Raw]
	if f.Reason == "" {
		f.Reason = codec.ReasonStop
	}
	if d := v.Get("stop_details"); d.IsObject() {
		f.Details = json.RawMessage(d.Raw)
		f.Message = d.Get("explanation").Str
	}
	return f
}

// ending is what tells how an answer ended.
type ending struct {
	codec.Finish
	own     bool   // the answer was this protocol's
	calls   bool   // it calls tools
	refusal string // the text of a refusal in it
}

// write writes the members that say how the answer ended.
func (f ending) write(w *jsonwrite.Writer) error {
	reason := stopReasons[f.Reason]
	switch {
	case f.own && f.Raw != "":
		reason = f.Raw
	case f.Reason == codec.ReasonError:
		e := llm.Errorf(llm.CodeUpstream, "the upstream's answer ended in a failure: %s", f.Raw)
		if f.Message != "" {
			e.Message += ": " + f.Message
		}
		return e
	case f.refusal != "":
		reason = "refusal"
	case f.Reason == codec.ReasonStop && f.Sequence != "":
		reason = "stop_sequence"
	case f.calls && (f.Reason == codec.ReasonStop || f.Reason == ""):
		reason = "tool_use" // or nobody would run them
	case reason == "":
		reason = "end_turn"
	}
	w.StringField("stop_reason", reason)
	w.Name("stop_sequence")
	if f.Sequence != "" && (reason == "stop_sequence" || f.own) {
		w.String(f.Sequence)
	} else {
		w.Null()
	}
	message := f.Message
	if message == "" {
		message = f.refusal
	}
	switch {
	case some(f.Details):
		w.RawField("stop_details", string(f.Details))
	case reason == "refusal" && message != "":
		w.ObjectField("stop_details")
		w.StringField("type", "refusal")
		w.RawField("category", "null")
		w.StringField("explanation", message)
		w.End()
	}
	return nil
}
