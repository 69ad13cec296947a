package gemini

import (
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// DecodeResponse implements [codec.Codec]. What a candidate has and the neutral form
// has not is kept in Extra as "candidates[0].safetyRatings".
func (geminiCodec) DecodeResponse(body []byte) (*codec.Response, error) {
	v := gjson.ParseBytes(body)
	if !v.IsObject() {
		return nil, llm.Errorf(llm.CodeUpstream, "the upstream's answer is not a JSON object")
	}
	if e := v.Get("error"); e.IsObject() {
		return nil, decodeError(0, nil, e)
	}
	r := &codec.Response{From: op}
	calls := 0
	err := each(v, func(name, own string, e gjson.Result) error {
		switch name {
		case "candidates":
			for i, c := range e.Array() {
				choice, err := decodeCandidate(r, c, i)
				if err != nil {
					return err
				}
				r.Choices = append(r.Choices, choice)
			}
		case "usageMetadata":
			var tier string
			r.Usage, tier = readUsage([]byte(e.Raw))
			r.Usage.Final = r.Usage != llm.Usage{}
			r.ServiceTier = tierOf(tier)
		default:
			readAnswer(r, name, own, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range r.Choices {
		for _, p := range r.Choices[i].Parts {
			if p.Call != nil && p.Call.ID == "" {
				p.Call.ID = answerID(r.ID, calls)
			}
			if p.Call != nil {
				calls++
			}
		}
	}
	if len(r.Choices) > 0 {
		r.Blocked = ""
	} else if r.Blocked == "" {
		return nil, llm.Errorf(llm.CodeUpstream, "the upstream's answer has no candidates")
	}
	return r, nil
}

// readAnswer reads the members of an answer that stand beside the candidates.
func readAnswer(r *codec.Response, name, own string, v gjson.Result) {
	switch name {
	case "responseId":
		r.ID = v.String()
	case "modelVersion":
		r.Model = v.String()
	case "createTime":
		if t, err := time.Parse(time.RFC3339, v.String()); err == nil {
			r.Created = t.Unix()
		}
	case "promptFeedback":
		r.Blocked = v.Get("blockReason").String()
		more := false
		codec.Each(v, func(k, _ gjson.Result) bool {
			more = more || k.Str != "blockReason"
			return !more
		})
		if more {
			r.Extra = append(r.Extra, field(own, v))
		}
	case "sdkHttpResponse":
	default:
		r.Extra = append(r.Extra, field(own, v))
	}
}

func decodeCandidate(r *codec.Response, v gjson.Result, i int) (c codec.Choice, err error) {
	c.Index = i
	param := index("candidates", i)
	if !v.IsObject() {
		return c, llm.Errorf(llm.CodeUpstream, "the upstream's answer cannot be understood: %s is not an object", param)
	}
	var (
		word, message        string
		grounding, citations gjson.Result
		texts                []textAt
		at                   []int // where the texts are in c.Parts
		calls                bool
	)
	err = each(v, func(name, own string, e gjson.Result) error {
		switch name {
		case "index":
			c.Index = int(e.Int())
		case "finishReason":
			word = e.String()
		case "finishMessage":
			message = e.String()
		case "logprobsResult":
			c.Logprobs = readLogprobs(e)
		case "content":
			for k, part := range e.Get("parts").Array() {
				p, ok, err := decodePart(part, index(param+".content.parts", k))
				if err != nil {
					return upstreamError(err)
				}
				if !ok {
					continue
				}
				if p.Kind == codec.Text && p.Text == "" && p.Signature != nil {
					p = signatureOnly(p.Signature)
				}
				if p.Kind == codec.Text {
					texts, at = append(texts, textAt{k, p.Text}), append(at, len(c.Parts))
				}
				if p.Result != nil { // which only callers have a place for
					p = codec.Part{Kind: codec.Opaque, Raw: []byte(part.Raw), Origin: op}
				}
				if p.Call != nil && p.Call.Name == "" {
					return errNoName()
				}
				calls = calls || p.Call != nil
				c.Parts = append(c.Parts, p)
			}
		default:
			switch name {
			case "groundingMetadata":
				grounding = e
			case "citationMetadata":
				citations = e
			}
			r.Extra = append(r.Extra, field(param+"."+own, e))
		}
		return nil
	})
	for k, notes := range ground(grounding, citations, texts) {
		c.Parts[at[k]].Annotations = notes
	}
	c.Finish = finishOf(word, message, calls)
	return c, err
}

func errNoName() error {
	return llm.Errorf(llm.CodeUpstream, "the upstream's answer calls a function without a name")
}

// upstreamError makes an error of reading a part, which blames a caller, one of the
// upstream.
func upstreamError(err error) error {
	return &llm.Error{Code: llm.CodeUpstream, Message: "the upstream's answer cannot be understood", Cause: err}
}
