package gemini

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// NewStreamDecoder implements [codec.Codec].
func (geminiCodec) NewStreamDecoder() codec.StreamDecoder {
	return &streamDecoder{answer: codec.Response{From: op}}
}

// streamDecoder reads a stream of GenerateContentResponses. Nothing in it says which
// is the last: finishReason may come in all of them, and usage, signatures and sources
// after it, so that what ends a part or an answer waits for the next part, or Close.
type streamDecoder struct {
	// answer is what is known of it so far; UsageEvent and End point to it.
	answer  codec.Response
	begun   bool
	over    bool // failed, or closed
	choices []*choice
	calls   int
	found   []found // in the current chunk
}

// maxChoices bounds what an upstream can make the decoder keep.
const maxChoices = 256

// Decode implements [codec.StreamDecoder].
func (d *streamDecoder) Decode(out []codec.Event, _, data []byte) ([]codec.Event, error) {
	if d.over || len(data) == 0 || string(data) == "[DONE]" {
		return out, nil
	}
	if !gjson.ValidBytes(data) { // what is in it may be written on as it is
		return out, errChunk
	}
	failure, before := -1, d.answer.Usage
	d.found = d.found[:0]
	end := jsonscan.Walk(data, 0, func(name []byte, at int) int {
		if string(name) == "candidates" && data[at] == '[' {
			return d.find(data, at)
		}
		end := jsonscan.Skip(data, at)
		if end < 0 { // too deep
			return end
		}
		switch string(name) {
		case "error":
			failure = at
		case "usageMetadata":
			usage, tier := readUsage(data[at:end])
			if usage != (llm.Usage{}) { // a broken one does not undo what was said before
				d.answer.Usage = usage
			}
			if tier != "" {
				d.answer.ServiceTier = tierOf(tier)
			}
		case "responseId", "modelVersion", "createTime":
			if !d.begun {
				d.about(string(name), data[at:end])
			}
		default:
			d.about(jsonscan.Unescape(string(name)), data[at:end])
		}
		return end
	})
	if end < 0 || data[firstByte(data)] != '{' {
		return out, errChunk
	}
	if failure >= 0 && data[failure] == '{' {
		d.over = true
		return append(out, codec.Event{Kind: codec.Failed, Err: decodeError(0, nil, gjson.ParseBytes(data[failure:]))}), nil
	}
	changed := d.answer.Usage != before
	if !d.begun {
		d.begun = true
		a := d.answer
		a.Extra, a.Blocked = nil, ""
		out = append(out, codec.Event{Kind: codec.Begin, Response: &a})
		changed = false
	}
	for i := range d.found {
		var err error
		if out, err = d.candidate(out, data, &d.found[i]); err != nil {
			return out, err
		}
	}
	if changed {
		out = append(out, codec.Event{Kind: codec.UsageEvent, Response: &d.answer})
	}
	return out, nil
}

var errChunk = llm.Errorf(llm.CodeUpstream, "the upstream's stream cannot be understood")

func firstByte(text []byte) int {
	for i, c := range text {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return i
		}
	}
	return 0
}

// about reads a member that stands beside the candidates; the last one counts.
func (d *streamDecoder) about(name string, raw []byte) {
	if string(raw) == "null" {
		return
	}
	d.answer.Extra = remove(d.answer.Extra, name)
	readAnswer(&d.answer, name, name, gjson.ParseBytes(raw))
}

func remove(fields []codec.Field, name string) []codec.Field {
	for i := range fields {
		if fields[i].Name == name {
			return append(fields[:i], fields[i+1:]...)
		}
	}
	return fields
}

// Close implements [codec.StreamDecoder].
func (d *streamDecoder) Close(out []codec.Event) ([]codec.Event, error) {
	if d.over {
		return out, nil
	}
	d.over = true
	blocked := len(d.choices) == 0 && d.answer.Blocked != ""
	whole := blocked || len(d.choices) > 0
	for _, c := range d.choices {
		whole = whole && c.finished
	}
	if !whole {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream's stream ended in the middle of the answer")
	}
	d.answer.Usage.Final = d.answer.Usage != llm.Usage{}
	for _, c := range d.choices {
		out = c.stop(out)
		out = append(out, codec.Event{Kind: codec.FinishEvent, Choice: c.index, Finish: finishOf(c.word, c.message, c.calls)})
	}
	if blocked {
		out = append(out, codec.Event{Kind: codec.FinishEvent, Finish: codec.Finish{Reason: codec.ReasonFilter, Raw: d.answer.Blocked}})
	} else {
		d.answer.Blocked = ""
	}
	return append(out, codec.Event{Kind: codec.End, Response: &d.answer}), nil
}
