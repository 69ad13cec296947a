package llmtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// gets asks and reads what is at a path of the answer.
func gets(t *testing.T, u *Upstream, path, body, at string) string {
	t.Helper()
	got := text(t, ask(t, u, "POST", path, body))
	require.True(t, gjson.Valid(got), got)
	return gjson.Get(got, at).String()
}

// chunks are the data of a stream's events.
func chunks(t *testing.T, stream string) (list []gjson.Result) {
	t.Helper()
	events := strings.Split(stream, "\r\n\r\n")
	require.Empty(t, events[len(events)-1])
	for _, event := range events[:len(events)-1] {
		data, ok := strings.CutPrefix(event, "data: ")
		require.True(t, ok && gjson.Valid(data), event)
		list = append(list, gjson.Parse(data))
	}
	return list
}

func TestGeminiUnderstands(t *testing.T) {
	u := NewUpstream(t)
	const (
		text = "candidates.0.content.parts.0.text"
		args = "candidates.0.content.parts.0.functionCall.args"
		call = "candidates.0.content.parts.#.functionCall.name"
		user = `"contents":[{"role":"user","parts":[{"text":"x"}]}]`
		two  = `"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"city":{"type":"STRING"}}}},{"name":"g","parametersJsonSchema":{"type":"object","properties":{"n":{"type":"integer"}}}}]}]`
	)
	for name, tt := range map[string]struct{ body, at, want string }{
		"images":         {`{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBO"}},{"file_data":{"mime_type":"image/webp","file_uri":"x"}},{"inlineData":{"mimeType":"audio/wav","data":""}},{"text":"x"}]}]}`, text, "Grüße 🌍 from the fake upstream. You said: x (with 2 images)"},
		"the model's":    {`{"contents":[{"parts":[{"text":"user's"}]},{"role":"model","parts":[{"text":"model's"}]}]}`, text, "Grüße 🌍 from the fake upstream. You said: user's"},
		"OpenAPI schema": {`{` + user + `,"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"n":{"type":"INTEGER"}}}}}`, text, `{"n":42}`},
		"JSON schema":    {`{` + user + `,"generation_config":{"response_mime_type":"application/json","response_json_schema":{"type":"array","items":{"type":"string"}}}}`, text, `["Zürich"]`},
		"candidates":     {`{` + user + `,"generationConfig":{"candidateCount":3}}`, "candidates.2.index", "2"},
		"tools":          {`{` + user + `,` + two + `}`, call, `["f","g"]`},
		"arguments":      {`{` + user + `,` + two + `}`, args, `{"city":"Zürich"}`},
		"allowed":        {`{` + user + `,` + two + `,"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["g"]}}}`, args, `{"n":42}`},
		"no tools":       {`{` + user + `,` + two + `,"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}}`, call, `[]`},
		"answered":       {`{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}],` + two + `}`, call, `[]`},
		"answered once":  {`{"contents":[{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]},{"role":"user","parts":[{"text":"x"}]}],` + two + `}`, call, `["f","g"]`},
		"usage":          {`{` + user + `}`, "usageMetadata.[promptTokenCount,cachedContentTokenCount,candidatesTokenCount,thoughtsTokenCount,totalTokenCount]", `[37,8,9,3,49]`},
	} {
		require.Equal(t, tt.want, gets(t, u, generate, tt.body, tt.at), name)
	}
}

func TestGeminiThoughts(t *testing.T) {
	u := NewUpstream(t)
	const (
		prose  = `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true}}`
		calls  = prose + `,"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]}]}`
		signed = `candidates.0.content.parts.#(thoughtSignature=="` + signature + `")#`
	)
	require.Equal(t, "true", gets(t, u, generate, prose+"}", "candidates.0.content.parts.0.thought"))
	require.Contains(t, gets(t, u, generate, prose+"}", signed), `"text":"Grüße`)
	require.Equal(t, `["f"]`, gets(t, u, generate, calls, signed+".functionCall.name"), "the first of parallel calls alone")

	list := chunks(t, text(t, ask(t, u, "POST", generateSSE, prose+"}")))
	require.Len(t, list, 3+5+1)
	require.True(t, list[2].Get("candidates.0.content.parts.0.thought").Bool())
	require.False(t, list[3].Get("candidates.0.content.parts.0.thought").Exists())
	require.Equal(t, signature, list[8].Get("candidates.0.content.parts.0.thoughtSignature").Str)

	list = chunks(t, text(t, ask(t, u, "POST", generateSSE, calls)))
	require.Len(t, list, 3+2+1)
	require.Equal(t, signature, list[3].Get("candidates.0.content.parts.0.thoughtSignature").Str)
	require.Equal(t, "g", list[4].Get("candidates.0.content.parts.0.functionCall.name").Str)
	for _, chunk := range list[4:] {
		require.False(t, chunk.Get("candidates.0.content.parts.0.thoughtSignature").Exists())
	}
}

// A stream says the same as events and as an array, and as the whole answer does.
func TestGeminiStream(t *testing.T) {
	u := NewUpstream(t)
	const body = `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"candidateCount":2}}`
	list := chunks(t, text(t, ask(t, u, "POST", generateSSE, body)))
	array := gjson.Parse(text(t, ask(t, u, "POST", strings.TrimSuffix(generateSSE, "?alt=sse"), body))).Array()
	require.Len(t, array, len(list))
	var said [2]string
	for i, chunk := range list {
		require.Equal(t, chunk.Get("candidates").Raw, array[i].Get("candidates").Raw)
		candidate := chunk.Get("candidates.0")
		said[candidate.Get("index").Int()] += candidate.Get("content.parts.0.text").Str
		last := i == len(list)-1
		require.Equal(t, last || i == len(list)/2-1, candidate.Get("finishReason").Exists())
		require.Equal(t, last, chunk.Get("usageMetadata.candidatesTokenCount").Exists())
	}
	whole := gets(t, u, generate, body, "candidates.1.content.parts.0.text")
	require.Equal(t, [2]string{whole, whole}, said)
}

func TestGeminiModels(t *testing.T) {
	u := NewUpstream(t)
	var names []string
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		got := text(t, ask(t, u, "GET", "/v1beta/models?pageSize=1000&pageToken="+token, ""))
		for _, m := range gjson.Get(got, "models.#.name").Array() {
			names = append(names, strings.TrimPrefix(m.Str, "models/"))
		}
		token = gjson.Get(got, "nextPageToken").Str
	}
	require.Equal(t, geminiModels, names)
	require.Equal(t, "1", gjson.Get(text(t, ask(t, u, "GET", "/v1beta/models?pageSize=1", "")), "models.#").String())
	for _, query := range []string{"pageSize=x", "pageSize=-1", "pageToken=99", "pageToken=x"} {
		require.Equal(t, 400, ask(t, u, "GET", "/v1beta/models?"+query, "").StatusCode, query)
	}
	// Under /v1, the key tells whose path it is.
	req, err := http.NewRequestWithContext(t.Context(), "GET", u.URL+"/v1/models", nil)
	require.NoError(t, err)
	req.Header.Set("X-Goog-Api-Key", "any")
	require.Contains(t, text(t, do(t, req)), `"models/gemini-test"`)
}

func TestGeminiKey(t *testing.T) {
	u := NewUpstream(t)
	u.Key = "right"
	for name, tt := range map[string]struct {
		header http.Header
		query  string
		status int
		says   string
	}{
		"right":          {http.Header{"X-Goog-Api-Key": {"right"}}, "", 200, ""},
		"wrong":          {http.Header{"X-Goog-Api-Key": {"wrong"}}, "", 400, `"reason":"API_KEY_INVALID"`},
		"one is wrong":   {http.Header{"X-Goog-Api-Key": {"right", "wrong"}}, "", 400, `"status":"INVALID_ARGUMENT"`},
		"none":           {nil, "", 403, `"status":"PERMISSION_DENIED"`},
		"query":          {nil, "?key=right", 400, "in the query"},
		"query too":      {http.Header{"X-Goog-Api-Key": {"right"}}, "?key=right", 400, "in the query"},
		"token":          {http.Header{"Authorization": {"Bearer right"}}, "", 401, `"status":"UNAUTHENTICATED"`},
		"another's":      {http.Header{"X-Api-Key": {"right"}}, "", 401, `"status":"UNAUTHENTICATED"`},
		"another's, too": {http.Header{"X-Goog-Api-Key": {"right"}, "X-Api-Key": {"right"}}, "", 401, `"status":"UNAUTHENTICATED"`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", u.URL+generate+tt.query, strings.NewReader(fmt.Sprintf(generateBody, "")))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		for name, values := range tt.header {
			req.Header[name] = values
		}
		resp := do(t, req)
		require.Equal(t, tt.status, resp.StatusCode, name)
		require.Contains(t, text(t, resp), tt.says, name)
	}
}

func TestGeminiErrors(t *testing.T) {
	u := NewUpstream(t)
	const retry = `error.details.#(@type=="type.googleapis.com/google.rpc.RetryInfo").retryDelay`
	for name, tt := range map[string]struct{ fault, at, want string }{
		"code":            {"status=503", "error.code", "503"},
		"status":          {"status=503", "error.status", "UNAVAILABLE"},
		"no details":      {"status=503", "error.details", ""},
		"unknown status":  {"status=418", "error.status", "INVALID_ARGUMENT"},
		"type":            {"status=400,type=FAILED_PRECONDITION", "error.status", "FAILED_PRECONDITION"},
		"reason":          {"status=429,code=RATE_LIMIT_EXCEEDED", "error.details.0.reason", "RATE_LIMIT_EXCEEDED"},
		"delay":           {"status=429,retry_after=2", retry, "2s"},
		"a precise delay": {"status=429,retry_after=1500ms,code=x", retry, "1.5s"},
		"a date":          {"status=429,retry_after=Fri", "error.details", ""},
	} {
		body := fmt.Sprintf(generateBody, "[[fault:"+tt.fault+"]]")
		require.Equal(t, tt.want, gets(t, u, generate, body, tt.at), name)
		require.Equal(t, tt.want, gets(t, u, generateSSE, body, tt.at), name)
		require.Equal(t, tt.want, gets(t, u, strings.TrimSuffix(generateSSE, "?alt=sse"), body, "0."+tt.at), name)
	}

	// A stream that breaks with an error is whole as far as its form goes.
	for _, after := range []int{0, 1, -1} {
		u.Enqueue(Fault{Break: ErrorEvent, After: after}, Fault{Break: ErrorEvent, After: after})
		list := chunks(t, text(t, ask(t, u, "POST", generateSSE, fmt.Sprintf(generateBody, ""))))
		require.Equal(t, "UNAVAILABLE", list[len(list)-1].Get("error.status").Str)
		got := text(t, ask(t, u, "POST", strings.TrimSuffix(generateSSE, "?alt=sse"), fmt.Sprintf(generateBody, "")))
		require.True(t, gjson.Valid(got), got)
		array := gjson.Parse(got).Array()
		require.Equal(t, "UNAVAILABLE", array[len(array)-1].Get("error.status").Str)
	}
}
