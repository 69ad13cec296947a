package codectest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/chat"
	"github.com/agent-gateway/agent-gateway/llm/codec/gemini"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
	"github.com/agent-gateway/agent-gateway/llm/codec/messages"
	"github.com/agent-gateway/agent-gateway/llm/codec/responses"
)

var codecs = []codec.Codec{chat.Codec, responses.Codec, messages.Codec, gemini.Codec}

// An answer that any codec has read becomes one that a caller of any protocol can read,
// complete and streamed, or an error.
func FuzzTranslate(f *testing.F) {
	codectest.Fuzz(f, slices.Concat(
		codectest.Files(f, "../../chat/testdata/*response/*.txtar", "in"),
		codectest.Files(f, "../../responses/testdata/*response/*.txtar", "response"),
		codectest.Files(f, "../../messages/testdata/*/*.txtar", "response.json"),
		codectest.Files(f, "../../gemini/testdata/*responses/*.txtar", "in.json"),
	), func(t *testing.T, text []byte) {
		if !codectest.WellFormed(text) {
			return
		}
		for _, from := range codecs {
			r, err := from.DecodeResponse(text)
			if err != nil {
				continue
			}
			for _, to := range codecs {
				translate(t, r, to)
			}
		}
	})
}

// The same of a stream, of which nothing is known before.
func FuzzTranslateStream(f *testing.F) {
	codectest.FuzzStreams(f, slices.Concat(
		codectest.Files(f, "../../chat/testdata/stream/*.txtar", "in"),
		codectest.Files(f, "../../responses/testdata/stream/*.txtar", "stream"),
		codectest.Files(f, "../../messages/testdata/stream/*.txtar", "stream.sse"),
		codectest.Files(f, "../../gemini/testdata/streams/*.txtar", "in.sse"),
	), func(t *testing.T, text []byte) {
		for _, from := range codecs {
			events, err := (&codectest.Suite{Codec: from}).Decode(text)
			if err != nil {
				continue
			}
			for _, to := range codecs {
				stream(t, events, to)
			}
		}
	})
}

// unique says whether each call has an id of its own, by which a reader tells the
// pieces of one from those of another.
func unique(events []codec.Event) bool {
	seen := map[string]bool{}
	for _, e := range events {
		if e.Kind == codec.PartStart && e.Part.Call != nil {
			if seen[e.Part.Call.ID] {
				return false
			}
			seen[e.Part.Call.ID] = true
		}
	}
	return true
}

func failed(r *codec.Response) bool {
	return slices.ContainsFunc(r.Choices, func(c codec.Choice) bool { return c.Reason == codec.ReasonError })
}

func translate(t *testing.T, r *codec.Response, to codec.Codec) {
	if out, err := to.EncodeResponse(r, caller(to), &codec.Losses{}); err == nil {
		require.True(t, gjson.ValidBytes(out), "%s", out)
		if _, err := to.DecodeResponse(out); !failed(r) {
			require.NoError(t, err, "%s", out)
		}
	} else {
		require.NotEqual(t, llm.CodeInternal, llm.AsError(err).Code)
	}
	stream(t, codec.Events(r), to)
}

func stream(t *testing.T, events []codec.Event, to codec.Codec) {
	suite := codectest.Suite{Codec: to, Caller: caller(to)}
	out, err := suite.Encode(events, &codec.Losses{})
	if err != nil {
		require.NotEqual(t, llm.CodeInternal, llm.AsError(err).Code)
		return
	}
	if again, err := suite.Decode(out); unique(events) {
		require.NoError(t, err, "%s", out)
		require.NoError(t, codectest.Grammar(again, true), "%s", out)
	}
}

func caller(to codec.Codec) *codec.Request {
	return &codec.Request{From: to.Operation(), Model: "asked-for", Include: []string{"reasoning.encrypted_content"}, IncludeUsage: true}
}
