package gemini

import (
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// ledger pairs results with calls where the conversation has no ids: a result
// answers the first call of its name that has no answer yet. Decoder and encoder
// keep it alike, so that the encoder knows which ids the decoder made. Its zero value
// is ready.
type ledger struct {
	n      int // calls, and results that answer none
	calls  []entry
	byID   map[string]int
	byName map[string][]int // calls without an answer, and some with one
}

type entry struct {
	id, name string
	made     bool // rather than said
	answered bool
}

// made is the id of the next call when the conversation has none for it.
func (l *ledger) made(name string) string {
	id := "call_" + strconv.Itoa(l.n) + "_" + name
	l.n++
	return id
}

func (l *ledger) call(id, name string, made bool) {
	if l.byID == nil {
		l.byID, l.byName = map[string]int{}, map[string][]int{}
	}
	l.byID[id] = len(l.calls)
	l.byName[name] = append(l.byName[name], len(l.calls))
	l.calls = append(l.calls, entry{id: id, name: name, made: made})
}

// index is the number of the call with an id, -1 when there is no such call.
func (l *ledger) index(id string) int {
	if i, ok := l.byID[id]; ok {
		return i
	}
	return -1
}

// name is the tool that a call's id belongs to, "" when there is no such call.
func (l *ledger) name(id string) string {
	if i := l.index(id); i >= 0 {
		return l.calls[i].name
	}
	return ""
}

// due is the id of the call that a result without an id answers; made says that the
// call has no id of its own.
func (l *ledger) due(name string) (id string, made bool) {
	waiting := l.byName[name]
	for len(waiting) > 0 && l.calls[waiting[0]].answered {
		waiting = waiting[1:]
	}
	if l.byName != nil {
		l.byName[name] = waiting
	}
	if len(waiting) > 0 {
		c := l.calls[waiting[0]]
		return c.id, c.made
	}
	return l.made(name), true
}

func (l *ledger) answer(id string) {
	if i := l.index(id); i >= 0 {
		l.calls[i].answered = true
	}
}

// answerID is the id of a call in an answer that has none: unlike those that a
// request is given, it must differ from those of the answers before.
func answerID(responseID string, n int) string {
	return codec.ID("call_", responseID) + "_" + strconv.Itoa(n)
}

// foreignIDs begin the ids that were made by other providers, or by this codec:
// Vertex AI knows no ids, so that they are left out.
var foreignIDs = []string{"call_", "toolu_", "fc_", "ctc_", "srvtoolu_", "chatcmpl-"}

func foreignID(id string) bool {
	for _, prefix := range foreignIDs {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}
