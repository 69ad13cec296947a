package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// EncodeResponse implements [codec.Codec].
func (protocol) EncodeResponse(r *codec.Response, req *codec.Request, lost *codec.Losses) ([]byte, error) {
	s := newStreamEncoder(req, lost)
	s.take(r)
	s.begun = true
	logprobs := ""
	if len(r.Choices) > 0 {
		logprobs = unwrapLogprobs(r.Choices[0].Logprobs)
	}
	if len(r.Choices) > 0 && textBeside(r.Choices[0].Parts) {
		lost.Drop("reasoning.content")
	}
	var discard []byte
	for _, e := range codec.Events(r) {
		if e.Kind == codec.Begin || e.Kind == codec.End {
			continue
		}
		if e.Kind == codec.PartStop && s.part != nil && s.part.Kind == codec.Text && logprobs != "" { // all of the answer's at its first text
			s.logprobs, logprobs = append(s.logprobs, logprobs...), ""
		}
		discard = s.event(discard[:0], &e)
	}
	s.closeAll(discard[:0])
	var extra []codec.Field
	for _, f := range r.Extra {
		if r.From == op {
			extra = append(extra, f)
		} else {
			lost.Drop(f.Name)
		}
	}
	var w jsonwrite.Writer
	s.response(&w, s.status(), nil, extra)
	return w.B, nil
}

// textBeside says whether a thought has a text and a summary that is another one, which
// is all that callers are shown then.
func textBeside(parts []codec.Part) bool {
	for i := range parts {
		t := parts[i].Thought
		if t == nil {
			continue
		}
		if summary := strings.Join(t.Summary, ""); summary != "" && summary != parts[i].Text {
			return true
		}
	}
	return false
}

// unwrapLogprobs are the elements of the list that chat's logprobs hold, in what is
// between the brackets.
func unwrapLogprobs(v json.RawMessage) string {
	list := gjson.GetBytes(v, "content")
	if !list.IsArray() || len(list.Raw) < 2 {
		return ""
	}
	return list.Raw[1 : len(list.Raw)-1]
}

// response writes the response object as far as it has come.
func (s *streamEncoder) response(w *jsonwrite.Writer, status string, failed *llm.Error, extra []codec.Field) {
	w.Object()
	w.StringField("id", s.id)
	w.StringField("object", "response")
	w.IntField("created_at", s.created)
	w.StringField("status", status)
	w.Name("error")
	switch {
	case failed != nil:
		w.Object()
		w.StringField("code", errorCode(failed))
		w.StringField("message", failed.Message)
		w.End()
	case status == "failed":
		w.Object()
		w.StringField("code", "server_error")
		w.StringField("message", s.failedMessage())
		w.End()
	default:
		w.Null()
	}
	w.Name("incomplete_details")
	if status == "incomplete" {
		w.Object()
		if s.finish.Reason == codec.ReasonLength {
			w.StringField("reason", "max_output_tokens")
		} else {
			w.StringField("reason", "content_filter")
		}
		w.End()
	} else {
		w.Null()
	}
	w.StringField("model", s.model)
	w.ArrayField("output")
	if len(s.output) > 0 {
		w.Raw(string(s.output))
	}
	w.EndArray()
	switch {
	case status == "in_progress":
		w.RawField("usage", "null")
	case s.usage.Total().Known:
		w.Name("usage")
		writeUsage(w, &s.usage)
	}
	if s.tier != "" {
		w.StringField("service_tier", s.tier)
	}
	for _, f := range extra {
		w.RawField(f.Name, string(f.Value))
	}
	w.B = append(append(w.B, ','), s.echo()...)
	w.End()
}

func (s *streamEncoder) failedMessage() string {
	if s.finish.Message != "" {
		return s.finish.Message
	}
	return "the model's answer could not be used: " + s.finish.Raw
}

// status is the response's, by how it ended.
func (s *streamEncoder) status() string {
	switch s.finish.Reason {
	case codec.ReasonLength, codec.ReasonFilter:
		return "incomplete"
	case codec.ReasonError:
		return "failed"
	}
	return "completed"
}

func writeUsage(w *jsonwrite.Writer, u *llm.Usage) {
	w.Object()
	w.IntField("input_tokens", u.Prompt().N)
	w.ObjectField("input_tokens_details")
	w.IntField("cached_tokens", u.CacheRead.N)
	w.IntField("cache_write_tokens", u.CacheWrite.N)
	w.End()
	w.IntField("output_tokens", u.Output.N)
	w.ObjectField("output_tokens_details")
	w.IntField("reasoning_tokens", u.Reasoning.N)
	w.End()
	w.IntField("total_tokens", u.Total().N)
	w.End()
}

// echo is what an answer repeats of its request, without braces. It is the same in
// each event that holds the response, and written once.
func (s *streamEncoder) echo() []byte {
	if s.repeat != nil {
		return s.repeat
	}
	r := s.req
	e := &encoder{r: r, own: true, echo: true}
	e.Object()
	e.RawField("access_programs", "null")
	e.BoolField("background", false)
	e.Name("instructions")
	if len(r.System) > 0 && r.System[0].Kind == codec.Text {
		e.String(r.System[0].Text)
	} else {
		e.Null()
	}
	e.wholeOrNull("max_output_tokens", r.MaxTokens)
	e.RawField("max_tool_calls", string(extra(r.Extra, "max_tool_calls")))
	e.Name("metadata")
	if len(r.Metadata) > 0 {
		e.Raw(string(r.Metadata))
	} else {
		e.Raw("{}")
	}
	e.BoolField("parallel_tool_calls", r.ParallelToolCalls == nil || *r.ParallelToolCalls)
	e.stringOrNull("previous_response_id", r.PreviousResponseID)
	e.stringOrNull("prompt_cache_key", r.PromptCacheKey)
	e.ObjectField("reasoning")
	e.stringOrNull("effort", r.Reasoning.Effort)
	e.stringOrNull("summary", r.Reasoning.Summary)
	e.End()
	e.stringOrNull("safety_identifier", r.User)
	e.BoolField("store", false) // whatever was asked: it is not stored here
	e.RawField("temperature", string(r.Temperature))
	e.format()
	_ = e.toolChoice() // refuse nothing that is the caller's own
	_ = e.tools()
	e.IntField("top_logprobs", valueOr(r.TopLogprobs, 0))
	e.RawField("top_p", string(r.TopP))
	if r.Truncation != "" {
		e.StringField("truncation", r.Truncation)
	} else {
		e.StringField("truncation", "disabled")
	}
	e.End()
	s.repeat = e.B[1 : len(e.B)-1]
	return s.repeat
}

func valueOr(n *int64, otherwise int64) int64 {
	if n == nil {
		return otherwise
	}
	return *n
}

func (e *encoder) wholeOrNull(name string, n *int64) {
	e.Name(name)
	if n == nil {
		e.Null()
	} else {
		e.Int(*n)
	}
}

func (e *encoder) stringOrNull(name, s string) {
	e.Name(name)
	if s == "" {
		e.Null()
	} else {
		e.String(s)
	}
}
