package chat

import (
	"bytes"
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
)

// choice reads an element of choices and returns where it ends.
func (d *decoder) choice(data []byte, at int) (end int, err error) {
	index := 0
	var delta, finish, logprobs span
	end = jsonscan.Walk(data, at, func(name []byte, at int) int {
		end := jsonscan.Skip(data, at)
		if end < 0 || data[at] == 'n' {
			return end
		}
		switch string(name) {
		case "index":
			if n, ok := jsonscan.Int(data[at:end]); ok && n < maxChoices {
				index = int(n)
			} else {
				index = -1
			}
		case "delta":
			delta = span{at, end}
		case "finish_reason":
			finish = span{at, end}
		case "logprobs":
			logprobs = span{at, end}
		}
		return end
	})
	if end < 0 {
		return -1, nil
	}
	if index < 0 {
		return -1, llm.Errorf(llm.CodeUpstream, "the upstream's stream has a choice with a bad index")
	}
	c := d.choiceAt(index)
	var probs json.RawMessage
	if logprobs.there() {
		if probs = bytes.Clone(logprobs.of(data)); !gjson.ValidBytes(probs) {
			return -1, errNotJSON()
		}
	}
	if delta.there() && data[delta.from] == '{' && !c.finished {
		if err := d.delta(c, data, delta.from, probs); err != nil {
			return -1, err
		}
	}
	if finish.there() {
		if word, err := jsonscan.String(finish.of(data)); err == nil && word != "" {
			c.word = word
		}
	}
	return end, nil
}

func (d *decoder) choiceAt(index int) *choice {
	for _, c := range d.choices {
		if c.index == index {
			return c
		}
	}
	c := &choice{index: index}
	d.choices = append(d.choices, c)
	return c
}
