package llmproxy

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/balance"
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

// stateMarks are what a body holds that is bound to the provider which made it.
var stateMarks = [][]byte{
	[]byte(`"encrypted_content"`), []byte(`"signature"`), []byte(`"thoughtSignature"`), []byte(`"thought_signature"`), []byte(`"redacted_thinking"`),
	[]byte(`"cache_control"`), []byte(`"prompt_cache_key"`), []byte(`"previous_response_id"`), []byte(`"thinking_blocks"`), []byte(`"cachedContent"`),
}

// preferred is the target that the call's conversation is bound to; the zero Key when
// there is none. A conversation without state is free to go anywhere.
func (x *exchange) preferred(m *Logical) balance.Key {
	if x.hop.Plan.Affinity == nil || len(m.Candidates) < 2 || x.req.buf == nil {
		return balance.Key{}
	}
	x.conversation = x.conversationID()
	if x.conversation == 0 || !bound(x.req.buf.b) {
		return balance.Key{}
	}
	return x.hop.Plan.Affinity.get(x.conversation)
}

// remember notes where a conversation went.
func (x *exchange) remember(key balance.Key) {
	if x.conversation == 0 {
		return
	}
	x.hop.Plan.Affinity.put(x.conversation, key)
	if id := x.read.responseID; id != "" {
		x.hop.Plan.Affinity.put(x.affine("response", id), key)
	}
}

// sessionHeaders carry the id that a client gives to a conversation.
var sessionHeaders = []string{"X-Claude-Code-Session-Id", "Session-Id", "Session_id"}

// conversationID is what all turns of a conversation have in common: an id that the
// client gives it, or else its beginning. 0 is for what is no conversation.
func (x *exchange) conversationID() uint64 {
	member := func(name string) []byte { return x.req.buf.members.Value(x.req.buf.b, name) }
	if id := gjson.ParseBytes(member("previous_response_id")).Str; id != "" {
		return x.affine("response", id)
	}
	for _, name := range sessionHeaders {
		if v := x.r.Header[name]; len(v) > 0 {
			return x.affine("session", v[0])
		}
	}
	if id := gjson.ParseBytes(member("prompt_cache_key")).Str; id != "" {
		return x.affine("cache", id)
	}
	for _, name := range []string{"messages", "input", "contents"} {
		if list := member(name); len(list) > 0 {
			first := gjson.GetBytes(list, "0").Raw
			if second := gjson.GetBytes(list, "1"); second.Get("role").Str == "user" {
				first += second.Raw // the first one is the system's
			}
			return x.affine("begin", first)
		}
	}
	return 0
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

// bound says whether the request holds something that only one provider understands.
func bound(body []byte) bool {
	return slices.ContainsFunc(stateMarks, func(mark []byte) bool { return bytes.Contains(body, mark) })
}
