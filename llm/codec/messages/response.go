package messages

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// DecodeResponse implements [codec.Codec].
func (protocol) DecodeResponse(body []byte) (*codec.Response, error) {
	v := gjson.ParseBytes(body)
	if !v.IsObject() || !gjson.ValidBytes(body) {
		return nil, llm.Errorf(llm.CodeUpstream, "the upstream's answer is no JSON object")
	}
	if v.Get("type").Str == "error" {
		return nil, readError(v, 0)
	}
	r := &codec.Response{From: op}
	c := codec.Choice{Finish: readFinish(v)}
	u := usage{}
	err := members(v, func(name string, v gjson.Result) (err error) {
		switch name {
		case "id":
			r.ID = v.String()
		case "model":
			r.Model = v.String()
		case "content":
			if v.Type == gjson.Null {
				return nil
			}
			c.Parts, err = readContent(v, func(v gjson.Result) (codec.Part, error) { return readBlock(v, false) })
			err = within(name, err)
		case "usage":
			u.read(v)
		default:
			if v.Type != gjson.Null && !placed(name) {
				r.Extra = append(r.Extra, field(name, v))
			}
		}
		return err
	})
	if err != nil {
		e := llm.AsError(err)
		return nil, &llm.Error{Code: llm.CodeUpstream, Message: "the upstream's answer cannot be understood: " + e.Message, Cause: err}
	}
	for i := range c.Parts {
		switch c.Parts[i].Kind {
		case codec.ToolResultPart:
			return nil, llm.Errorf(llm.CodeUpstream, "the upstream's answer cannot be understood: content[%d] is the result of a tool", i)
		case codec.ToolCallPart:
			if c.Raw == "" && c.Reason == codec.ReasonStop && c.Sequence == "" { // or nobody would run it
				c.Reason = codec.ReasonToolCalls
			}
		}
	}
	u.Final = u.Output.Known
	r.Usage, r.ServiceTier = u.Usage, u.tier
	r.Extra = append(u.extra, r.Extra...)
	r.Choices = []codec.Choice{c}
	return r, nil
}

// placed says whether the name of a message's member has a place, or is one that a
// member within the usage is kept under.
func placed(name string) bool {
	switch name {
	case "id", "type", "role", "model", "content", "usage", "stop_reason", "stop_sequence", "stop_details":
		return true
	}
	return strings.HasPrefix(name, inUsage)
}

const inUsage = "usage."

// split sorts what an answer of this protocol had besides into the fields of its
// usage and those at its top. Those of another protocol are lost.
func split(list []codec.Field, own bool, lost *codec.Losses) (ofUsage, top []codec.Field) {
	for _, f := range list {
		name, nested := strings.CutPrefix(f.Name, inUsage)
		switch {
		case !own && some(f.Value):
			lost.Drop(f.Name)
		case !own:
		case nested:
			ofUsage = append(ofUsage, codec.Field{Name: name, Value: f.Value})
		default:
			top = append(top, f)
		}
	}
	return ofUsage, top
}
