package shape

import "github.com/agent-gateway/agent-gateway/llm"

// Call returns the call with its body changed. A call whose body is not in memory, or
// which change leaves as it is, is returned itself; the caller's is never changed.
func Call(call *llm.Call, change func(text []byte) []byte) *llm.Call {
	m, ok := call.Body.(llm.InMemory)
	if !ok {
		return call
	}
	text, done := m.Bytes()
	if done != nil {
		defer done()
	}
	shaped := change(text)
	if len(shaped) == len(text) && (len(text) == 0 || &shaped[0] == &text[0]) {
		return call
	}
	c := *call
	c.Body = llm.BytesBody(shaped)
	return &c
}
