package messages

import (
	"slices"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// think is what is asked of thinking.
type think struct {
	kind      string // thinking.type; "" leaves it out
	budget    *int64
	display   string
	effort    string
	maxTokens int64
}

// on says that thinking restricts what else may be asked. What is said of
// between_tools does not restrict anything.
func (t think) on() bool { return t.kind == "enabled" || t.kind == "adaptive" }

// efforts are Anthropic's, where the model's row does not tell.
var efforts = []string{"low", "medium", "high", "xhigh", "max"}

// thinking decides how to ask for the reasoning that the caller wants: in the
// caller's own words if they were Anthropic's and the model knows them, else in
// those of the model.
func (e *requestWriter) thinking() think {
	r := e.r.Reasoning
	t := think{maxTokens: e.maxTokens()}
	off := r.Type == "disabled" || r.Type == "" && r.Level() == "none"
	switch {
	case r.IsZero():
		return t
	case e.caps.NoThinking:
		if !off {
			e.lost.Drop("reasoning_effort")
		}
		return t
	case e.own && r.Effort != "":
		t.effort = r.Effort
	}
	switch {
	case off:
		e.off(&t)
	case e.own:
		e.asSaid(&t)
	default:
		e.translate(&t)
	}
	if r.Show != nil || r.Display != "" {
		e.display(&t)
	}
	return t
}

func (e *requestWriter) maxTokens() int64 {
	switch {
	case e.r.MaxTokens != nil:
		return *e.r.MaxTokens
	case e.caps.MaxOutputTokens > 0:
		return e.caps.MaxOutputTokens
	}
	return defaultMaxTokens
}

// off asks for no thinking, or as little as the model can be made to do.
func (e *requestWriter) off(t *think) {
	switch {
	case !e.caps.RejectsThinkingDisabled:
		t.kind = "disabled"
	case e.caps.BetweenToolsThinking:
		t.kind = "between_tools"
	default:
		e.lost.Drop("reasoning_effort")
	}
}

// asSaid asks in the words of a caller of this protocol.
func (e *requestWriter) asSaid(t *think) {
	r := e.r.Reasoning
	if r.Type == "enabled" && e.unsignedLoop() {
		e.lost.Drop("reasoning_effort")
		return
	}
	t.kind, t.budget = r.Type, r.Budget
	if r.Type == "enabled" && e.caps.RejectsBudgetThinking && e.caps.AdaptiveThinking {
		e.lost.Drop("thinking.budget_tokens")
		t.kind, t.budget = "adaptive", nil
		if t.effort == "" && r.Budget != nil {
			t.effort = e.effort(codec.EffortOf(*r.Budget))
		}
	}
}

// translate asks for an effort or a budget in the newest words that the model knows.
func (e *requestWriter) translate(t *think) {
	r := e.r.Reasoning
	level := r.Level()
	switch {
	case level == "" && (r.Budget == nil || !e.caps.AdaptiveThinking):
		// Only whether to show was said, or a budget of the model's choosing to a
		// model that has none.
		if r.Budget != nil {
			e.lost.Drop("reasoning_effort")
		}
	case e.caps.AdaptiveThinking:
		t.kind = "adaptive"
		if level != "" {
			t.effort = e.effort(level)
		}
	default:
		if e.caps.Effort {
			t.effort = e.effort(level)
		}
		if e.caps.RejectsBudgetThinking || !e.budget(t, level) {
			if t.effort == "" {
				e.lost.Drop("reasoning_effort")
			}
		}
	}
}

// effort is the word of the model that is nearest to level.
func (e *requestWriter) effort(level string) string {
	known := slices.DeleteFunc(slices.Clone(e.caps.Efforts), func(s string) bool { return s == "none" })
	if len(known) == 0 {
		known = efforts
	}
	return codec.NearestEffort(level, known)
}

// budget asks for thinking with a budget of tokens, and says whether it could.
func (e *requestWriter) budget(t *think, level string) bool {
	if e.unsignedLoop() {
		return false
	}
	if e.r.MaxTokens == nil && e.caps.MaxOutputTokens == 0 {
		// The answer may be as long as without thinking.
		t.maxTokens += codec.BudgetOf(level, 0)
		if e.r.Reasoning.Budget != nil {
			t.maxTokens = defaultMaxTokens + max(*e.r.Reasoning.Budget, 1024)
		}
	}
	// A quarter is left for the answer itself, which counts too.
	n := codec.BudgetOf(level, t.maxTokens-t.maxTokens/4+1)
	if b := e.r.Reasoning.Budget; b != nil && *b > 0 {
		n = min(max(*b, 1024), t.maxTokens-1)
	}
	if n < 1024 {
		return false
	}
	t.kind, t.budget = "enabled", &n
	return true
}

// unsignedLoop says that the conversation ends with results of calls whose thought
// is not Anthropic's. With a budget, it refuses to go on thinking then.
func (e *requestWriter) unsignedLoop() bool {
	if len(e.turns) < 2 || !e.turns[len(e.turns)-1].has(codec.ToolResultPart) {
		return false
	}
	last := e.turns[len(e.turns)-2]
	return last.has(codec.ToolCallPart) && last.parts[0].p.Kind != codec.Thinking
}

func (e *requestWriter) display(t *think) {
	switch {
	case !t.on():
		if e.r.Reasoning.Show != nil && *e.r.Reasoning.Show {
			e.lost.Drop("reasoning.summary")
		}
	case e.r.Reasoning.Display != "":
		t.display = e.r.Reasoning.Display
	case *e.r.Reasoning.Show:
		t.display = "summarized"
	default:
		t.display = "omitted"
	}
}

func (e *requestWriter) writeThinking(t think) {
	nested := e.nested("thinking")
	if t.kind == "" && len(nested) == 0 {
		return
	}
	e.w.ObjectField("thinking")
	if t.kind != "" {
		e.w.StringField("type", t.kind)
	}
	if t.budget != nil {
		e.w.IntField("budget_tokens", *t.budget)
	}
	if t.display != "" {
		e.w.StringField("display", t.display)
	}
	e.fields(nested)
	e.w.End()
}
