package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// streams are a request of each operation that streams, and what says that its
// stream is complete.
var streams = []struct {
	name, path, body, terminator string
}{
	{"chat", "/v1/chat/completions", chatStream, "[DONE]"},
	{"chat with usage", "/v1/chat/completions", `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`, "[DONE]"},
	{"completions", "/v1/completions", `{"model":"m","stream":true,"prompt":"hi"}`, "[DONE]"},
	{"responses", "/v1/responses", `{"model":"m","stream":true,"input":"hi"}`, "response.completed"},
	{"messages", "/v1/messages", messageStream, "message_stop"},
}

// dataOf lists the data of the events of a stream, which must be whole ones.
func dataOf(t *testing.T, body string) (list []string) {
	t.Helper()
	body = strings.ReplaceAll(body, "\r\n", "\n") // as Gemini ends its lines
	require.True(t, strings.HasSuffix(body, "\n\n"), "the stream ends inside an event: %q", body)
	for event := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		_, data, found := strings.Cut("\n"+event, "\ndata: ")
		if !found {
			continue
		}
		require.True(t, data == "[DONE]" || gjson.Valid(data), "not whole: %q", data)
		list = append(list, data)
	}
	return list
}

// requireBroken checks that a stream ends in its protocol's error event, and
// never says that it is complete.
func requireBroken(t *testing.T, path, body, terminator string) (message string) {
	t.Helper()
	require.NotContains(t, body, terminator)
	body = strings.ReplaceAll(body, "\r\n", "\n")
	events := strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n")
	last := events[len(events)-1]
	list := dataOf(t, body)
	e := gjson.Parse(list[len(list)-1])
	switch path {
	case "/v1/messages":
		require.True(t, strings.HasPrefix(last, "event: error\n"), last)
		require.Equal(t, "error", e.Get("type").Str, last)
	case "/v1/responses":
		require.True(t, strings.HasPrefix(last, "event: error\n"), last)
		require.Equal(t, "error", e.Get("type").Str, last)
		require.NotEmpty(t, e.Get("message").Str, last)
		if len(list) > 1 {
			previous := gjson.Get(list[len(list)-2], "sequence_number").Int()
			require.Equal(t, previous+1, e.Get("sequence_number").Int(), "the numbers go on")
		}
	default:
		require.NotContains(t, last, "event:")
	}
	require.NotEmpty(t, e.Get("error.message").Str, last)
	require.NotEmpty(t, e.Get(kindOfError(path)).Str, last)
	return e.Get("error.message").Str
}

func TestBrokenStream(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {request_timeout_seconds: 0.25}"))
	faults := map[string]llmtest.Fault{
		"after headers":    {Break: llmtest.AfterHeaders},
		"first event":      {Break: llmtest.MidEvent},
		"mid event":        {Break: llmtest.MidEvent, After: 3},
		"mid rune":         {Break: llmtest.MidRune},
		"between events":   {Break: llmtest.Cut, After: 4},
		"no terminator":    {Break: llmtest.End, After: 2},
		"silent":           {Break: llmtest.Stall, After: 3},
		"silent at once":   {Break: llmtest.Stall},
		"empty, but ended": {Break: llmtest.End},
	}
	for name, fault := range faults {
		for _, st := range streams {
			t.Run(st.name+" "+name, func(t *testing.T) {
				up.Enqueue(fault)
				got := s.do(t, "POST", st.path, st.body)
				e := s.event(t)
				require.NoError(t, got.err)
				require.Equal(t, 200, got.Status)
				requireBroken(t, st.path, got.Body, st.terminator)
				require.False(t, e.Success)
				require.Equal(t, 200, e.StatusCode)
				if fault.Break == llmtest.Stall {
					require.Equal(t, "upstream_timeout", e.ErrorType)
				} else {
					require.Equal(t, "upstream_error", e.ErrorType)
				}
				require.True(t, e.LLM.Stream)
				require.False(t, e.LLM.UsageFinalized)
				require.Equal(t, len(dataOf(t, got.Body)) > 1, e.LLM.TotalTokens.Known, "tokens are estimated once something came")
				require.Equal(t, 1, e.LLM.Attempts, "what has begun is not tried again")
				require.NoError(t, up.WaitIdle(t.Context()))
			})
		}
	}
}

// An upstream that says itself what went wrong is not contradicted.
func TestStreamErrorEventIsRelayed(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, st := range streams {
		up.Enqueue(llmtest.Fault{Break: llmtest.ErrorEvent, After: 2, Message: "out of ü"})
		got := s.do(t, "POST", st.path, st.body)
		require.NoError(t, got.err)
		require.NotContains(t, got.Body, st.terminator)
		require.Equal(t, 1, strings.Count(got.Body, "out of ü"), got.Body)
		require.Contains(t, dataOf(t, got.Body)[len(dataOf(t, got.Body))-1], "out of ü")
		e := s.event(t)
		require.False(t, e.Success)
		require.NotEmpty(t, e.ErrorType)
		require.False(t, e.LLM.UsageFinalized)
	}
}

// Events arrive as they are sent: each is there before the next is allowed out.
func TestStreamIsNotBuffered(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, st := range streams {
		if st.name == "chat" || st.name == "completions" {
			continue // an event is taken out of these
		}
		step := make(chan struct{}, 64)
		up.Enqueue(llmtest.Fault{Step: step})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		step <- struct{}{}
		resp := s.start(t, ctx, "POST", st.path, st.body)
		lines, seen := bufio.NewReader(resp.Body), ""
		for !strings.Contains(seen, st.terminator) {
			line, err := lines.ReadString('\n')
			require.NoError(t, err, seen)
			if seen += line; line == "\n" {
				step <- struct{}{}
			}
		}
		_, err := io.Copy(io.Discard, lines)
		require.NoError(t, err)
		_ = resp.Body.Close()
		cancel()
		require.True(t, s.event(t).Success)
	}
}

// Audio that is made while it is sent must be heard at once too.
func TestAudioIsNotBuffered(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	step := make(chan struct{}, 1)
	up.Enqueue(llmtest.Fault{Step: step, Chunks: 4})
	step <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp := s.start(t, ctx, "POST", "/v1/audio/speech", `{"model":"m","input":"hi","voice":"alloy"}`)
	piece := make([]byte, 1024)
	for range 4 {
		_, err := io.ReadFull(resp.Body, piece)
		require.NoError(t, err)
		select {
		case step <- struct{}{}:
		default:
		}
	}
	require.NoError(t, read(resp).err)
	require.True(t, s.event(t).Success)
}

// One event is bounded, and so is the memory that it takes.
func TestEventBound(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up), gateway.WithLimits(gateway.Limits{Event: 256 << 10}))
	for _, st := range streams {
		up.Enqueue(llmtest.Fault{HugeLine: 32 << 20, After: 2})
		got := s.do(t, "POST", st.path, st.body)
		require.Contains(t, requireBroken(t, st.path, got.Body, st.terminator), "262144 bytes")
		require.Less(t, len(got.Body), 64<<10)
		require.Equal(t, "upstream_error", s.event(t).ErrorType)

		up.Enqueue(llmtest.Fault{Size: 200 << 10, Chunks: 1}) // big, but allowed
		got = s.do(t, "POST", st.path, st.body)
		require.NoError(t, got.err)
		if !strings.Contains(got.Body, st.terminator) { // the final Responses event repeats the text
			require.Equal(t, "responses", st.name)
		}
		s.event(t)
	}
}

// An upstream that compresses, though it was asked not to, is understood.
func TestGzippedAnswer(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, st := range streams {
		up.Enqueue(llmtest.Fault{Gzip: true})
		got := s.do(t, "POST", st.path, st.body)
		require.NoError(t, got.err)
		require.NotContains(t, got.Header, "Content-Encoding")
		require.Contains(t, got.Body, st.terminator)
		dataOf(t, got.Body)
		require.True(t, s.event(t).LLM.UsageFinalized)
	}
	for _, d := range dialects {
		up.Enqueue(llmtest.Fault{Gzip: true})
		got := s.do(t, "POST", d.path, d.body)
		require.NoError(t, got.err)
		require.True(t, gjson.Valid(got.Body), got.Body)
		require.True(t, s.event(t).LLM.UsageFinalized)
	}
}

// … even when the connection breaks behind its error.
func TestStreamErrorThenReset(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for path, event := range map[string]string{
		"/v1/chat/completions": `data: {"error":{"message":"boom","type":"server_error"}}` + "\n\n",
		"/v1/responses":        "event: error\ndata: " + `{"type":"error","message":"boom","sequence_number":0}` + "\n\n",
		"/v1/messages":         "event: error\ndata: " + `{"type":"error","error":{"type":"overloaded_error","message":"boom"}}` + "\n\n",
	} {
		fault := llmtest.Raw(200, http.Header{"Content-Type": {"text/event-stream"}}, []byte(event), []byte("data: never"))
		fault.Break, fault.After = llmtest.Cut, 1
		up.Enqueue(*fault)
		got := s.do(t, "POST", path, `{"model":"m","stream":true}`)
		require.NoError(t, got.err)
		require.Equal(t, event, got.Body)
		require.NotEmpty(t, s.event(t).ErrorType)
	}
}
