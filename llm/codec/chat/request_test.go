package chat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// A caller's request is decoded, and encoded again for an upstream of the same
// protocol, which must lose nothing but what the upstream's caps forbid.
func TestRequests(t *testing.T) {
	each(t, "request", func(t *testing.T, a *archive) {
		r, err := Codec.DecodeRequest([]byte(a.get("in")), "", false)
		require.NoError(t, err)
		var lost codec.Losses
		out, err := Codec.EncodeRequest(r, codec.Target{Model: "up", Caps: a.caps()}, &lost)
		require.NoError(t, err)
		a.result("neutral", dump(r))
		a.result("out", pretty(t, out))
		a.result("lost", lines(&lost))
	})
}

// Requests of other protocols, which the upstream of this one is sent.
func TestForeignRequests(t *testing.T) {
	for name, c := range foreignRequests {
		t.Run(name, func(t *testing.T) {
			a := open(t, "testdata/foreign_request/"+name+".txtar")
			var lost codec.Losses
			model := c.model
			if model == "" {
				model = "up"
			}
			out, err := Codec.EncodeRequest(&c.r, codec.Target{Model: model, Caps: c.caps}, &lost)
			require.NoError(t, err)
			a.result("neutral", dump(&c.r))
			a.result("out", pretty(t, out))
			a.result("lost", lines(&lost))
		})
	}
}

func TestRefused(t *testing.T) {
	for name, c := range refusedRequests {
		t.Run(name, func(t *testing.T) {
			out, err := Codec.EncodeRequest(&c.r, codec.Target{Model: "up", Caps: c.caps}, nil)
			require.Error(t, err)
			require.Nil(t, out)
			e := llm.AsError(err)
			require.Equal(t, llm.CodeInvalidRequest, e.Code)
			require.Equal(t, c.param, e.Param)
		})
	}
}

const user = `"messages":[{"role":"user","content":"hi"}]`

func TestMalformed(t *testing.T) {
	message := func(m string) string { return `{"messages":[` + m + `]}` }
	content := func(p string) string { return message(`{"role":"user","content":[` + p + `]}`) }
	assistant := func(p string) string { return message(`{"role":"assistant",` + p + `}`) }
	with := func(f string) string { return `{` + user + `,` + f + `}` }
	for body, param := range map[string]string{
		`[]`:                        "body",
		`{}`:                        "messages",
		`{"messages":[]}`:           "messages",
		`{"messages":null}`:         "messages",
		`{"messages":"hi"}`:         "messages",
		message(`"hi"`):             "messages[0]",
		message(`{"content":"hi"}`): "messages[0].role",
		message(`{"role":"owner"}`): "messages[0].role",
		message(`{"role":"user","content":"a"},{"role":"user","content":7}`): "messages[1].content",
		message(`{"role":"user","name":1}`):                                  "messages[0].name",
		message(`{"role":"user","cache_control":1}`):                         "messages[0].cache_control",
		message(`{"role":"tool","content":"x"}`):                             "messages[0].tool_call_id",
		message(`{"role":"tool","tool_call_id":3}`):                          "messages[0].tool_call_id",
		message(`{"role":"function","content":"x"}`):                         "messages[0].name",
		content(`"x"`):             "messages[0].content[0]",
		content(`{"text":"x"}`):    "messages[0].content[0].type",
		content(`{"type":"text"}`): "messages[0].content[0].text",
		content(`{"type":"text","text":"a"},{"type":"image_url"}`):                             "messages[0].content[1].image_url",
		content(`{"type":"image_url","image_url":{}}`):                                         "messages[0].content[0].image_url.url",
		content(`{"type":"image_url","image_url":{"url":"data:image/png,x"}}`):                 "messages[0].content[0].image_url.url",
		content(`{"type":"image_url","image_url":{"url":"u","detail":1}}`):                     "messages[0].content[0].image_url.detail",
		content(`{"type":"input_audio","input_audio":{"data":"x"}}`):                           "messages[0].content[0].input_audio.format",
		content(`{"type":"input_audio","input_audio":"x"}`):                                    "messages[0].content[0].input_audio",
		content(`{"type":"file","file":{}}`):                                                   "messages[0].content[0].file",
		content(`{"type":"file","file":{"file_id":"a","file_data":"b"}}`):                      "messages[0].content[0].file",
		content(`{"type":"text","text":"a","cache_control":"x"}`):                              "messages[0].content[0].cache_control",
		content(`{"type":"text","text":"a","cache_control":{"ttl":5}}`):                        "messages[0].content[0].cache_control.ttl",
		assistant(`"tool_calls":{}`):                                                           "messages[0].tool_calls",
		assistant(`"tool_calls":[1]`):                                                          "messages[0].tool_calls[0]",
		assistant(`"tool_calls":[{"id":"a"}]`):                                                 "messages[0].tool_calls[0].type",
		assistant(`"tool_calls":[{"type":"function","function":{"name":"f"}}]`):                "messages[0].tool_calls[0].id",
		assistant(`"tool_calls":[{"id":"a","type":"function"}]`):                               "messages[0].tool_calls[0].function",
		assistant(`"tool_calls":[{"id":"a","function":{"name":""}}]`):                          "messages[0].tool_calls[0].function.name",
		assistant(`"tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]`):          "messages[0].tool_calls[0].function.arguments",
		assistant(`"tool_calls":[{"id":"a","type":"custom","custom":{"name":"f","input":1}}]`): "messages[0].tool_calls[0].custom.input",
		assistant(`"function_call":"f"`):                                                       "messages[0].function_call",
		assistant(`"function_call":{}`):                                                        "messages[0].function_call.name",
		assistant(`"refusal":1`):                                                               "messages[0].refusal",
		assistant(`"reasoning_content":[]`):                                                    "messages[0].reasoning_content",
		assistant(`"reasoning_details":{}`):                                                    "messages[0].reasoning_details",
		assistant(`"thinking_blocks":[{"type":"x"}]`):                                          "messages[0].thinking_blocks[0].type",
		assistant(`"thinking_blocks":[{"type":"thinking","thinking":1}]`):                      "messages[0].thinking_blocks[0].thinking",
		with(`"model":1`):                                "model",
		with(`"stream":"yes"`):                           "stream",
		with(`"stream_options":1`):                       "stream_options",
		with(`"stream_options":{"include_usage":1}`):     "stream_options.include_usage",
		with(`"max_tokens":1.5`):                         "max_tokens",
		with(`"max_completion_tokens":"1"`):              "max_completion_tokens",
		with(`"temperature":"hot"`):                      "temperature",
		with(`"n":"2"`):                                  "n",
		with(`"stop":[1]`):                               "stop",
		with(`"logit_bias":[]`):                          "logit_bias",
		with(`"metadata":"x"`):                           "metadata",
		with(`"parallel_tool_calls":0`):                  "parallel_tool_calls",
		with(`"reasoning_effort":1`):                     "reasoning_effort",
		with(`"response_format":"json"`):                 "response_format",
		with(`"response_format":{}`):                     "response_format.type",
		with(`"response_format":{"type":"json_schema"}`): "response_format.json_schema",
		with(`"response_format":{"type":"json_schema","json_schema":{"schema":1}}`): "response_format.json_schema.schema",
		with(`"tools":{}`):                                  "tools",
		with(`"tools":[{}]`):                                "tools[0].type",
		with(`"tools":[{"type":"function"}]`):               "tools[0].function",
		with(`"tools":[{"type":"function","function":{}}]`): "tools[0].function.name",
		with(`"tools":[{"type":"function","function":{"name":"f","parameters":"x"}}]`):                                    "tools[0].function.parameters",
		with(`"tools":[{"type":"custom","custom":{"name":"f","format":1}}]`):                                              "tools[0].custom.format",
		with(`"tools":[{"type":"custom","custom":{"name":"f","format":{"type":"grammar"}}}]`):                             "tools[0].custom.format.grammar",
		with(`"tools":[{"type":"custom","custom":{"name":"f","format":{"type":"grammar","grammar":{"syntax":"lark"}}}}]`): "tools[0].custom.format.grammar.definition",
		with(`"functions":[{}]`):                       "functions[0].name",
		with(`"function_call":"required"`):             "function_call",
		with(`"function_call":{}`):                     "function_call.name",
		with(`"tool_choice":"some"`):                   "tool_choice",
		with(`"tool_choice":1`):                        "tool_choice",
		with(`"tool_choice":{}`):                       "tool_choice.type",
		with(`"tool_choice":{"type":"function"}`):      "tool_choice.function.name",
		with(`"tool_choice":{"type":"allowed_tools"}`): "tool_choice.allowed_tools.mode",
		with(`"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto"}}`):                               "tool_choice.allowed_tools.tools",
		with(`"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function"}]}}`): "tool_choice.allowed_tools.tools[0].function.name",
		with(`"web_search_options":true`): "web_search_options",
	} {
		_, err := Codec.DecodeRequest([]byte(body), "", false)
		require.Error(t, err, body)
		e := llm.AsError(err)
		require.Equal(t, llm.CodeInvalidRequest, e.Code, body)
		require.Equal(t, param, e.Param, body)
		require.True(t, strings.HasPrefix(e.Message, param+": "), e.Message)
	}
}

func TestURLOverridesBody(t *testing.T) {
	r, err := Codec.DecodeRequest([]byte(`{"model":"a",`+user+`}`), "b", true)
	require.NoError(t, err)
	require.Equal(t, "b", r.Model)
	require.True(t, r.Stream)
	require.Equal(t, llm.OpenAIChat, Codec.Operation())
	require.Equal(t, "max_tokens", Codec.FieldName("max_tokens"))
}
