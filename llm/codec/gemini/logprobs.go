package gemini

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
)

// readLogprobs turns a logprobsResult into the form of OpenAI's chat, which the
// neutral form has; nil when there is none.
func readLogprobs(v gjson.Result) json.RawMessage {
	chosen := v.Get("chosenCandidates").Array()
	if len(chosen) == 0 {
		return nil
	}
	tops := v.Get("topCandidates").Array()
	var w jsonwrite.Writer
	w.Object()
	w.ArrayField("content")
	for i, c := range chosen {
		w.Object()
		writeToken(&w, c)
		w.ArrayField("top_logprobs")
		if i < len(tops) {
			for _, t := range tops[i].Get("candidates").Array() {
				w.Object()
				writeToken(&w, t)
				w.End()
			}
		}
		w.EndArray()
		w.End()
	}
	w.EndArray()
	w.RawField("refusal", "null")
	w.End()
	return w.B
}

func writeToken(w *jsonwrite.Writer, v gjson.Result) {
	token := v.Get("token").String()
	w.StringField("token", token)
	n := v.Get("logProbability")
	if n.Type == gjson.Number {
		w.RawField("logprob", n.Raw)
	} else {
		w.RawField("logprob", "0")
	}
	w.ArrayField("bytes")
	for i := range len(token) {
		w.Int(int64(token[i]))
	}
	w.EndArray()
}

// writeLogprobs is the way back.
func writeLogprobs(w *jsonwrite.Writer, raw json.RawMessage) {
	tokens := gjson.GetBytes(raw, "content").Array()
	if len(tokens) == 0 {
		return
	}
	candidate := func(v gjson.Result) {
		w.Object()
		w.StringField("token", v.Get("token").String())
		if n := v.Get("logprob"); n.Type == gjson.Number {
			w.RawField("logProbability", n.Raw)
		}
		w.End()
	}
	w.ObjectField("logprobsResult")
	w.ArrayField("topCandidates")
	for _, t := range tokens {
		w.Object()
		w.ArrayField("candidates")
		for _, top := range t.Get("top_logprobs").Array() {
			candidate(top)
		}
		w.EndArray()
		w.End()
	}
	w.EndArray()
	w.ArrayField("chosenCandidates")
	for _, t := range tokens {
		candidate(t)
	}
	w.EndArray()
	w.End()
}
