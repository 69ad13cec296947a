package llmproxy

import (
	"hash/maphash"
	"sync"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/balance"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// Affinity remembers which target a conversation went to, so that what is bound to
// its provider goes back there: encrypted reasoning, signatures, stored responses, a
// cached prompt. It holds hashes only, of the last maxAffine conversations, and is
// safe for concurrent use.
type Affinity struct {
	mu        sync.Mutex
	seed      maphash.Seed
	new, old  map[uint64]balance.Key // generations: what is used moves to the new one
	maxAffine int
}

// NewAffinity returns an empty one.
func NewAffinity() *Affinity {
	return &Affinity{seed: maphash.MakeSeed(), new: map[uint64]balance.Key{}, maxAffine: 1 << 15}
}

func (a *Affinity) get(id uint64) balance.Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.new[id]
	if !ok {
		if k, ok = a.old[id]; ok {
			a.store(id, k)
		}
	}
	return k
}

func (a *Affinity) put(id uint64, k balance.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.store(id, k)
}

func (a *Affinity) store(id uint64, k balance.Key) {
	if len(a.new) >= a.maxAffine {
		a.old, a.new = a.new, make(map[uint64]balance.Key, a.maxAffine/4)
	}
	a.new[id] = k
}

// preferred is the target that the call's conversation is bound to; the zero Key when
// there is none. A conversation that begins is free to go anywhere.
func (x *exchange) preferred(m *Logical) balance.Key {
	if x.hop.Plan.Affinity == nil || len(m.Candidates) < 2 || x.req.buf == nil {
		return balance.Key{}
	}
	id, goesOn := x.conversationID()
	if x.conversation = id; id == 0 || !goesOn {
		return balance.Key{}
	}
	return x.hop.Plan.Affinity.get(id)
}

// remember notes where a conversation went.
func (x *exchange) remember(key balance.Key) {
	if x.conversation == 0 {
		return
	}
	x.target = key
	x.hop.Plan.Affinity.put(x.conversation, key)
}

// rememberResponse notes where a response is stored, once its id has been read.
func (x *exchange) rememberResponse() {
	if id := x.read.responseID; id != "" && x.target != (balance.Key{}) {
		x.hop.Plan.Affinity.put(x.affine("response", id), x.target)
	}
}

// sessionHeaders carry the id that a client gives to a conversation.
var sessionHeaders = []string{"X-Claude-Code-Session-Id", "Session-Id", "Session_id"}

// conversationID is what all turns of a conversation have in common: an id that the
// client gives it, or else its beginning. 0 is for what is no conversation. goesOn says
// that a provider may have made some of it already, and so may hold, or have signed,
// encrypted or cached, what belongs to it.
func (x *exchange) conversationID() (id uint64, goesOn bool) {
	member := func(name string) []byte { return x.req.buf.members.Value(x.req.buf.b, name) }
	if id := gjson.ParseBytes(member("previous_response_id")).Str; id != "" {
		return x.affine("response", id), true
	}
	for _, name := range sessionHeaders {
		if v := x.r.Header[name]; len(v) > 0 {
			return x.affine("session", v[0]), true
		}
	}
	if id := gjson.ParseBytes(member("prompt_cache_key")).Str; id != "" {
		return x.affine("cache", id), true
	}
	for _, name := range []string{"messages", "input", "contents"} {
		if list := member(name); len(list) > 0 {
			begin, goesOn := beginning(list)
			return x.affine("begin", begin), goesOn
		}
	}
	return 0, false
}

// looked is how many items of a conversation are looked at to see whether it goes on.
const looked = 4

// beginning is the text with which a list of messages begins: its first one, and the
// second where the first is the system's. goesOn says that somebody else than the user
// has spoken.
func beginning(list []byte) (begin string, goesOn bool) {
	if list[0] != '[' { // Responses takes a mere text
		return string(list), false
	}
	n, end := 0, 0
	jsonscan.Walk(list, 0, func(_ []byte, at int) int {
		n++
		next := jsonscan.Skip(list, at)
		if next < at {
			return -1
		}
		switch role := roleOf(list[at:next]); {
		case n == 1, n == 2 && role == "user":
			end = next
		case role != "user" && role != "system" && role != "developer", n > looked:
			goesOn = true
			return -1 // seen enough
		}
		return next
	})
	return string(list[:end]), goesOn
}

// roleOf reads the role of a message, which stands near its begin.
func roleOf(message []byte) (role string) {
	jsonscan.Walk(message, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(message, at)
		if string(name) == "role" && end > at {
			role, _ = jsonscan.String(message[at:end])
			return -1
		}
		return end
	})
	return role
}

// affine hashes what names a conversation. Nobody joins another key's.
func (x *exchange) affine(kind, name string) uint64 {
	var h maphash.Hash
	h.SetSeed(x.hop.Plan.Affinity.seed)
	for _, s := range []string{x.hop.Caller.KeyID, kind, name} {
		_, _ = h.WriteString(s)
		_ = h.WriteByte(0)
	}
	return max(h.Sum64(), 1)
}
