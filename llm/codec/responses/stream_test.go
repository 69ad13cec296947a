package responses

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

func decodeAll(text string) ([]codec.Event, error) { return suite.Decode([]byte(text)) }

func encodeAll(t testing.TB, events []codec.Event, req *codec.Request) string {
	e := Codec.NewStreamEncoder(req, nil)
	var out []byte
	for i := range events {
		var err error
		out, err = e.Encode(out, &events[i])
		require.NoError(t, err)
	}
	return string(out)
}

type sseEvent struct{ name, data string }

// sseEvents parses a stream that was encoded, and holds it to the grammar that the
// SDKs depend on. The ids of items are told apart where the encoder made them.
func sseEvents(t testing.TB, text string, made bool) (list []sseEvent) {
	sequence := int64(0)
	open, items, ids := "", int64(0), map[string]bool{}
	terminal := false
	for text != "" {
		n := sse.Next([]byte(text))
		require.NotZero(t, n, "an event is not whole: %q", text)
		e := sse.Parse([]byte(text[:n]))
		text = text[n:]
		require.True(t, json.Valid(e.Data), "%s", e.Data)
		v := gjson.ParseBytes(e.Data)
		require.Equal(t, string(e.Name), v.Get("type").Str)
		require.Equal(t, sequence, v.Get("sequence_number").Int())
		sequence++
		if len(list) == 0 && string(e.Name) != "error" {
			require.Equal(t, "response.created", string(e.Name))
		}
		require.True(t, !terminal || string(e.Name) == "error", "%s comes after the end", e.Name)
		switch name := string(e.Name); name {
		case "response.output_item.added":
			require.Empty(t, open, "two items are open")
			open = v.Get("item.id").Str
			require.NotEmpty(t, open)
			require.False(t, made && ids[open], "id %s occurs twice", open)
			ids[open] = true
			require.Equal(t, items, v.Get("output_index").Int())
		case "response.output_item.done":
			require.Equal(t, open, v.Get("item.id").Str)
			require.Equal(t, items, v.Get("output_index").Int())
			open = ""
			items++
		case "response.completed", "response.incomplete", "response.failed":
			require.Equal(t, items, v.Get("response.output.#").Int())
			terminal = true
		case "response.created", "response.in_progress", "error":
		default:
			require.Equal(t, open, v.Get("item_id").Str, name)
			require.Equal(t, items, v.Get("output_index").Int())
		}
		list = append(list, sseEvent{string(e.Name), string(e.Data)})
	}
	return list
}

func eventNames(kind codec.EventKind) string {
	return [...]string{"Begin", "PartStart", "PartDelta", "PartStop", "Finish", "Usage", "Ping", "End", "Failed"}[kind]
}

// eventText is one event in one line.
func eventText(t *testing.T, e codec.Event) string {
	name := eventNames(e.Kind)
	e.Kind = 0
	var line strings.Builder
	require.NoError(t, compact(&line, dump(t, e)))
	return name + " " + line.String()
}

func compact(out *strings.Builder, text string) error {
	if text == "null\n" {
		return nil
	}
	for _, l := range strings.Split(text, "\n") {
		out.WriteString(strings.TrimSpace(l))
	}
	return nil
}

func TestStreams(t *testing.T) {
	archives(t, "stream", func(t *testing.T, input []byte) []txtar.File {
		events, err := decodeAll(string(input))
		require.NoError(t, codectest.Grammar(events, err == nil))
		var lines []string
		for _, e := range events {
			lines = append(lines, eventText(t, e))
		}
		if err != nil {
			lines = append(lines, "error: "+err.Error())
		}
		again := encodeAll(t, events, caller(true))
		sseEvents(t, again, true)
		return []txtar.File{file("events", strings.Join(lines, "\n")), file("again", again)}
	})
}

func foreignStreams() map[string][]codec.Event {
	begin := codec.Event{Kind: codec.Begin, Response: &codec.Response{From: llm.AnthropicMessages, ID: "msg_1", Model: "claude", Created: 9, Usage: llm.Usage{Input: llm.Known(4)}}}
	textStart := codec.Event{Kind: codec.PartStart, Part: &codec.Part{Kind: codec.Text}}
	delta := func(s string) codec.Event { return codec.Event{Kind: codec.PartDelta, Delta: s} }
	stop := codec.Event{Kind: codec.PartStop}
	end := codec.Event{Kind: codec.End, Response: &codec.Response{Usage: llm.Usage{Input: llm.Known(4), Output: llm.Known(2), Final: true}}}
	return map[string][]codec.Event{
		"failed":       {begin, textStart, delta("ha"), {Kind: codec.Failed, Err: &llm.Error{Code: llm.CodeOverloaded, Message: "busy"}}, delta("later"), end},
		"failed-first": {{Kind: codec.Failed, Err: &llm.Error{Code: llm.CodeRateLimited, Message: "wait", Param: "p"}}},
		"sloppy":       {textStart, delta("no begin, "), {Kind: codec.Ping}, textStart, delta("no stop"), {Kind: codec.PartStart, Choice: 1, Part: &codec.Part{}}, end},
		"logprobs": {begin, textStart, {Kind: codec.PartDelta, Delta: "a", Logprobs: json.RawMessage(`{"content":[{"token":"a","logprob":-1}],"refusal":null}`)},
			{Kind: codec.PartDelta, Delta: "b", Logprobs: json.RawMessage(`{"content":[{"token":"b","logprob":-2}]}`)}, stop,
			{Kind: codec.FinishEvent, Finish: codec.Finish{Reason: codec.ReasonLength}}, end},
	}
}

func TestForeignStreams(t *testing.T) {
	var files []txtar.File
	streams := foreignStreams()
	for _, name := range []string{"failed", "failed-first", "logprobs"} {
		text := encodeAll(t, streams[name], caller(true))
		sseEvents(t, text, true)
		files = append(files, file(name, text))
	}
	for _, name := range []string{"messages", "gemini", "refused"} {
		text := encodeAll(t, codec.Events(answers[name]), caller(true))
		sseEvents(t, text, true)
		files = append(files, file(name, text))
	}
	golden(t, "testdata/foreign-streams.txtar", nil, files)
	events := sseEvents(t, encodeAll(t, streams["sloppy"], nil), true) // has an id of its own
	require.Equal(t, "no begin, no stop", strings.Join([]string{
		gjson.Get(events[len(events)-1].data, "response.output.0.content.0.text").Str,
		gjson.Get(events[len(events)-1].data, "response.output.0.content.1.text").Str}, ""))
}

// Each delta is written when it comes.
func TestNothingWaits(t *testing.T) {
	e := Codec.NewStreamEncoder(caller(false), nil)
	for i, ev := range codec.Events(&codec.Response{From: llm.OpenAIChat, ID: "1", Choices: []codec.Choice{{Parts: []codec.Part{textPart("a"), toolCall("c", "f", "{}")}}}}) {
		out, err := e.Encode(nil, &ev)
		require.NoError(t, err)
		require.True(t, len(out) > 0 || ev.Kind == codec.FinishEvent, "event %d", i)
	}
}

func TestBrokenStreams(t *testing.T) {
	created := "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n"
	for text, want := range map[string]string{
		created:       "ended before response.completed",
		"data: {\n\n": "not JSON",
		"data: 5\n\n": "not a JSON object",
		"event: response.output_text.delta\ndata: {\"delta\":5}\n\n":                               "delta is not a string",
		"event: response.output_text.delta\ndata: {\"delta\":\"\n\n":                               "not JSON",
		"data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\"}}\n\n": "cannot be read",
	} {
		_, err := decodeAll(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestErrorsInStreams(t *testing.T) {
	for text, want := range map[string]llm.Code{
		`{"type":"error","code":"rate_limit_exceeded","message":"m","param":null,"sequence_number":3}`: llm.CodeRateLimited,
		`{"type":"error","error":{"type":"server_error","code":"server_is_overloaded","message":"m"}}`: llm.CodeOverloaded,
		`{"type":"response.failed","response":{"error":{"code":"insufficient_quota","message":"m"}}}`:  llm.CodeBilling,
		`{"error":{"message":"m","type":"invalid_request_error"}}`:                                     llm.CodeInvalidRequest,
		`{"type":"response.failed","response":{"error":null}}`:                                         llm.CodeUpstream,
	} {
		events, err := decodeAll("data: " + text + "\n\ndata: {\"type\":\"response.completed\"}\n\n")
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, codec.Failed, events[0].Kind)
		require.Equal(t, want, events[0].Err.Code, text)
	}
}
