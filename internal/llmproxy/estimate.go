package llmproxy

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/llm"
)

// assumedOutput is how many tokens an answer is taken for, before it is there, when
// the request does not bound it.
const assumedOutput = 4096

// estimate is what the call may take: its prompt by the usual rule, its answer as far
// as the request bounds it, and of the candidates' prices the highest.
func (x *exchange) estimate() limits.Estimate {
	if tapped[x.hop.Endpoint.Operation] == nil { // it uses no tokens
		return limits.Estimate{CostKnown: true}
	}
	out := x.req.maxOutput
	if out <= 0 {
		out = assumedOutput
	}
	if x.hop.Endpoint.Operation == llm.OpenAIEmbeddings || x.hop.Endpoint.Operation == llm.OpenAIRerank {
		out = 0
	}
	out *= max(1, x.req.answers) * max(1, x.req.prompts)
	usage := llm.Usage{Input: llm.Known(max(estimate(x.req.promptBytes), 1)), Output: llm.Known(out)}
	e := limits.Estimate{Tokens: usage.Total().N, CostKnown: true}
	others, all := x.otherModels()
	price := func(c Candidate, model string) {
		cost, known := x.cost(c.Target, model, usage)
		e.Cost = max(e.Cost, cost)
		e.CostKnown = e.CostKnown && known
	}
	may := func(c Candidate) {
		model := c.model(x.req.model)
		price(c, model)
		if len(others) == 0 || !slices.Contains(c.Provider.Native(x.hop.Endpoint.Operation, model), x.hop.Endpoint.Operation) {
			return // another protocol has no such models
		}
		for _, other := range others {
			price(c, other)
		}
		e.CostKnown = e.CostKnown && all
	}
	if x.logical == nil {
		may(x.direct)
		return e
	}
	for i := range x.logical.Candidates {
		may(x.logical.candidate(i, x.star))
	}
	return e
}

// maxOthers is more than Anthropic takes.
const maxOthers = 16

// otherModels are those that a request of Anthropic's names beside its own and that are
// billed within the same call: an adviser's, and those that answer what the first one
// declines. Without their prices a budget in dollars could be spent unseen. all is false
// when there are too many to look at.
func (x *exchange) otherModels() (names []string, all bool) {
	if x.hop.Endpoint.Operation != llm.AnthropicMessages || !x.req.parsed {
		return nil, true
	}
	body, members := x.req.buf.b, x.req.buf.members
	all = true
	collect := func(member, kind string) {
		list := members.Value(body, member)
		if !bytes.Contains(list, []byte(`"model"`)) {
			return
		}
		gjson.ParseBytes(list).ForEach(func(_, v gjson.Result) bool {
			if model := v.Get("model").Str; model != "" && strings.HasPrefix(v.Get("type").Str, kind) {
				if all = len(names) < maxOthers; all {
					names = append(names, model)
				}
			}
			return all
		})
	}
	collect("tools", "advisor_")
	collect("fallbacks", "")
	return names, all
}

// manyAnswers is how many answers are reckoned with where the request asks for a number
// that cannot be read: an upstream may be able to.
const manyAnswers = 128

// bounds reads the members that bound an answer, in each spelling that some upstream
// takes, and takes the most of them.
func (q *request) bounds(name string, v []byte) {
	switch name {
	case "max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens":
		q.maxOutput = max(q.maxOutput, amount(v, 0))
	case "n", "best_of", "candidateCount", "candidate_count":
		q.answers = max(q.answers, min(amount(v, manyAnswers), manyAnswers))
	case "generationConfig", "generation_config":
		walk(v, 0, func(name []byte, at int) int {
			end := jsonscan.Skip(v, at)
			if end > at && string(name) != "generationConfig" && string(name) != "generation_config" {
				q.bounds(string(name), v[at:end])
			}
			return end
		})
	}
}

// countPrompts counts the prompts of a completion: each is answered.
func (q *request) countPrompts(v []byte) {
	n := 0
	items(v, 0, func(v []byte, at int) int {
		if v[at] == '"' || v[at] == '[' { // or it is one, in tokens
			n++
		}
		return jsonscan.Skip(v, at)
	})
	q.prompts = int64(n)
}

// amount reads a number that may have a fraction, an exponent, or quotes around it;
// unreadable is for what is none.
func amount(v []byte, unreadable int64) int64 {
	if n, ok := jsonscan.Int(v); ok {
		return n
	}
	if string(v) == "null" {
		return 0
	}
	f, err := strconv.ParseFloat(strings.Trim(string(v), `"`), 64)
	if err != nil || f != f {
		return unreadable
	}
	return int64(min(max(f, 0), 1<<50))
}
