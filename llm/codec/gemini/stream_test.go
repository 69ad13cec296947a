package gemini

import (
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

func decodeStream(text string) ([]codec.Event, error) { return suite.Decode([]byte(text)) }

func encodeStream(t testing.TB, events []codec.Event, lost *codec.Losses) string {
	t.Helper()
	enc := Codec.NewStreamEncoder(&codec.Request{}, lost)
	var out []byte
	for i := range events {
		var err error
		out, err = enc.Encode(out, &events[i])
		require.NoError(t, err)
	}
	return string(out)
}

// A stream of the protocol, as events, and written again.
func TestStreams(t *testing.T) {
	golden(t, "streams", func(t *testing.T, in map[string]string) []txtar.File {
		events, err := decodeStream(in["in.sse"])
		require.NoError(t, codectest.Grammar(events, err == nil))
		failed := ""
		if err != nil {
			failed = err.Error()
		}
		return []txtar.File{file("error", failed), file("events", dump(events)), {Name: "out.sse", Data: []byte(encodeStream(t, events, nil))}}
	})
}

// The answers of other protocols, streamed.
func TestEncodeStream(t *testing.T) {
	for name, r := range answers {
		t.Run(name, func(t *testing.T) {
			r.From = llm.OpenAIChat
			events := codec.Events(&r)
			require.NoError(t, codectest.Grammar(events, true))
			var lost codec.Losses
			out := encodeStream(t, events, &lost)
			compare(t, "answers_streamed/"+name, out+"-- lost --\n"+lostText(&lost)+"\n")
			again, err := decodeStream(out)
			require.NoError(t, err)
			require.NoError(t, codectest.Grammar(again, true))
		})
	}
}

func TestStreamFails(t *testing.T) {
	hello := codec.Response{From: llm.OpenAIChat, ID: "x", Model: "m", Choices: []codec.Choice{{Parts: []codec.Part{text("Hello")}}}}
	events := codec.Events(&hello)[:3]
	events = append(events, codec.Event{Kind: codec.Failed, Err: &llm.Error{Code: llm.CodeOverloaded, Message: "busy"}}, codec.Event{Kind: codec.End})
	const failed = `data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}` + "\n\n"
	require.Equal(t, `data: {"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"x"}`+"\n\n"+failed,
		encodeStream(t, events, nil))
	require.Equal(t, failed, encodeStream(t, events[3:], nil))
	require.Equal(t, `data: {"error":{"code":502,"message":"gone","status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"req_1"}]}}`+"\n\n",
		string(Codec.NewStreamEncoder(nil, nil).Fail(nil, &llm.Error{Code: llm.CodeUpstream, Message: "gone"}, "req_1")))
}

func TestMalformedStreams(t *testing.T) {
	for _, data := range []string{
		`{`, `[]`, `1`, `{"candidates":[1]}`, `{"candidates":[{"content":{"parts":[1]}}]}`, `{"candidates":[{"content":{"parts":[{"text":1}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"functionCall":{"args":1}}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$[99999]","stringValue":"x"}]}}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.a","stringValue":"x"},{"jsonPath":"$.a.b","stringValue":"x"}]}}]}}]}`,
	} {
		_, err := decodeStream("data: " + data + "\n\n")
		var e *llm.Error
		require.ErrorAs(t, err, &e, data)
		require.Equal(t, llm.CodeUpstream, e.Code)
	}
}

// Streamed and collected, an answer is what it is in one piece.
func TestCollected(t *testing.T) {
	golden(t, "responses", func(t *testing.T, in map[string]string) []txtar.File {
		want, err := Codec.DecodeResponse([]byte(in["in.json"]))
		require.NoError(t, err)
		if want.Blocked != "" || strings.HasSuffix(t.Name(), "grounding") { // there, a signature joins the text
			return nil
		}
		events, err := decodeStream("data: " + strings.TrimSpace(in["in.json"]) + "\n\n")
		require.NoError(t, err)
		var c codec.Collector
		for i := range events {
			require.NoError(t, c.Add(&events[i]))
		}
		got := c.Response()
		for i := range got.Choices {
			got.Choices[i].Logprobs, want.Choices[i].Logprobs = nil, nil
			for j := range got.Choices[i].Parts {
				got.Choices[i].Parts[j].Annotations, want.Choices[i].Parts[j].Annotations = nil, nil
			}
		}
		byName := func(a, b codec.Field) int { return strings.Compare(a.Name, b.Name) }
		slices.SortFunc(got.Extra, byName)
		slices.SortFunc(want.Extra, byName)
		require.Equal(t, dump(want), dump(got))
		return nil
	})
}

// A thought that was streamed to a caller in pieces comes back whole.
func TestStreamedThoughtComesBack(t *testing.T) {
	thought := codec.Part{Kind: codec.Thinking, Text: "Hm, so.", Thought: &codec.Thought{ID: "rs_1", Signature: &codec.Signature{Of: llm.OpenAIResponses, Value: "e"}}}
	events := codec.Events(&codec.Response{From: llm.OpenAIResponses, Choices: []codec.Choice{{Parts: []codec.Part{thought, text("Hi")}}}})
	i := slices.IndexFunc(events, func(e codec.Event) bool { return e.Kind == codec.PartDelta })
	more := events[i]
	events[i].Delta, more.Delta = "Hm,", " so."
	events = slices.Insert(events, i+1, more)
	var parts []string
	for _, line := range strings.Split(encodeStream(t, events, nil), "\n\n") {
		if part := between(line, `"parts":[`, `],"role"`); part != "" {
			parts = append(parts, part)
		}
	}
	require.Len(t, parts, 5)
	r, err := Codec.DecodeRequest([]byte(`{"contents":[{"role":"model","parts":[`+strings.Join(parts, ",")+`]}]}`), "m", false)
	require.NoError(t, err)
	require.Equal(t, []codec.Part{thought, text("Hi"), text("")}, r.Messages[0].Parts)
}
