package gemini

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// A request of the protocol, in the neutral form, and written again.
func TestRequests(t *testing.T) {
	golden(t, "requests", func(t *testing.T, in map[string]string) []txtar.File {
		r, err := Codec.DecodeRequest([]byte(in["in.json"]), "gemini-3-pro", false)
		require.NoError(t, err)
		var lost codec.Losses
		out, err := Codec.EncodeRequest(r, codec.Target{Model: r.Model, Caps: llm.Capabilities{ThinkingLevel: true}}, &lost)
		require.NoError(t, err)
		if len(lost.Fields()) == 0 {
			again, err := Codec.DecodeRequest(out, "gemini-3-pro", false)
			require.NoError(t, err)
			if !strings.HasSuffix(t.Name(), "unsigned_call") { // the signature is new
				require.Equal(t, dump(r), dump(again), "it is the same when it is read again")
			}
		}
		return []txtar.File{file("neutral", dump(r)), file("out.json", pretty(t, out)), file("lost", lostText(&lost))}
	})
}

func TestMalformedRequests(t *testing.T) {
	const hi = `"contents":[{"parts":[{"text":"hi"}]}]`
	for body, param := range map[string]string{
		`[]`:                                    "",
		`{}`:                                    "contents",
		`{"contents":[]}`:                       "contents",
		`{"contents":"hi"}`:                     "contents",
		`{"contents":[1]}`:                      "contents[0]",
		`{"contents":[{"role":1}]}`:             "contents[0].role",
		`{"contents":[{"role":"bot"}]}`:         "contents[0].role",
		`{"contents":[{"parts":["hi"]}]}`:       "contents[0].parts[0]",
		`{"contents":[{"parts":[{}]}]}`:         "contents[0].parts[0]",
		`{"contents":[{"parts":[{"text":1}]}]}`: "contents[0].parts[0].text",
		`{"contents":[{"parts":[{"text":"a","functionCall":{"name":"f"}}]}]}`:                                         "contents[0].parts[0].functionCall",
		`{"contents":[{"parts":[{"text":"a","thought":"yes"}]}]}`:                                                     "contents[0].parts[0].thought",
		`{"contents":[{"parts":[{"text":"a","thoughtSignature":1}]}]}`:                                                "contents[0].parts[0].thoughtSignature",
		`{"contents":[{"parts":[{"inline_data":{"data":"YQ=="}}]}]}`:                                                  "contents[0].parts[0].inline_data.mimeType",
		`{"contents":[{"parts":[{"inlineData":1}]}]}`:                                                                 "contents[0].parts[0].inlineData",
		`{"contents":[{"parts":[{"inlineData":{"mimeType":1}}]}]}`:                                                    "contents[0].parts[0].inlineData.mimeType",
		`{"contents":[{"parts":[{"fileData":{"mimeType":"image/png"}}]}]}`:                                            "contents[0].parts[0].fileData.fileUri",
		`{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}`:                                                     "contents[0].parts[0].functionCall.name",
		`{"contents":[{"parts":[{"functionCall":{"name":"f","args":[]}}]}]}`:                                          "contents[0].parts[0].functionCall.args",
		`{"contents":[{"parts":[{"functionCall":1}]}]}`:                                                               "contents[0].parts[0].functionCall",
		`{"contents":[{"parts":[{"functionResponse":1}]}]}`:                                                           "contents[0].parts[0].functionResponse",
		`{"contents":[{"parts":[{"functionResponse":{"response":{}}}]}]}`:                                             "contents[0].parts[0].functionResponse.name",
		`{"contents":[{"parts":[{"functionResponse":{"name":"f","response":"x"}}]}]}`:                                 "contents[0].parts[0].functionResponse.response",
		`{"contents":[{"parts":[{"functionResponse":{"name":"f","parts":[{"text":""}]}}]}]}`:                          "contents[0].parts[0].functionResponse.parts[0]",
		`{` + hi + `,"systemInstruction":1}`:                                                                          "systemInstruction",
		`{` + hi + `,"system_instruction":{"parts":[{"text":1}]}}`:                                                    "system_instruction.parts[0].text",
		`{` + hi + `,"systemInstruction":{"parts":[{}]}}`:                                                             "systemInstruction.parts[0]",
		`{` + hi + `,"systemInstruction":{"parts":[{"functionCall":{"name":"f"}}]}}`:                                  "systemInstruction.parts[0]",
		`{` + hi + `,"tools":[1]}`:                                                                                    "tools[0]",
		`{` + hi + `,"tools":[{"functionDeclarations":[{}]}]}`:                                                        "tools[0].functionDeclarations[0].name",
		`{` + hi + `,"tools":[{"function_declarations":[{"name":1}]}]}`:                                               "tools[0].function_declarations[0].name",
		`{` + hi + `,"tools":[{"functionDeclarations":[{"name":"f","parameters":"x"}]}]}`:                             "tools[0].functionDeclarations[0].parameters",
		`{` + hi + `,"tools":[{"functionDeclarations":[{"name":"f","parameters":{"properties":{"a":{"type":1}}}}]}]}`: "tools[0].functionDeclarations[0].parameters.properties.a.type",
		`{` + hi + `,"tools":[{"functionDeclarations":[{"name":"f","parameters":{},"parametersJsonSchema":{}}]}]}`:    "tools[0].functionDeclarations[0].parametersJsonSchema",
		`{` + hi + `,"toolConfig":1}`:                                                                                 "toolConfig",
		`{` + hi + `,"toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}`:                                         "toolConfig.functionCallingConfig.mode",
		`{` + hi + `,"toolConfig":{"functionCallingConfig":{"allowedFunctionNames":[1]}}}`:                            "toolConfig.functionCallingConfig.allowedFunctionNames",
		`{` + hi + `,"generationConfig":1}`:                                                                           "generationConfig",
		`{` + hi + `,"generationConfig":{"temperature":"hot"}}`:                                                       "generationConfig.temperature",
		`{` + hi + `,"generation_config":{"max_output_tokens":1.5}}`:                                                  "generation_config.max_output_tokens",
		`{` + hi + `,"generationConfig":{"topK":true}}`:                                                               "generationConfig.topK",
		`{` + hi + `,"generationConfig":{"stopSequences":[1]}}`:                                                       "generationConfig.stopSequences",
		`{` + hi + `,"generationConfig":{"responseLogprobs":1}}`:                                                      "generationConfig.responseLogprobs",
		`{` + hi + `,"generationConfig":{"responseMimeType":1}}`:                                                      "generationConfig.responseMimeType",
		`{` + hi + `,"generationConfig":{"responseSchema":{},"responseJsonSchema":{}}}`:                               "generationConfig.responseJsonSchema",
		`{` + hi + `,"generationConfig":{"responseSchema":{"items":1}}}`:                                              "generationConfig.responseSchema.items",
		`{` + hi + `,"generationConfig":{"responseSchema":{"nullable":1}}}`:                                           "generationConfig.responseSchema.nullable",
		`{` + hi + `,"generationConfig":{"responseJsonSchema":true}}`:                                                 "generationConfig.responseJsonSchema",
		`{` + hi + `,"generationConfig":{"thinkingConfig":1}}`:                                                        "generationConfig.thinkingConfig",
		`{` + hi + `,"generationConfig":{"thinkingConfig":{"thinkingLevel":"ULTRA"}}}`:                                "generationConfig.thinkingConfig.thinkingLevel",
		`{` + hi + `,"generationConfig":{"thinkingConfig":{"thinkingBudget":"much"}}}`:                                "generationConfig.thinkingConfig.thinkingBudget",
		`{` + hi + `,"generationConfig":{"thinkingConfig":{"includeThoughts":"yes"}}}`:                                "generationConfig.thinkingConfig.includeThoughts",
		`{` + hi + `,"store":"yes"}`:                                                                                  "store",
		`{` + hi + `,"model":1}`:                                                                                      "model",
	} {
		_, err := Codec.DecodeRequest([]byte(body), "m", false)
		var e *llm.Error
		require.ErrorAs(t, err, &e, body)
		require.Equal(t, llm.CodeInvalidRequest, e.Code, body)
		require.Equal(t, param, e.Param, body)
	}
}

func TestModel(t *testing.T) {
	body := []byte(`{"model":"models/in-body","contents":{"parts":{"text":"hi"}}}`)
	r, err := Codec.DecodeRequest(body, "in-url", true)
	require.NoError(t, err)
	require.Equal(t, "in-url", r.Model)
	require.True(t, r.Stream)
	r, err = Codec.DecodeRequest(body, "", false)
	require.NoError(t, err)
	require.Equal(t, "in-body", r.Model)
	require.Equal(t, llm.GeminiGenerate, Codec.Operation())
}

func TestToolChoices(t *testing.T) {
	for in, want := range map[string]struct {
		neutral codec.ToolChoice
		out     string
	}{
		`{"mode":"AUTO"}`:                                   {codec.ToolChoice{Mode: codec.ModeAuto}, `{"mode":"AUTO"}`},
		`{"mode":"MODE_UNSPECIFIED"}`:                       {codec.ToolChoice{Mode: codec.ModeAuto}, `{"mode":"AUTO"}`},
		`{"mode":"none"}`:                                   {codec.ToolChoice{Mode: codec.ModeNone}, `{"mode":"NONE"}`},
		`{"mode":"ANY"}`:                                    {codec.ToolChoice{Mode: codec.ModeAny}, `{"mode":"ANY"}`},
		`{"mode":"VALIDATED"}`:                              {codec.ToolChoice{Mode: codec.ModeAuto, Validated: true}, `{"mode":"VALIDATED"}`},
		`{"mode":"ANY","allowed_function_names":["f"]}`:     {codec.ToolChoice{Mode: codec.ModeNamed, Name: "f"}, `{"mode":"ANY","allowedFunctionNames":["f"]}`},
		`{"mode":"ANY","allowedFunctionNames":["f","g"]}`:   {codec.ToolChoice{Mode: codec.ModeAny, Allowed: []string{"f", "g"}}, `{"mode":"ANY","allowedFunctionNames":["f","g"]}`},
		`{"allowedFunctionNames":["f"]}`:                    {codec.ToolChoice{Mode: codec.ModeAuto, Allowed: []string{"f"}}, `{"mode":"AUTO","allowedFunctionNames":["f"]}`},
		`{"mode":"VALIDATED","allowedFunctionNames":["f"]}`: {codec.ToolChoice{Mode: codec.ModeAuto, Validated: true, Allowed: []string{"f"}}, `{"mode":"VALIDATED","allowedFunctionNames":["f"]}`},
	} {
		r, err := Codec.DecodeRequest([]byte(`{"contents":[{"parts":[{"text":"hi"}]}],"toolConfig":{"functionCallingConfig":`+in+`}}`), "m", false)
		require.NoError(t, err)
		require.Equal(t, &want.neutral, r.ToolChoice, in)
		out, err := Codec.EncodeRequest(r, codec.Target{}, nil)
		require.NoError(t, err)
		require.Contains(t, string(out), `"toolConfig":{"functionCallingConfig":`+want.out+`}`)
	}
}

// Another protocol's signature is lost with Gemini's upstream, and only there.
func TestCarriedSignatures(t *testing.T) {
	for _, p := range []codec.Part{
		{Kind: codec.Thinking, Text: "hm", Thought: &codec.Thought{Signature: &codec.Signature{Of: llm.AnthropicMessages, Value: "sig+/="}}},
		{Kind: codec.Thinking, Thought: &codec.Thought{Signature: &codec.Signature{Of: llm.AnthropicMessages, Value: "text not shown"}}},
		{Kind: codec.Thinking, Thought: &codec.Thought{Redacted: true, Signature: &codec.Signature{Of: llm.OpenAIResponses, Value: "encrypted"}}},
		{Kind: codec.Thinking, Text: "hm", Thought: &codec.Thought{Signature: &codec.Signature{Of: op, Value: "QUJD"}}},
	} {
		answer, err := Codec.EncodeResponse(&codec.Response{From: llm.AnthropicMessages, Choices: []codec.Choice{{Parts: []codec.Part{p}}}}, nil, nil)
		require.NoError(t, err)
		for _, change := range []func(string) string{
			func(s string) string { return s },
			strings.NewReplacer("+", "-", "/", "_").Replace, // as Python's SDK writes it
		} {
			content := between(string(answer), `"content":`, `,"finishReason"`)
			if i := strings.Index(content, `"thoughtSignature":"`); i >= 0 {
				content = content[:i] + change(content[i:])
			}
			r, err := Codec.DecodeRequest([]byte(`{"contents":[`+content+`]}`), "m", false)
			require.NoError(t, err)
			require.Equal(t, []codec.Part{p}, r.Messages[0].Parts)
			var lost codec.Losses
			_, err = Codec.EncodeRequest(r, codec.Target{}, &lost)
			require.NoError(t, err)
			require.Equal(t, p.Thought.Signature.Of != op, len(lost.Fields()) == 1)
		}
	}
}

func between(s, begin, end string) string {
	_, s, _ = strings.Cut(s, begin)
	s, _, _ = strings.Cut(s, end)
	return s
}

func TestFieldName(t *testing.T) {
	for neutral, want := range map[string]string{
		"max_tokens":                  "generationConfig.maxOutputTokens",
		"messages[3].content[1]":      "contents[3].parts[1]",
		"messages.cache_control":      "contents.cache_control",
		"response_format.description": "generationConfig.responseJsonSchema.description",
		"unknown":                     "unknown",
		"tools[0]":                    "tools[0]",
	} {
		require.Equal(t, want, Codec.FieldName(neutral))
	}
}
