package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// A conversation that another provider has begun goes on at one of the caller's own
// protocol, which does not see what only the other could prove.
func TestMovedConversation(t *testing.T) {
	w := wires["chat"]
	upstream := newCanned(t)
	s := newGateway(t, w.bundle(&w, upstream.URL, "chat"))
	proof := codec.Carry(llm.OpenAIChat, codec.Signature{Of: llm.AnthropicMessages, Value: "sig"})
	body := fmt.Sprintf(`{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello","reasoning_content":"deep",`+
		`"thinking_blocks":[{"type":"thinking","thinking":"deep","signature":%q}]},{"role":"user","content":"Go on"}],"x-new":1}`, proof)
	upstream.kind, upstream.answer = sse, w.stream
	got := s.do(t, "POST", w.path, body)
	require.Equal(t, 200, got.Status, got.Body)
	require.NotContains(t, upstream.body, "agw-sig")
	require.NotContains(t, upstream.body, "deep")
	require.Contains(t, upstream.body, "Go on")
	require.Contains(t, upstream.body, `"x-new":1`)
	require.Contains(t, upstream.body, `"include_usage":true`)
	require.NotContains(t, got.Body, `"prompt_tokens"`, "the caller has not asked for usage")
	require.EqualValues(t, 15, s.event(t).LLM.TotalTokens.N)
}
