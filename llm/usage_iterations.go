package llm

import "iter"

// Iteration is one of the samplings that a call was made of: an upstream may compact
// the conversation, ask another model for advice, or let another one answer, all in
// one call.
type Iteration struct {
	// Model is the one whose price it has; "" is the call's own.
	Model string
	// Beyond says that the call's counts leave it out.
	Beyond bool
	// Usage is what it consumed. It has no Iterations of its own.
	Usage
}

// Iterations are behind a pointer in a [Usage], so that one can be compared.
type Iterations []Iteration

// maxIterations is more than a call has. It bounds what is kept of one.
const maxIterations = 64

// Add appends an iteration. Of more than can be kept, which only an upstream that is
// broken has, it is added to the last one that is as near to it as can be.
func (l *Iterations) Add(it Iteration) {
	list := *l
	if len(list) < maxIterations {
		*l = append(list, it)
		return
	}
	at, nearest := -1, -1
	for i, other := range list {
		near := 0
		if other.Beyond == it.Beyond {
			near = 1
			if other.Model == it.Model {
				near = 2
			}
		}
		if near >= nearest {
			at, nearest = i, near
		}
	}
	if nearest == 0 && !it.Beyond {
		return // the call's counts have it, and what is beyond them must not
	}
	list[at].Usage = list[at].plus(it.Usage)
}

// Parts visits what is billed, piece by piece, since a price may depend on how long one
// prompt was; with each comes the model whose price it has, "" for the call's own. What
// the counts have beyond the iterations that they include is a part too.
func (u Usage) Parts() iter.Seq2[string, Usage] {
	return func(yield func(string, Usage) bool) {
		rest, told := u, false
		rest.Iterations = nil
		var list Iterations
		if u.Iterations != nil {
			list = *u.Iterations
		}
		for _, it := range list {
			if !yield(it.Model, it.Usage) {
				return
			}
			if !it.Beyond {
				rest, told = rest.minus(it.Usage), true
			}
		}
		if !told || rest.Total().N > 0 {
			yield("", rest)
		}
	}
}

// Billed is the sum of the parts.
func (u Usage) Billed() Usage {
	if u.Iterations == nil {
		return u
	}
	var s Usage
	for _, part := range u.Parts() {
		s = s.plus(part)
	}
	s.Reasoning, s.Final = u.Reasoning, u.Final
	return s
}

func (u Usage) plus(v Usage) Usage {
	u.Input, u.Output = u.Input.Plus(v.Input), u.Output.Plus(v.Output)
	u.CacheRead, u.CacheWrite = u.CacheRead.Plus(v.CacheRead), u.CacheWrite.Plus(v.CacheWrite)
	u.CacheWrite1h = u.CacheWrite1h.Plus(v.CacheWrite1h)
	return u
}

// minus is what is left of u without v; no count is below 0.
func (u Usage) minus(v Usage) Usage {
	u.Input, u.Output = u.Input.minus(v.Input), u.Output.minus(v.Output)
	u.CacheRead, u.CacheWrite = u.CacheRead.minus(v.CacheRead), u.CacheWrite.minus(v.CacheWrite)
	u.CacheWrite1h = u.CacheWrite1h.minus(v.CacheWrite1h)
	return u
}

func (c Count) minus(d Count) Count {
	return Count{N: max(c.N-d.N, 0), Known: c.Known || d.Known}
}
