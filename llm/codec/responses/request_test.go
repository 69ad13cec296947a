package responses

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// What is read is written again with nothing lost, and read again the same.
func TestRequests(t *testing.T) {
	archives(t, "request", func(t *testing.T, input []byte) []txtar.File {
		r, err := Codec.DecodeRequest(input, "", false)
		require.NoError(t, err)
		var lost codec.Losses
		again, err := Codec.EncodeRequest(r, codec.Target{Model: r.Model}, &lost)
		require.NoError(t, err)
		require.Empty(t, lost.Fields())
		r2, err := Codec.DecodeRequest(again, "", false)
		require.NoError(t, err)
		require.Equal(t, r, r2)
		return []txtar.File{file("neutral", dump(t, r)), file("again", indent(t, again))}
	})
}

func TestModelAndStreamOfTheURL(t *testing.T) {
	r, err := Codec.DecodeRequest([]byte(`{"model":"a","input":"x"}`), "b", true)
	require.NoError(t, err)
	require.Equal(t, "b", r.Model)
	require.True(t, r.Stream)
}

func TestRefusedRequests(t *testing.T) {
	for body, param := range map[string]string{
		`[]`:                                                     "body",
		`{}`:                                                     "input",
		`{"input":5}`:                                            "input",
		`{"model":5,"input":"x"}`:                                "model",
		`{"input":"x","stream":"yes"}`:                           "stream",
		`{"input":"x","temperature":"1"}`:                        "temperature",
		`{"input":"x","max_output_tokens":1.5}`:                  "max_output_tokens",
		`{"input":"x","instructions":["a"]}`:                     "instructions",
		`{"input":"x","metadata":[]}`:                            "metadata",
		`{"input":"x","conversation":1}`:                         "conversation",
		`{"input":"x","include":[1]}`:                            "include",
		`{"input":"x","safety_identifier":1}`:                    "safety_identifier",
		`{"input":"x","text":"json"}`:                            "text",
		`{"input":"x","text.format":{}}`:                         "text.format",
		`{"input":"x","text":{"format":"json"}}`:                 "text.format",
		`{"input":"x","text":{"format":{"type":"xml"}}}`:         "text.format.type",
		`{"input":"x","text":{"format":{"type":"json_schema"}}}`: "text.format.name",
		`{"input":"x","text":{"format":{"type":"json_schema","name":"n"}}}`: "text.format.schema",
		`{"input":"x","reasoning":{"effort":3}}`:                            "reasoning.effort",
		`{"input":["x"]}`:                                                   "input[0]",
		`{"input":[{"content":"x"}]}`:                                       "input[0].type",
		`{"input":[{"type":3}]}`:                                            "input[0].type",
		`{"input":[{"role":"robot","content":"x"}]}`:                        "input[0].role",
		`{"input":[{"role":"user"}]}`:                                       "input[0].content",
		`{"input":[{"role":"user","content":5}]}`:                           "input[0].content",
		`{"input":[{"role":"user","content":["x"]}]}`:                       "input[0].content[0]",
		`{"input":[{"role":"user","content":[{"type":"text"}]}]}`:           "input[0].content[0].text",
		`{"input":[{"role":"user","content":[{"type":"image_url"}]}]}`:      "input[0].content[0].type",
		`{"input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image"}]}]}`:      "input[0].content[1].image_url",
		`{"input":[{"role":"user","content":[{"type":"input_image","image_url":{"url":"x"}}]}]}`:               "input[0].content[0].image_url",
		`{"input":[{"role":"user","content":[{"type":"input_image","image_url":"x","file_id":"y"}]}]}`:         "input[0].content[0]",
		`{"input":[{"role":"user","content":[{"type":"input_file","filename":"x"}]}]}`:                         "input[0].content[0].file_url",
		`{"input":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x"}}]}]}`:            "input[0].content[0].input_audio.format",
		`{"input":[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":1}]}]}`: "input[0].content[0].prompt_cache_breakpoint",
		`{"input":[{"type":"function_call","name":"f"}]}`:                                                      "input[0].call_id",
		`{"input":[{"type":"function_call","call_id":"c"}]}`:                                                   "input[0].name",
		`{"input":[{"type":"function_call","call_id":"c","name":"f","arguments":{}}]}`:                         "input[0].arguments",
		`{"input":[{"type":"custom_tool_call","call_id":"c","name":"f","input":{}}]}`:                          "input[0].input",
		`{"input":[{"type":"function_call_output","output":"x"}]}`:                                             "input[0].call_id",
		`{"input":[{"type":"function_call_output","call_id":"c","output":{}}]}`:                                "input[0].output",
		`{"input":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_text"}]}]}`:           "input[0].output[0].text",
		`{"input":[{"type":"reasoning","summary":"x"}]}`:                                                       "input[0].summary",
		`{"input":[{"type":"reasoning","summary":[{"text":1}]}]}`:                                              "input[0].summary[0].text",
		`{"input":[{"type":"reasoning","encrypted_content":1}]}`:                                               "input[0].encrypted_content",
		`{"input":[{"type":"additional_tools","tools":[{"type":"function"}]}]}`:                                "input[0].tools[0].name",
		`{"input":"x","tools":{}}`:                                                                                     "tools",
		`{"input":"x","tools":[{"name":"f"}]}`:                                                                         "tools[0].type",
		`{"input":"x","tools":[{"type":"function","function":{"name":"f"}}]}`:                                          "tools[0].name",
		`{"input":"x","tools":[{"type":"function","name":"f","parameters":"x"}]}`:                                      "tools[0].parameters",
		`{"input":"x","tools":[{"type":"function","name":"f","strict":"x"}]}`:                                          "tools[0].strict",
		`{"input":"x","tools":[{"type":"custom","name":"f","format":"x"}]}`:                                            "tools[0].format",
		`{"input":"x","tools":[{"type":"namespace","tools":[{"type":"local_shell"}]}]}`:                                "tools[0].name",
		`{"input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"namespace","name":"m","tools":[]}]}]}`: "tools[0].tools[0].type",
		`{"input":"x","tool_choice":"maybe"}`:                                                                          "tool_choice",
		`{"input":"x","tool_choice":{"name":"f"}}`:                                                                     "tool_choice.type",
		`{"input":"x","tool_choice":{"type":"function","function":{"name":"f"}}}`:                                      "tool_choice.name",
		`{"input":"x","tool_choice":{"type":"allowed_tools","mode":"none","tools":[]}}`:                                "tool_choice.mode",
		`{"input":"x","tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}}`:                                "tool_choice.tools",
	} {
		r, err := Codec.DecodeRequest([]byte(body), "", false)
		require.True(t, json.Valid([]byte(body)), body)
		require.Nil(t, r, body)
		var e *llm.Error
		require.ErrorAs(t, err, &e, body)
		require.Equal(t, llm.CodeInvalidRequest, e.Code, body)
		require.Equal(t, param, e.Param, body)
	}
}

func TestFieldNames(t *testing.T) {
	for neutral, want := range map[string]string{
		"max_tokens": "max_output_tokens", "response_format": "text.format", "reasoning_effort": "reasoning.effort",
		"messages.cache_control": "input.cache_control", "messages[3].content[1]": "input", "seed": "seed",
	} {
		require.Equal(t, want, Codec.FieldName(neutral))
	}
	require.Equal(t, llm.OpenAIResponses, Codec.Operation())
}

// What a search has found may be called, too; the item that tells of it stays whole.
func TestFoundTools(t *testing.T) {
	const item = `{"type":"tool_search_output","call_id":"c","execution":"client","tools":[{"type":"namespace","name":"n","tools":[{"type":"function","name":"f","defer_loading":true}]}]}`
	r, err := Codec.DecodeRequest([]byte(`{"model":"m","input":[`+item+`]}`), "", false)
	require.NoError(t, err)
	require.Empty(t, r.Tools)
	require.Len(t, r.Found, 1)
	require.Equal(t, [2]string{"n", "f"}, [2]string{r.Found[0].Namespace, r.Found[0].Name})
	out, err := Codec.EncodeRequest(r, codec.Target{Model: "m"}, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"model":"m","input":[`+item+`]}`, string(out))
}

func TestChoiceOfWebSearch(t *testing.T) {
	r := &codec.Request{
		From: llm.AnthropicMessages, Messages: []codec.Message{user(textPart("x"))},
		Tools:      []codec.Tool{{Kind: codec.WebSearchTool, Name: "web_search", Raw: json.RawMessage(`{"type":"web_search_20250305","name":"web_search"}`)}},
		ToolChoice: &codec.ToolChoice{Mode: codec.ModeNamed, Name: "web_search"},
	}
	out, err := Codec.EncodeRequest(r, codec.Target{Model: "m"}, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"web_search"}`, gjson.GetBytes(out, "tool_choice").Raw)
}
