package echo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func TestChat(t *testing.T) {
	const (
		tools = `"tools":[
			{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","required":["city","days"],"properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}},
			{"type":"custom","custom":{"name":"apply_patch"}},
			{"type":"function","function":{"name":"now"}}]`
		text    = "choices.0.message.content"
		name    = "choices.0.message.tool_calls.0.function.name"
		args    = "choices.0.message.tool_calls.0.function.arguments"
		calls   = "choices.0.message.tool_calls.#"
		finish  = "choices.0.finish_reason"
		input   = "usage.prompt_tokens"
		output  = "usage.completion_tokens"
		choices = "choices.#"
	)
	user := func(s string) string { return fmt.Sprintf(`"messages":[{"role":"user","content":%q}]`, s) }
	for name_, c := range map[string]struct {
		body string
		want wants
	}{
		"text":             {user("hello"), wants{text: `"hello"`, finish: `"stop"`, input: "1", output: "1", "usage.total_tokens": "2", "choices.0.logprobs": "null", "object": `"chat.completion"`, "created": "1800000000", "id": `"chatcmpl-echo-x1"`}},
		"not escaped":      {user("a < b & c"), wants{text: `"a < b & c"`}},
		"white space":      {user("  a\n\nb  "), wants{text: `"  a\n\nb  "`, output: "2"}},
		"empty":            {user(""), wants{text: `""`, output: "0"}},
		"no user":          {`"messages":[{"role":"system","content":"be kind"}]`, wants{text: `""`, input: "2"}},
		"system ignored":   {`"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hi"}]`, wants{text: `"hi"`, input: "3"}},
		"last user":        {`"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"three"}]`, wants{text: `"three"`, input: "3"}},
		"before assistant": {`"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"}]`, wants{text: `"one"`}},
		"parts": {`"messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:,"}},{"type":"file","file":{"file_id":"f"}},{"type":"input_audio","input_audio":{}},{"type":"text","text":"well"}]}]`,
			wants{text: `"see\n[image]\n[file]\n[audio]\nwell"`, input: "5"}},
		"n":                 {user("hello") + `,"n":3`, wants{choices: "3", "choices.2.index": "2", "choices.2.message.content": `"hello"`, output: "3"}},
		"length":            {user("one two  three") + `,"max_tokens":2`, wants{text: `"one two"`, finish: `"length"`, output: "2"}},
		"just enough":       {user("one two ") + `,"max_completion_tokens":2`, wants{text: `"one two "`, finish: `"stop"`}},
		"newer limit wins":  {user("one two") + `,"max_tokens":1,"max_completion_tokens":2`, wants{text: `"one two"`}},
		"stop":              {user("one two three") + `,"stop":" three"`, wants{text: `"one two"`, finish: `"stop"`}},
		"first of stops":    {user("one two three") + `,"stop":["three","","two"]`, wants{text: `"one "`}},
		"stop null":         {user("one") + `,"stop":null,"tools":null,"tool_choice":null,"response_format":null,"n":null,"stream_options":null`, wants{text: `"one"`}},
		"limit before stop": {user("one two three") + `,"stop":"three","max_tokens":1`, wants{text: `"one"`, finish: `"length"`}},

		"tool not named":    {user("get_weathers") + "," + tools, wants{text: `"get_weathers"`, calls: ""}},
		"tool named":        {user("use get_weather, please") + "," + tools, wants{text: "null", name: `"get_weather"`, args: `"{\"city\":\"city\",\"days\":1}"`, finish: `"tool_calls"`, "choices.0.message.tool_calls.0.id": `"call_echo_x2"`, output: "2"}},
		"arguments":         {user(`get_weather { "city" : "now" } ok`) + "," + tools, wants{calls: "1", args: `"{\"city\":\"now\"}"`}},
		"like a call":       {user(`get_weather({"city":"Rome"})`) + "," + tools, wants{args: `"{\"city\":\"Rome\"}"`}},
		"broken arguments":  {user(`now {"a":`) + "," + tools, wants{args: `"{}"`}},
		"big number kept":   {user(`now {"a":12345678901234567890}`) + "," + tools, wants{args: `"{\"a\":12345678901234567890}"`}},
		"two tools":         {user("now get_weather") + "," + tools, wants{calls: "2", name: `"now"`}},
		"one tool twice":    {user(`now {"a":1} now {"a":2} now {"a":1}`) + "," + tools, wants{calls: "2", "choices.0.message.tool_calls.1.function.arguments": `"{\"a\":2}"`}},
		"not parallel":      {user("now get_weather") + `,"parallel_tool_calls":false,` + tools, wants{calls: "1", name: `"now"`}},
		"custom left out":   {user("apply_patch") + "," + tools, wants{text: `"apply_patch"`}},
		"none":              {user("now") + `,"tool_choice":"none",` + tools, wants{text: `"now"`}},
		"required":          {user("hi") + `,"tool_choice":"required",` + tools, wants{calls: "1", name: `"get_weather"`}},
		"required, named":   {user("now") + `,"tool_choice":"required",` + tools, wants{calls: "1", name: `"now"`}},
		"forced":            {user("get_weather") + `,"tool_choice":{"type":"function","function":{"name":"now"}},` + tools, wants{calls: "1", name: `"now"`}},
		"allowed, auto":     {user("get_weather now") + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"now"}}]}},` + tools, wants{calls: "1", name: `"now"`}},
		"allowed, required": {user("hi") + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"now"}}]}},` + tools, wants{name: `"now"`}},
		"tool results": {`"messages":[{"role":"user","content":"now"},{"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","content":"12:00"},{"role":"tool","content":[{"type":"text","text":"now"}]}],"tool_choice":"required",` + tools,
			wants{text: `"12:00\nnow"`, calls: "", finish: `"stop"`}},
		"past tool results":  {`"messages":[{"role":"user","content":"a"},{"role":"tool","content":"12:00"},{"role":"assistant","content":"b"}]`, wants{text: `"a"`}},
		"results, then user": {`"messages":[{"role":"tool","content":"12:00"},{"role":"user","content":"a"}]`, wants{text: `"a"`}},

		"json_schema": {user("hi") + `,"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","required":["a"],"properties":{"a":{"type":"boolean"}}}}}`, wants{text: `"{\"a\":true}"`}},
		"json_object": {user("hi") + `,"response_format":{"type":"json_object"}`, wants{text: `"{}"`}},
		"format text": {user("hi") + `,"response_format":{"type":"text"}`, wants{text: `"hi"`}},

		"chunks":           {user("[[echo:chunks=3]] ignored"), wants{text: `"w1 w2 w3"`}},
		"markers stripped": {user("a [[echo:delay=0s]] b [[echo:delay=1ms]]"), wants{text: `"a b"`}},
		"malformed marker": {user("[[echo:status=200]] [[echo:x=1]] [[echo:delay=soon]]"), wants{text: `"[[echo:status=200]] [[echo:x=1]] [[echo:delay=soon]]"`}},
	} {
		t.Run(name_, func(t *testing.T) {
			status, got := ask(t, llm.OpenAIChat, "{"+c.body+"}")
			require.Equal(t, 200, status, got.Raw)
			c.want.check(t, got)
		})
	}
}

func TestMessages(t *testing.T) {
	const tools = `"tools":[{"name":"get_weather","input_schema":{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}},
		{"type":"web_search_20260318","name":"web_search"},{"type":"custom","name":"now","input_schema":{"type":"object"}}]`
	user := func(s string) string { return fmt.Sprintf(`"messages":[{"role":"user","content":%q}]`, s) }
	for name, c := range map[string]struct {
		body string
		want wants
	}{
		"text":           {user("hello") + `,"system":[{"type":"text","text":"be kind"}]`, wants{"content.0.text": `"hello"`, "stop_reason": `"end_turn"`, "stop_sequence": "null", "type": `"message"`, "role": `"assistant"`, "usage.input_tokens": "3", "usage.output_tokens": "1", "usage.cache_read_input_tokens": "0", "id": `"msg_echo_x1"`}},
		"empty":          {user(""), wants{"content": "[]"}},
		"length":         {user("one two") + `,"max_tokens":1`, wants{"content.0.text": `"one"`, "stop_reason": `"max_tokens"`}},
		"stop":           {user("one two") + `,"stop_sequences":["two"]`, wants{"content.0.text": `"one "`, "stop_reason": `"stop_sequence"`, "stop_sequence": `"two"`}},
		"media":          {`"messages":[{"role":"user","content":[{"type":"image","source":{}},{"type":"document","source":{"type":"text","data":"x"}},{"type":"text","text":"see"}]}]`, wants{"content.0.text": `"[image]\n[file]\nsee"`}},
		"tool":           {user("get_weather now web_search") + "," + tools, wants{"content.#": "2", "content.0.input": `{"city":"city"}`, "content.1.name": `"now"`, "stop_reason": `"tool_use"`}},
		"single":         {user("get_weather now") + `,"tool_choice":{"type":"auto","disable_parallel_tool_use":true},` + tools, wants{"content.#": "1"}},
		"any":            {user("hi") + `,"tool_choice":{"type":"any"},` + tools, wants{"content.0.name": `"get_weather"`}},
		"named":          {user("hi") + `,"tool_choice":{"type":"tool","name":"now"},` + tools, wants{"content.0.name": `"now"`}},
		"none":           {user("now") + `,"tool_choice":{"type":"none"},` + tools, wants{"content.0.text": `"now"`}},
		"structured":     {user("hi") + `,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","required":["a"],"properties":{"a":{"type":"array"}}}}}`, wants{"content.0.text": `"{\"a\":[]}"`}},
		"tool results":   {`"messages":[{"role":"user","content":[{"type":"tool_result","content":"one"},{"type":"tool_result","content":[{"type":"text","text":"two"},{"type":"image"}]},{"type":"text","text":"now"}]}],` + tools, wants{"content.0.text": `"one\ntwo\n[image]"`, "usage.input_tokens": "4"}},
		"hosted results": {`"messages":[{"role":"assistant","content":[{"type":"web_fetch_tool_result","content":{"url":"x"}}]},{"role":"user","content":"hi"}]`, wants{"content.0.text": `"hi"`}},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := ask(t, llm.AnthropicMessages, "{"+c.body+"}")
			require.Equal(t, 200, status, got.Raw)
			c.want.check(t, got)
		})
	}
}

func TestResponses(t *testing.T) {
	const tools = `"tools":[{"type":"function","name":"get_weather","parameters":{"type":"object"}},{"type":"custom","name":"apply_patch"},{"type":"function","name":"now"}]`
	for name, c := range map[string]struct {
		body string
		want wants
	}{
		"text": {`"input":"hello","instructions":"be kind","temperature":0.5,"metadata":{"k":"v"}`, wants{"output.0.content.0.text": `"hello"`, "output.0.content.0.annotations": "[]", "status": `"completed"`, "error": "null", "incomplete_details": "null",
			"instructions": `"be kind"`, "temperature": "0.5", "metadata": `{"k":"v"}`, "tools": "[]", "tool_choice": `"auto"`, "parallel_tool_calls": "true", "store": "false", "usage.input_tokens": "3", "usage.total_tokens": "4", "usage.output_tokens_details.reasoning_tokens": "0"}},
		"items":        {`"input":[{"role":"user","content":"one"},{"type":"message","role":"user","content":[{"type":"input_text","text":"two"},{"type":"input_image"},{"type":"input_file"}]},{"type":"reasoning","summary":[]}]`, wants{"output.0.content.0.text": `"two\n[image]\n[file]"`}},
		"length":       {`"input":"one two","max_output_tokens":1`, wants{"status": `"incomplete"`, "incomplete_details.reason": `"max_output_tokens"`, "output.0.status": `"incomplete"`, "completed_at": "null", "max_output_tokens": "1"}},
		"tool":         {`"input":"now {\"a\":1} get_weather apply_patch",` + tools, wants{"output.#": "2", "output.0.name": `"now"`, "output.0.arguments": `"{\"a\":1}"`, "output.0.call_id": `"call_echo_x3"`, "output.0.content": "", "output.1.arguments": `"{}"`}},
		"not parallel": {`"input":"now get_weather","parallel_tool_calls":false,` + tools, wants{"output.#": "1", "parallel_tool_calls": "false"}},
		"named":        {`"input":"hi","tool_choice":{"type":"function","name":"now"},` + tools, wants{"output.0.name": `"now"`, "tool_choice": `{"type":"function","name":"now"}`}},
		"allowed":      {`"input":"hi","tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"now"}]},` + tools, wants{"output.0.name": `"now"`}},
		"tool results": {`"input":[{"role":"user","content":"now"},{"type":"function_call","name":"now","arguments":"{}"},{"type":"function_call_output","output":"one"},{"type":"custom_tool_call_output","output":[{"type":"input_text","text":"two"}]}],` + tools, wants{"output.0.content.0.text": `"one\ntwo"`, "usage.input_tokens": "3"}},
		"structured":   {`"input":"hi","text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object","required":["a"],"properties":{"a":{"enum":["x","y"]}}}}}`, wants{"output.0.content.0.text": `"{\"a\":\"x\"}"`, "text.format.name": `"s"`}},
		"nulls":        {`"input":"hi","tools":null,"text":null,"tool_choice":null,"metadata":null,"previous_response_id":null,"conversation":null`, wants{"tools": "[]", "output.0.content.0.text": `"hi"`}},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := ask(t, llm.OpenAIResponses, "{"+c.body+"}")
			require.Equal(t, 200, status, got.Raw)
			c.want.check(t, got)
		})
	}
}

func TestCompletions(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want wants
	}{
		"string":  {`"prompt":"one two","stop":["two"]`, wants{"choices.0.text": `"one "`, "choices.0.logprobs": "null", "object": `"text_completion"`, "usage.prompt_tokens": "2"}},
		"strings": {`"prompt":["one two","three"],"n":2,"max_tokens":1`, wants{"choices.#.text": `["one","one","three","three"]`, "choices.3.index": "3", "choices.0.finish_reason": `"length"`, "choices.3.finish_reason": `"stop"`, "usage.completion_tokens": "4"}},
		"tokens":  {`"prompt":[1,2,3]`, wants{"choices.#.text": `["1 2 3"]`, "usage.prompt_tokens": "3"}},
		"lists":   {`"prompt":[[1,2],[3]]`, wants{"choices.#.text": `["1 2","3"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := ask(t, llm.OpenAICompletions, "{"+c.body+"}")
			require.Equal(t, 200, status, got.Raw)
			c.want.check(t, got)
		})
	}
}

func TestLimitsOfMarkers(t *testing.T) {
	require.Equal(t, maxDelay, marks("[[echo:delay=1h]]").delay)
	require.Equal(t, 20*time.Millisecond, marks("[[echo:delay=20ms]]").delay)
	require.Equal(t, maxChunks, marks("[[echo:chunks=99999999]]").chunks)
}

func TestCallsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 2 * maxCalls {
		fmt.Fprintf(&text, `now {"i":%d} `, i)
	}
	require.Len(t, mentioned(text.String(), []tool{{name: "now"}}), maxCalls)
}
