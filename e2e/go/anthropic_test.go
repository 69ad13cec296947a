package e2e

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

func message(text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{Model: "claude-test", MaxTokens: 64,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))}}
}

func TestMessages(t *testing.T) {
	ctx := begin(t)
	client := newAnthropic("", stack.key)
	got, err := client.Messages.New(ctx, message("hello"))
	require.NoError(t, err)
	require.Equal(t, greeting, got.Content[0].Text)
	require.EqualValues(t, llmtest.InputTokens, got.Usage.InputTokens)
	require.EqualValues(t, llmtest.CacheReadTokens, got.Usage.CacheReadInputTokens)
	require.EqualValues(t, llmtest.OutputTokens, got.Usage.OutputTokens)
	require.Equal(t, []string{upstreamKey}, stack.up.Last().Header["X-Api-Key"])
	require.Equal(t, []string{"2023-06-01"}, stack.up.Last().Header["Anthropic-Version"])

	count, err := client.Messages.CountTokens(ctx, anthropic.MessageCountTokensParams{Model: "claude-test", Messages: message("hello").Messages})
	require.NoError(t, err)
	require.EqualValues(t, prompt, count.InputTokens)
}

func accumulate(t *testing.T, client anthropic.Client, params anthropic.MessageNewParams) (anthropic.Message, error) {
	t.Helper()
	stream := client.Messages.NewStreaming(t.Context(), params)
	defer func() { _ = stream.Close() }()
	var acc anthropic.Message
	for stream.Next() {
		require.NoError(t, acc.Accumulate(stream.Current()))
	}
	return acc, stream.Err()
}

func TestMessagesStream(t *testing.T) {
	begin(t)
	got, err := accumulate(t, newAnthropic("", stack.key), message("hello"))
	require.NoError(t, err)
	require.Equal(t, greeting, got.Content[0].Text)
	require.Equal(t, anthropic.StopReasonEndTurn, got.StopReason)
	require.EqualValues(t, llmtest.OutputTokens, got.Usage.OutputTokens)
}

func TestMessagesTools(t *testing.T) {
	ctx := begin(t)
	client := newAnthropic("", stack.key)
	params := message("hello")
	for _, name := range []string{"first", "second"} {
		params.Tools = append(params.Tools, anthropic.ToolUnionParamOfTool(anthropic.ToolInputSchemaParam{Properties: citySchema["properties"]}, name))
	}
	got, err := client.Messages.New(ctx, params)
	require.NoError(t, err)
	streamed, err := accumulate(t, client, params)
	require.NoError(t, err)
	for _, m := range []anthropic.Message{*got, streamed} {
		require.Len(t, m.Content, 2)
		require.Equal(t, "second", m.Content[1].Name)
		require.JSONEq(t, city, string(m.Content[1].Input))
		require.Equal(t, anthropic.StopReasonToolUse, m.StopReason)
	}
	params.Messages = append(params.Messages, got.ToParam(), anthropic.NewUserMessage(
		anthropic.NewToolResultBlock(got.Content[0].ID, "ok", false), anthropic.NewToolResultBlock(got.Content[1].ID, "ok", false)))
	got, err = client.Messages.New(ctx, params)
	require.NoError(t, err)
	require.Equal(t, anthropic.StopReasonEndTurn, got.StopReason)
}

func TestMessagesImageAndSchema(t *testing.T) {
	ctx := begin(t)
	client := newAnthropic("", stack.key)
	params := message("look")
	_, image, _ := strings.Cut(pixel, ",")
	params.Messages[0].Content = append(params.Messages[0].Content, anthropic.NewImageBlockBase64("image/png", image))
	got, err := client.Messages.New(ctx, params)
	require.NoError(t, err)
	require.Contains(t, got.Content[0].Text, "look (with 1 images)")

	params = message("hello")
	params.OutputConfig.Format.Schema = citySchema
	got, err = client.Messages.New(ctx, params)
	require.NoError(t, err)
	require.JSONEq(t, city, got.Content[0].Text)
}

func TestAnthropicModelsAndFiles(t *testing.T) {
	ctx := begin(t)
	client := newAnthropic("", stack.key)
	list, err := client.Models.List(ctx, anthropic.ModelListParams{})
	require.NoError(t, err)
	require.Equal(t, "claude-test", list.Data[0].ID)
	model, err := client.Models.Get(ctx, "claude-test", anthropic.ModelGetParams{})
	require.NoError(t, err)
	require.Equal(t, "Model claude-test", model.DisplayName)

	data := []byte("\x00\xff\r\n\x80 Grüße")
	file, err := client.Beta.Files.Upload(ctx, anthropic.BetaFileUploadParams{File: anthropic.File(bytes.NewReader(data), "a.bin", "application/octet-stream")})
	require.NoError(t, err)
	require.EqualValues(t, len(data), file.SizeBytes)
	content, err := client.Beta.Files.Download(ctx, file.ID, anthropic.BetaFileDownloadParams{})
	require.NoError(t, err)
	b, err := io.ReadAll(content.Body)
	require.NoError(t, err)
	require.NoError(t, content.Body.Close())
	require.Equal(t, data, b)
}
