package codec

import "slices"

// told turns results that answer no call, which Codex puts into a conversation to tell
// the model something, into words of the user's: other protocols pair each result with
// its call. It returns r itself when there are none.
func told(r *Request) *Request {
	unasked := func(p Part) bool { return p.Result != nil && p.Result.CallID == "" }
	if !slices.ContainsFunc(r.Messages, func(m Message) bool { return slices.ContainsFunc(m.Parts, unasked) }) {
		return r
	}
	c := *r
	c.Messages = make([]Message, 0, len(r.Messages))
	for _, m := range r.Messages {
		if !slices.ContainsFunc(m.Parts, unasked) {
			c.Messages = append(c.Messages, m)
			continue
		}
		for _, p := range m.Parts {
			if !unasked(p) {
				c.Messages = append(c.Messages, Message{Role: m.Role, Name: m.Name, ID: m.ID, Parts: []Part{p}})
				continue
			}
			parts := []Part{{Kind: Text, Text: p.Result.Name + ":"}}
			c.Messages = append(c.Messages, Message{Role: RoleUser, Parts: append(parts, p.Result.Content...)})
		}
	}
	return &c
}
