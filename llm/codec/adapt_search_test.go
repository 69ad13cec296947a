package codec

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func opaqueItem(raw string) Part {
	return Part{Kind: Opaque, Raw: json.RawMessage(raw), Origin: llm.OpenAIResponses}
}

// searching is a conversation in which Codex has looked for a tool.
func searching() *Request {
	search := `{"type":"tool_search","execution":"client","description":"Look.","parameters":{"type":"object"}}`
	deferred := true
	return &Request{
		From: llm.OpenAIResponses,
		Tools: []Tool{
			{Name: "run"},
			{Kind: HostedTool, Name: toolSearch, Raw: json.RawMessage(search)},
			{Kind: WebSearchTool, Name: "web_search", Raw: json.RawMessage(`{"type":"web_search"}`)},
		},
		Found: []Tool{{Name: "close", Namespace: "agents", Defer: &deferred}, {Name: "run"}},
		Messages: []Message{
			{Role: RoleAssistant, Parts: []Part{opaqueItem(`{"type":"tool_search_call","id":"tsc_1","call_id":"c1","execution":"client","arguments":{"query":"close"}}`)}},
			{Role: RoleUser, Parts: []Part{opaqueItem(`{"type":"tool_search_output","call_id":"c1","execution":"client","tools":[{"type":"namespace","name":"agents","tools":[{"type":"function","name":"close"}]},{"type":"function","name":"run"}]}`)}},
		},
	}
}

func TestClientSearchBecomesAFunction(t *testing.T) {
	r := searching()
	before, _ := json.Marshal(r)
	for _, tc := range []struct {
		op      llm.Operation
		tools   []string
		dropped []string
	}{
		{llm.AnthropicMessages, []string{"run", toolSearch, "web_search", "agents__close"}, nil},
		{llm.GeminiGenerate, []string{"run", toolSearch, "agents__close"}, []string{"tools.web_search"}},
		{llm.OpenAIChat, []string{"run", toolSearch, "agents__close"}, []string{"tools.web_search"}},
	} {
		var lost Losses
		c, a, err := Adapt(r, tc.op, llm.Capabilities{}, &lost)
		require.NoError(t, err)
		var names []string
		for _, tool := range c.Tools {
			names = append(names, tool.Name)
			require.Nil(t, tool.Defer, "what was found is told")
		}
		require.Equal(t, tc.tools, names)
		require.Equal(t, tc.dropped, lost.Fields())
		require.Empty(t, c.Found)
		require.Equal(t, Tool{Kind: FunctionTool, Name: toolSearch, Description: "Look.", Schema: json.RawMessage(`{"type":"object"}`)}, c.Tools[1])

		require.Equal(t, &ToolCall{ID: "c1", Name: toolSearch, Arguments: `{"query":"close"}`}, c.Messages[0].Parts[0].Call)
		require.Equal(t, RoleTool, c.Messages[1].Role)
		require.Equal(t, `{"tools":["agents__close","run"]}`, c.Messages[1].Parts[0].Result.Content[0].Text)

		const item = `{"id":"tsc_c2","type":"tool_search_call","call_id":"c2","execution":"client","status":"completed","arguments":{"query":"x"}}`
		resp := &Response{Choices: []Choice{{Parts: []Part{{Kind: ToolCallPart, Call: &ToolCall{ID: "c2", Name: toolSearch, Arguments: `{"query":"x"}`}}}}}}
		a.Response(resp)
		require.Equal(t, opaqueItem(item), resp.Choices[0].Parts[0])

		got := a.Events([]Event{
			{Kind: PartStart, Part: &Part{Kind: ToolCallPart, Call: &ToolCall{ID: "c2", Name: toolSearch}}},
			{Kind: PartDelta, Delta: `{"query"`}, {Kind: PartDelta, Delta: `:"x"}`}, {Kind: PartStop},
			{Kind: PartStart, Index: 1, Part: &Part{Kind: ToolCallPart, Call: &ToolCall{ID: "c3", Name: "agents__close"}}},
			{Kind: PartDelta, Index: 1, Delta: `{}`}, {Kind: PartStop, Index: 1},
		})
		require.Len(t, got, 5, "an item comes whole")
		whole := opaqueItem(item)
		require.Equal(t, Event{Kind: PartStart, Part: &whole}, got[0])
		require.Equal(t, Event{Kind: PartStop}, got[1])
		require.Equal(t, &ToolCall{ID: "c3", Name: "close", Namespace: "agents"}, got[2].Part.Call)
	}
	after, _ := json.Marshal(r)
	require.JSONEq(t, string(before), string(after), "the caller's request stays")
}

func TestHostedTools(t *testing.T) {
	tool := func(kind ToolKind, raw string) Tool { return Tool{Kind: kind, Raw: json.RawMessage(raw)} }
	for _, tc := range []struct {
		name    string
		r       Request
		tools   int
		dropped []string
	}{
		{"a search that the provider runs is not needed", Request{Tools: []Tool{tool(HostedTool, `{"type":"tool_search_tool_regex_20251119"}`), {Name: "f"}}}, 1, []string{"tools.tool_search_tool_regex_20251119"}},
		{"nothing but a web search", Request{Tools: []Tool{tool(WebSearchTool, `{"type":"web_search"}`)}}, 1, nil},
		{"a web search that must be used", Request{Tools: []Tool{tool(WebSearchTool, `{"type":"web_search"}`), {Name: "f"}}, ToolChoice: &ToolChoice{Mode: ModeAny, Raw: json.RawMessage(`{"type":"web_search"}`)}}, 2, nil},
		{"a web search by name", Request{Tools: []Tool{{Kind: WebSearchTool, Name: "web_search"}}, ToolChoice: &ToolChoice{Mode: ModeNamed, Name: "web_search"}}, 1, []string{"tool_choice"}},
		{"what an encoder refuses", Request{Tools: []Tool{tool(HostedTool, `{"type":"code_interpreter"}`), {Name: "f"}}}, 2, nil},
	} {
		var lost Losses
		c, _, err := Adapt(&tc.r, llm.OpenAIChat, llm.Capabilities{}, &lost)
		require.NoError(t, err, tc.name)
		require.Len(t, c.Tools, tc.tools, tc.name)
		require.Equal(t, tc.dropped, lost.Fields(), tc.name)
	}
}

// A custom tool that an upstream knows as such is still one when its name was changed.
func TestAdaptKeepsCustomTools(t *testing.T) {
	r := &Request{Tools: []Tool{{Kind: CustomTool, Name: "exec", Namespace: "functions"}}}
	c, a, err := Adapt(r, llm.OpenAIChat, llm.Capabilities{}, nil)
	require.NoError(t, err)
	require.Equal(t, CustomTool, c.Tools[0].Kind)
	resp := &Response{Choices: []Choice{{Parts: []Part{{Kind: ToolCallPart, Call: &ToolCall{Name: "functions__exec", Custom: true, Arguments: "x"}}}}}}
	a.Response(resp)
	require.Equal(t, ToolCall{Name: "exec", Namespace: "functions", Custom: true, Arguments: "x"}, *resp.Choices[0].Parts[0].Call)
}

// Gemini knows a result by its function's name, which must be the one it was told.
func TestAdaptNamesResults(t *testing.T) {
	r := &Request{Messages: []Message{
		{Role: RoleAssistant, Parts: []Part{{Kind: ToolCallPart, Call: &ToolCall{ID: "1", Name: "exec", Namespace: "functions"}}}},
		{Role: RoleTool, Parts: []Part{{Kind: ToolResultPart, Result: &ToolResult{CallID: "1", Name: "exec"}}}},
	}}
	c, _, err := Adapt(r, llm.GeminiGenerate, llm.Capabilities{}, nil)
	require.NoError(t, err)
	require.Equal(t, "functions__exec", c.Messages[1].Parts[0].Result.Name)
	require.Equal(t, "exec", r.Messages[1].Parts[0].Result.Name)
}

func TestReferencesAreNamed(t *testing.T) {
	yes := true
	reference := Part{Kind: Opaque, Origin: llm.AnthropicMessages, Raw: json.RawMessage(`{"type":"tool_reference","tool_name":"WebFetch"}`)}
	r := &Request{
		From: llm.AnthropicMessages, Tools: []Tool{{Name: "WebFetch", Defer: &yes}},
		Messages: []Message{{Role: RoleTool, Parts: []Part{{Kind: ToolResultPart, Result: &ToolResult{CallID: "1", Content: []Part{reference}}}}}},
	}
	for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.GeminiGenerate} {
		var lost Losses
		c, _, err := Adapt(r, op, llm.Capabilities{}, &lost)
		require.NoError(t, err)
		require.Equal(t, []Part{{Text: "Found the tool WebFetch."}}, c.Messages[0].Parts[0].Result.Content)
		require.Equal(t, op == llm.OpenAIResponses, c.Tools[0].Defer == nil, "Responses wants its own search beside deferred tools")
	}
	require.Equal(t, reference, r.Messages[0].Parts[0].Result.Content[0], "the caller's request stays")
}

func TestShortUser(t *testing.T) {
	require.Equal(t, "u", ShortUser("u"))
	long := `{"device_id":"f2b79236dfe32fd515395e8f3e0754787e48036559c6d857175e7049bf59077d","account_uuid":""}`
	require.Len(t, ShortUser(long), 64)
	require.Equal(t, ShortUser(long), ShortUser(long))
}
