package codec

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func TestInputReader(t *testing.T) {
	input := "*** Begin Patch\n\"quoted\" \\ back\u2028é😀\x00 end"
	text, err := json.Marshal(map[string]string{"input": input})
	require.NoError(t, err)
	for _, tc := range []struct{ name, args, want string }{
		{"as expected", string(text), input},
		{"spaces", " { \"input\" :\n\"a\\ud83d\\ude00b\" } ", "a😀b"},
		{"empty", `{"input":""}`, ""},
		{"another member first", `{"why":1,"input":"x"}`, "x"},
		{"another form", `{"patch":"x"}`, `{"patch":"x"}`},
		{"no JSON", `just text`, `just text`},
		{"cut off", `{"input":"abc`, "abc"},
		{"nothing", ``, ``},
	} {
		for size := 1; size <= len(tc.args)+1; size++ {
			var r inputReader
			got := ""
			for i := 0; i < len(tc.args); i += size {
				got += r.feed(tc.args[i:min(i+size, len(tc.args))])
			}
			require.Equal(t, tc.want, got+r.close(), "%s in pieces of %d", tc.name, size)
		}
	}
}

func codexRequest() *Request {
	return &Request{
		From: llm.OpenAIResponses,
		Tools: []Tool{
			{Kind: CustomTool, Name: "apply_patch", Description: "Edit.", Grammar: json.RawMessage(`{"type":"grammar","syntax":"lark","definition":"start: x"}`)},
			{Name: "read", Namespace: "mcp__fs"},
			{Name: "mcp__fs__read"},
		},
		Messages: []Message{{Role: RoleAssistant, Parts: []Part{
			{Kind: ToolCallPart, Call: &ToolCall{ID: "1", Name: "apply_patch", Custom: true, Arguments: "a\"b"}},
			{Kind: ToolCallPart, Call: &ToolCall{ID: "2", Name: "read", Namespace: "mcp__fs", Arguments: "{}"}},
		}}, {Role: RoleTool, Parts: []Part{{Kind: ToolResultPart, Result: &ToolResult{CallID: "1", Custom: true}}}}},
	}
}

func TestAdaptIsUndone(t *testing.T) {
	r := codexRequest()
	before, _ := json.Marshal(r)
	c, a, err := Adapt(r, llm.AnthropicMessages, llm.Capabilities{}, nil)
	require.NoError(t, err)
	after, _ := json.Marshal(r)
	require.JSONEq(t, string(before), string(after), "the caller's request stays")

	require.Equal(t, FunctionTool, c.Tools[0].Kind)
	require.Contains(t, c.Tools[0].Description, "start: x")
	require.Equal(t, "_mcp__fs__read", c.Tools[1].Name, "the plain name is taken")
	require.Equal(t, `{"input":"a\"b"}`, c.Messages[0].Parts[0].Call.Arguments)
	require.Equal(t, "_mcp__fs__read", c.Messages[0].Parts[1].Call.Name)

	resp := &Response{Choices: []Choice{{Parts: []Part{
		{Kind: ToolCallPart, Call: &ToolCall{Name: "apply_patch", Arguments: `{"input":"x\ny"}`}},
		{Kind: ToolCallPart, Call: &ToolCall{Name: "_mcp__fs__read", Arguments: `{"p":1}`}},
		{Kind: ToolCallPart, Call: &ToolCall{Name: "mcp__fs__read", Arguments: `{}`}},
	}}}}
	a.Response(resp)
	p := resp.Choices[0].Parts
	require.Equal(t, ToolCall{Name: "apply_patch", Custom: true, Arguments: "x\ny"}, *p[0].Call)
	require.Equal(t, ToolCall{Name: "read", Namespace: "mcp__fs", Arguments: `{"p":1}`}, *p[1].Call)
	require.Equal(t, ToolCall{Name: "mcp__fs__read", Arguments: `{}`}, *p[2].Call)

	var got string
	for _, e := range a.Events([]Event{
		{Kind: PartStart, Part: &Part{Kind: ToolCallPart, Call: &ToolCall{Name: "apply_patch"}}},
		{Kind: PartDelta, Delta: `{"inp`}, {Kind: PartDelta, Delta: `ut":"x\`}, {Kind: PartDelta, Delta: `ny"`}, {Kind: PartDelta, Delta: `}`},
		{Kind: PartStop},
		{Kind: PartStart, Part: &Part{Kind: ToolCallPart, Call: &ToolCall{Name: "_mcp__fs__read"}}},
		{Kind: PartDelta, Delta: `{}`},
		{Kind: PartStop},
	}) {
		switch e.Kind {
		case PartStart:
			got += "<" + e.Part.Call.Name + ">"
		case PartDelta:
			got += e.Delta
		}
	}
	require.Equal(t, "<apply_patch>x\ny<read>{}", got)
}

func TestAdaptLeavesBe(t *testing.T) {
	r := codexRequest()
	for _, op := range []llm.Operation{llm.OpenAIResponses} {
		c, a, err := Adapt(r, op, llm.Capabilities{}, nil)
		require.NoError(t, err)
		require.Same(t, r, c)
		require.Nil(t, a)
	}
	r.PreviousResponseID = "resp_1"
	_, _, err := Adapt(r, llm.OpenAIChat, llm.Capabilities{}, nil)
	require.ErrorContains(t, err, "previous_response_id")
}

func TestSignaturesAreCarried(t *testing.T) {
	own := Signature{Of: llm.AnthropicMessages, Value: "sig=="}
	require.Equal(t, "sig==", Carry(llm.AnthropicMessages, own))
	packed := Carry(llm.OpenAIChat, own)
	require.Equal(t, own, *Carried(llm.OpenAIChat, packed))
	require.Equal(t, Signature{Of: llm.GeminiGenerate, Value: "agw-sig1.broken"}, *Carried(llm.GeminiGenerate, "agw-sig1.broken"))
	require.Nil(t, Carried(llm.OpenAIChat, ""))
}

func TestReasoning(t *testing.T) {
	require.Equal(t, "medium", EffortOf(8000))
	require.EqualValues(t, 0, BudgetOf("none", 0))
	require.EqualValues(t, 1999, BudgetOf("high", 2000))
	require.EqualValues(t, 0, BudgetOf("high", 1024), "no room")
	require.Equal(t, "high", NearestEffort("max", []string{"low", "high"}))
	require.Equal(t, "low", NearestEffort("medium", []string{"low", "high"}))
	budget := int64(0)
	require.Equal(t, "none", Reasoning{Budget: &budget}.Level())
}

func TestResultsOfNoCallAreTold(t *testing.T) {
	r := &Request{From: llm.OpenAIResponses, Messages: []Message{
		{Role: RoleUser, Parts: []Part{{Text: "x"}}},
		{Role: RoleTool, Parts: []Part{{Kind: ToolResultPart, Result: &ToolResult{Name: "goal", Content: []Part{{Text: "win"}}}}, {Kind: ToolResultPart, Result: &ToolResult{CallID: "1"}}}},
	}}
	c, _, err := Adapt(r, llm.AnthropicMessages, llm.Capabilities{}, nil)
	require.NoError(t, err)
	require.Equal(t, []Message{
		r.Messages[0],
		{Role: RoleUser, Parts: []Part{{Text: "goal:"}, {Text: "win"}}},
		{Role: RoleTool, Parts: []Part{{Kind: ToolResultPart, Result: &ToolResult{CallID: "1"}}}},
	}, c.Messages)
	require.Len(t, r.Messages, 2)
}
