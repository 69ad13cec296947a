package echo

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

func TestModels(t *testing.T) {
	for _, c := range []struct {
		op     llm.Operation
		method string
		path   string
		status int
		want   wants
	}{
		{llm.OpenAIModels, "GET", "/v1/models", 200, wants{"object": `"list"`, "data.#.id": `["echo"]`, "data.0.object": `"model"`, "data.0.owned_by": `"echo"`}},
		{llm.OpenAIModels, "GET", "/v1/models/org%2Fgpt", 200, wants{"id": `"org/gpt"`, "object": `"model"`}},
		{llm.OpenAIModels, "GET", "/v1/models/org/gpt", 200, wants{"id": `"org/gpt"`}},
		{llm.OpenAIModels, "GET", "/v1/models/%zz", 400, wants{"error.type": `"invalid_request_error"`}},
		{llm.OpenAIModels, "DELETE", "/v1/models/gpt", 405, wants{"error.code": `"method_not_allowed"`}},
		{llm.AnthropicModels, "GET", "/v1/models", 200, wants{"data.#.id": `["echo"]`, "has_more": "false", "first_id": `"echo"`, "last_id": `"echo"`}},
		{llm.AnthropicModels, "GET", "/v1/models/claude", 200, wants{"id": `"claude"`, "type": `"model"`, "display_name": `"claude"`, "created_at": `"2026-01-01T00:00:00Z"`}},
	} {
		resp, err := fixed().Send(t.Context(), &llm.Call{Operation: c.op, Method: c.method, Path: c.path})
		require.NoError(t, err)
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, c.status, resp.Status, c.path)
		c.want.check(t, gjson.ParseBytes(b))
	}

	models, err := fixed().ListModels(t.Context(), llm.Credential{})
	require.NoError(t, err)
	require.Len(t, models, 1)
	require.Equal(t, "echo", models[0].ID)
}

func TestCountTokens(t *testing.T) {
	for _, c := range []struct {
		op   llm.Operation
		body string
		want string
	}{
		{llm.AnthropicCountTokens, `{"system":"be kind","messages":[{"role":"user","content":"hello"}]}`, `{"input_tokens":3}`},
		{llm.OpenAIInputTokens, `{"instructions":"be kind","input":"hello"}`, `{"object":"response.input_tokens","input_tokens":3}`},
		{llm.OpenAIInputTokens, `{"instructions":[{"role":"developer","content":"be kind"}],"input":[{"role":"user","content":"hello"}]}`, `{"object":"response.input_tokens","input_tokens":3}`},
	} {
		_, got := ask(t, c.op, c.body)
		require.Equal(t, c.want, got.Raw)
		n, err := fixed().CountTokens(t.Context(), &llm.Call{Operation: c.op, Body: llm.BytesBody([]byte(c.body))})
		require.NoError(t, err)
		require.EqualValues(t, 3, n)
	}
	var e *llm.Error
	_, err := fixed().CountTokens(t.Context(), &llm.Call{Operation: llm.OpenAIChat})
	require.ErrorAs(t, err, &e)
	require.Equal(t, llm.CodeUnsupported, e.Code)
	_, err = fixed().CountTokens(t.Context(), &llm.Call{Operation: llm.AnthropicCountTokens, Body: llm.BytesBody([]byte(`{}`))})
	require.ErrorAs(t, err, &e)
	require.Equal(t, "messages", e.Param)
}

func TestEmbeddings(t *testing.T) {
	_, got := ask(t, llm.OpenAIEmbeddings, `{"model":"m","input":["one two","three","three"]}`)
	wants{"object": `"list"`, "model": `"m"`, "data.#.index": "[0,1,2]", "data.0.object": `"embedding"`, "usage.prompt_tokens": "4", "usage.total_tokens": "4"}.check(t, got)
	require.Equal(t, got.Get("data.1.embedding").Raw, got.Get("data.2.embedding").Raw)
	require.NotEqual(t, got.Get("data.0.embedding").Raw, got.Get("data.1.embedding").Raw)
	first := got.Get("data.0.embedding").Array()
	require.Len(t, first, defaultDimensions)
	var square float64
	for _, f := range first {
		square += f.Num * f.Num
	}
	require.InDelta(t, 1, square, 1e-6)

	_, again := ask(t, llm.OpenAIEmbeddings, `{"input":"one two","encoding_format":"base64"}`)
	b, err := base64.StdEncoding.DecodeString(again.Get("data.0.embedding").Str)
	require.NoError(t, err)
	require.Len(t, b, 4*defaultDimensions)
	for i, f := range first {
		require.Equal(t, float32(f.Num), math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}

	_, got = ask(t, llm.OpenAIEmbeddings, `{"input":[[1,2],[3]],"dimensions":3,"encoding_format":"float"}`)
	wants{"data.#": "2", "data.0.embedding.#": "3", "usage.prompt_tokens": "3"}.check(t, got)
	_, got = ask(t, llm.OpenAIEmbeddings, `{"input":[1,2]}`)
	wants{"data.#": "1"}.check(t, got)
}

func TestModerations(t *testing.T) {
	for input, results := range map[string]string{
		`"one"`:         "1",
		`["one","two"]`: "2",
		`[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"x"}}]`: "1",
	} {
		_, got := ask(t, llm.OpenAIModerations, `{"input":`+input+`}`)
		wants{"results.#": results, "results.0.flagged": "false", "results.0.categories.sexual/minors": "false", "results.0.category_scores.hate": "0"}.check(t, got)
	}
}
