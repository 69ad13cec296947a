package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
	"github.com/stretchr/testify/require"
)

var citySchema = map[string]any{
	"type": "object",
	"properties": map[string]any{
		"city": map[string]any{"type": "string"}, "population": map[string]any{"type": "integer"},
	},
	"required": []string{"city", "population"}, "additionalProperties": false,
}

const (
	city  = `{"city":"Zürich","population":42}`
	pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

func chat(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "gpt-test", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func twoTools() []openai.ChatCompletionToolUnionParam {
	return []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "first", Parameters: citySchema}),
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "second", Parameters: citySchema}),
	}
}

func TestChat(t *testing.T) {
	ctx := begin(t)
	client := newOpenAI("", stack.key)
	got, err := client.Chat.Completions.New(ctx, chat("hello"))
	require.NoError(t, err)
	require.Equal(t, greeting, got.Choices[0].Message.Content)
	require.EqualValues(t, prompt, got.Usage.PromptTokens)
	require.Equal(t, []string{"Bearer " + upstreamKey}, stack.up.Last().Header["Authorization"])
	require.JSONEq(t, `{"model":"gpt-test","messages":[{"role":"user","content":"hello"}]}`, string(stack.up.Last().Body))
}

func TestChatStream(t *testing.T) {
	ctx := begin(t)
	client := newOpenAI("", stack.key)
	for _, withUsage := range []bool{false, true} {
		params := chat("hello")
		if withUsage {
			params.StreamOptions.IncludeUsage = openai.Bool(true)
		}
		stream := client.Chat.Completions.NewStreaming(ctx, params)
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			if !withUsage {
				require.Len(t, stream.Current().Choices, 1, "a chunk without a choice, though no usage was asked for")
			}
			require.True(t, acc.AddChunk(stream.Current()))
		}
		require.NoError(t, stream.Err())
		require.Equal(t, greeting, acc.Choices[0].Message.Content)
		require.Equal(t, "stop", acc.Choices[0].FinishReason)
		require.Equal(t, withUsage, acc.Usage.TotalTokens > 0)
	}
}

func TestChatTools(t *testing.T) {
	ctx := begin(t)
	client := newOpenAI("", stack.key)
	params := chat("hello")
	params.Tools = twoTools()
	got, err := client.Chat.Completions.New(ctx, params)
	require.NoError(t, err)
	require.Len(t, got.Choices[0].Message.ToolCalls, 2)
	require.JSONEq(t, city, got.Choices[0].Message.ToolCalls[1].Function.Arguments)

	stream := client.Chat.Completions.NewStreaming(ctx, params)
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		require.True(t, acc.AddChunk(stream.Current()))
	}
	require.NoError(t, stream.Err())
	calls := acc.Choices[0].Message.ToolCalls
	require.Len(t, calls, 2)
	require.Equal(t, "second", calls[1].Function.Name)
	require.JSONEq(t, city, calls[1].Function.Arguments)

	params.Messages = append(params.Messages, got.Choices[0].Message.ToParam())
	for _, call := range got.Choices[0].Message.ToolCalls {
		params.Messages = append(params.Messages, openai.ToolMessage("ok", call.ID))
	}
	got, err = client.Chat.Completions.New(ctx, params)
	require.NoError(t, err)
	require.Equal(t, "stop", got.Choices[0].FinishReason)
}

func TestChatImageAndSchema(t *testing.T) {
	ctx := begin(t)
	client := newOpenAI("", stack.key)
	params := chat("")
	params.Messages[0] = openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("look"),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: pixel}),
	})
	got, err := client.Chat.Completions.New(ctx, params)
	require.NoError(t, err)
	require.Contains(t, got.Choices[0].Message.Content, "look (with 1 images)")

	params = chat("hello")
	params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "city", Strict: openai.Bool(true), Schema: citySchema},
	}
	got, err = client.Chat.Completions.New(ctx, params)
	require.NoError(t, err)
	require.JSONEq(t, city, got.Choices[0].Message.Content)
}

func TestEmbeddings(t *testing.T) {
	ctx := begin(t)
	client := newOpenAI("", stack.key)
	params := openai.EmbeddingNewParams{Model: "text-embedding-test", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}}
	got, err := client.Embeddings.New(ctx, params)
	require.NoError(t, err)
	require.Len(t, got.Data, 2)
	require.InDelta(t, 1.0, got.Data[1].Embedding[0], 1e-6)

	params.EncodingFormat = openai.EmbeddingNewParamsEncodingFormatBase64
	raw, err := client.Embeddings.New(ctx, params)
	if err == nil { // this SDK may or may not decode base64; the bytes are what counts
		require.Contains(t, raw.RawJSON(), `"embedding":"AAAA`)
	}
	require.Contains(t, string(stack.up.Last().Body), "base64")
}

func TestResponses(t *testing.T) {
	ctx := begin(t)
	client := newOpenAI("", stack.key)
	params := responses.ResponseNewParams{Model: "gpt-test", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("hello")}}
	got, err := client.Responses.New(ctx, params)
	require.NoError(t, err)
	require.Equal(t, greeting, got.OutputText())
	require.EqualValues(t, prompt, got.Usage.InputTokens)
	again, err := client.Responses.Get(ctx, got.ID, responses.ResponseGetParams{})
	require.NoError(t, err)
	require.Equal(t, got.OutputText(), again.OutputText())
	require.NoError(t, client.Responses.Delete(ctx, got.ID))
	_, err = client.Responses.Get(ctx, got.ID, responses.ResponseGetParams{})
	require.Equal(t, 404, status(t, err))
	count, err := client.Responses.InputTokens.Count(ctx, responses.InputTokenCountParams{
		Model: openai.String("gpt-test"), Input: responses.InputTokenCountParamsInputUnion{OfString: openai.String("hello")},
	})
	require.NoError(t, err)
	require.EqualValues(t, prompt, count.InputTokens)

	params.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("first", citySchema, true)}
	stream := client.Responses.NewStreaming(ctx, params)
	var types []string
	var last responses.Response
	for stream.Next() {
		event := stream.Current()
		types = append(types, event.Type)
		if event.Type == "response.completed" {
			last = event.Response
		}
	}
	require.NoError(t, stream.Err())
	require.Equal(t, "response.created", types[0])
	require.Equal(t, "response.completed", types[len(types)-1])
	require.Contains(t, types, "response.function_call_arguments.delta")
	require.JSONEq(t, city, last.Output[0].AsFunctionCall().Arguments)
}

func TestModelsFilesAudio(t *testing.T) {
	ctx := begin(t)
	client := newOpenAI("", stack.key)
	var ids []string
	for pages := client.Models.ListAutoPaging(ctx); pages.Next(); {
		ids = append(ids, pages.Current().ID)
	}
	require.Contains(t, ids, "gpt-test")
	model, err := client.Models.Get(ctx, "gpt-test")
	require.NoError(t, err)
	require.Equal(t, "gpt-test", model.ID)

	data := []byte("\x00\xff\r\n\x80 Grüße")
	file, err := client.Files.New(ctx, openai.FileNewParams{File: openai.File(bytes.NewReader(data), "a.bin", "application/octet-stream"), Purpose: openai.FilePurposeUserData})
	require.NoError(t, err)
	require.EqualValues(t, len(data), file.Bytes)
	content, err := client.Files.Content(ctx, file.ID)
	require.NoError(t, err)
	b, err := io.ReadAll(content.Body)
	require.NoError(t, err)
	require.NoError(t, content.Body.Close())
	require.Equal(t, data, b)

	said, err := client.Audio.Transcriptions.New(ctx, openai.AudioTranscriptionNewParams{Model: "whisper-test", File: openai.File(bytes.NewReader(data), "a.wav", "audio/wav")})
	require.NoError(t, err)
	require.Equal(t, "Grüße: a.wav", said.Text)
	speech, err := client.Audio.Speech.New(ctx, openai.AudioSpeechNewParams{Model: "tts-test", Input: "hello", Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")}})
	require.NoError(t, err)
	b, err = io.ReadAll(speech.Body)
	require.NoError(t, err)
	require.NoError(t, speech.Body.Close())
	require.Len(t, b, 4096)
	require.Equal(t, byte(5*7), b[5])
	require.False(t, json.Valid(b))
}
