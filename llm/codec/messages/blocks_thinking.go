package messages

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func readThinking(p *codec.Part, name string, v gjson.Result) (known bool, err error) {
	switch name {
	case "thinking":
		p.Text, err = codec.String(v, name)
	case "signature":
		p.Thought, err = provenBy(v, name)
	default:
		return false, nil
	}
	return true, err
}

func readRedacted(p *codec.Part, name string, v gjson.Result) (known bool, err error) {
	if name != "data" {
		return false, nil
	}
	p.Thought, err = provenBy(v, name)
	return true, err
}

// provenBy is a thought of which only the proof is known.
func provenBy(v gjson.Result, name string) (*codec.Thought, error) {
	t := &codec.Thought{}
	s, err := codec.String(v, name)
	if s != "" {
		t.Signature = &codec.Signature{Of: op, Value: s}
	}
	return t, err
}
