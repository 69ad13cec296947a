package gemini

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// found is where a candidate stands in a chunk.
type found struct {
	start, end int
	content    int // -1 for none
	index      int
	others     bool // it has more members
}

// find notes where the candidates in an array are; a candidate's index may come
// behind its content.
func (d *streamDecoder) find(data []byte, at int) (end int) {
	return jsonscan.Walk(data, at, func(_ []byte, at int) int {
		f := found{start: at, content: -1, index: len(d.found)}
		f.end = jsonscan.Walk(data, at, func(name []byte, at int) int {
			end := jsonscan.Skip(data, at)
			switch string(name) {
			case "content":
				f.content = at
			case "index":
				if n, ok := jsonscan.Int(data[at:max(at, end)]); ok {
					f.index = int(n)
				}
			default:
				f.others = true
			}
			return end
		})
		d.found = append(d.found, f)
		return f.end
	})
}

// candidate reads one candidate of a chunk.
func (d *streamDecoder) candidate(out []codec.Event, data []byte, f *found) ([]codec.Event, error) {
	c := d.choice(f.index)
	if c == nil {
		return out, errChunk
	}
	var logprobs []byte
	if f.others {
		logprobs = d.details(c, data[f.start:f.end])
	}
	if f.content < 0 || data[f.content] != '{' {
		return out, nil
	}
	if len(logprobs) > 0 {
		c.logprobs = readLogprobs(gjson.ParseBytes(logprobs))
	}
	var err error
	jsonscan.Walk(data, f.content, func(name []byte, at int) int {
		if string(name) != "parts" || data[at] != '[' {
			return jsonscan.Skip(data, at)
		}
		return jsonscan.Walk(data, at, func(_ []byte, at int) (end int) {
			out, end, err = d.part(out, c, data, at)
			if err != nil {
				return -1
			}
			return end
		})
	})
	return out, err
}

func (d *streamDecoder) choice(index int) *choice {
	for _, c := range d.choices {
		if c.index == index {
			return c
		}
	}
	if len(d.choices) == maxChoices {
		return nil
	}
	c := &choice{index: index}
	d.choices = append(d.choices, c)
	return c
}

// details reads what a candidate has besides its content.
func (d *streamDecoder) details(c *choice, data []byte) (logprobs []byte) {
	jsonscan.Walk(data, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(data, at)
		raw := data[at:end]
		switch string(name) {
		case "content", "index":
		case "finishReason":
			if word, err := jsonscan.String(raw); err == nil && word != "" && word != "FINISH_REASON_UNSPECIFIED" {
				c.finished, c.word = true, word
			}
		case "finishMessage":
			c.message, _ = jsonscan.String(raw)
		case "logprobsResult":
			logprobs = raw
		default:
			switch string(name) {
			case "groundingMetadata":
				c.grounding = string(raw)
			case "citationMetadata":
				c.citations = string(raw)
			}
			kept := index("candidates", c.index) + "." + jsonscan.Unescape(string(name))
			d.answer.Extra = append(remove(d.answer.Extra, kept), codec.Field{Name: kept, Value: []byte(string(raw))})
		}
		return end
	})
	return logprobs
}
