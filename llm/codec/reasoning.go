package codec

// Efforts are the values of reasoning effort, from least to most.
var Efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// budgets are the tokens that an effort stands for where only a budget is known, and
// the bounds of the way back.
var budgets = map[string]int64{"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 65536}

// EffortOf names the effort that a budget of tokens comes nearest to.
func EffortOf(budget int64) string {
	for _, e := range Efforts[1:] {
		if budget <= budgets[e] {
			return e
		}
	}
	return "max"
}

// BudgetOf is the budget for an effort: at least 1024, as Anthropic wants it, and
// less than maxTokens where that is known. 0 is for "none", and for a maxTokens that
// leaves no room.
func BudgetOf(effort string, maxTokens int64) int64 {
	b := budgets[effort]
	if maxTokens > 0 && b >= maxTokens {
		b = maxTokens - 1
	}
	if b < 1024 {
		return 0
	}
	return b
}

// Level returns the effort that r asks for in one word, "" when it asks for nothing.
func (r Reasoning) Level() string {
	switch {
	case r.Effort != "":
		return r.Effort
	case r.Type == "disabled":
		return "none"
	case r.Budget != nil && *r.Budget == 0:
		return "none"
	case r.Budget != nil && *r.Budget > 0:
		return EffortOf(*r.Budget)
	case r.Type == "adaptive" || r.Type == "enabled" || r.Type == "between_tools":
		return "medium"
	}
	return ""
}

// NearestEffort is the value among known that is nearest to effort, the lower of
// two; effort itself when known is empty.
func NearestEffort(effort string, known []string) string {
	if len(known) == 0 {
		return effort
	}
	rank := func(s string) int {
		for i, e := range Efforts {
			if e == s {
				return i
			}
		}
		return 3
	}
	best, far := "", 100
	for _, k := range known {
		d := rank(k) - rank(effort)
		if d < 0 {
			d = -d
		}
		if d < far || d == far && rank(k) < rank(best) {
			best, far = k, d
		}
	}
	return best
}
