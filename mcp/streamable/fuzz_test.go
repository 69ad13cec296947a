package streamable_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

// Whatever a server answers, and in whatever pieces, it gives the same messages, each of
// which can be read, and an end.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		last, "[" + note + "," + last + "]", "data: " + note + "\n\ndata: " + last + "\n\n", "\ufeffid: 1\r\nretry: 5\r\ndata:\r\n\r\ndata: [" + last + "]\r\n\r\n",
		"data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\ndata: \"result\":{}}\n\n", ": x\r\revent: y\rdata: z\r\r", " \n", "[", "{", "data", "id: \x00\n\n", "<html>",
	} {
		f.Add(true, text)
		f.Add(false, text)
	}
	f.Fuzz(func(t *testing.T, stream bool, text string) {
		contentType := "application/json"
		if stream {
			contentType = "text/event-stream"
		}
		read := func(r io.Reader) (list []mcp.Message, end error) {
			c, err := streamable.New(streamable.Options{MaxMessage: 1 << 16, RoundTripper: answering(200, contentType, r)}).Dial(t.Context(), mcp.Service{URL: "http://test"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background())
			s, err := c.Call(t.Context(), modern("1", "x", ""))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for {
				m, err := s.Next()
				if err != nil {
					if _, again := s.Next(); !errors.Is(again, err) {
						t.Fatalf("the stream ended with %v, then %v", err, again)
					}
					return list, err
				}
				list = append(list, m)
			}
		}
		whole, end := read(strings.NewReader(text))
		responses, resumes := 0, false
		for i, m := range whole {
			resumes = resumes || m.EventID != ""
			if len(m.Data) == 0 {
				continue
			}
			in, err := jsonrpc.Parse(m.Data)
			if err != nil {
				t.Fatalf("a message cannot be read: %v: %q", err, m.Data)
			}
			if in.Kind() == jsonrpc.Response {
				if responses++; i != len(whole)-1 {
					t.Fatalf("after the response come %d messages", len(whole)-1-i)
				}
			}
		}
		if errors.Is(end, io.EOF) && responses == 0 && !resumes {
			t.Fatal("the stream ended well without a response")
		}
		pieces, otherEnd := read(iotest.OneByteReader(strings.NewReader(text)))
		if len(pieces) != len(whole) || errors.Is(end, io.EOF) != errors.Is(otherEnd, io.EOF) {
			t.Fatalf("in pieces it is %d messages and %v, else %d and %v", len(pieces), otherEnd, len(whole), end)
		}
		for i, m := range whole {
			if p := pieces[i]; string(p.Data) != string(m.Data) || p.EventID != m.EventID || p.Retry != m.Retry {
				t.Fatalf("in pieces message %d is %q, else %q", i, p.Data, m.Data)
			}
		}
	})
}
