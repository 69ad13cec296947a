package streamable_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

// BenchmarkCall measures a call of a tool beside the same exchange by net/http alone,
// which is the floor. The server's share is in both.
func BenchmarkCall(b *testing.B) {
	request := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"` + strings.Repeat("x", 200) + `"}}}`)
	response := `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"` + strings.Repeat("x", 200) + `"}]}}`
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/events" {
			w.Header()["Content-Type"] = []string{"text/event-stream"}
			_, _ = io.WriteString(w, "event: message\ndata: "+response+"\n\n")
			return
		}
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(response))}
		_, _ = io.WriteString(w, response)
	}))
	defer ts.Close()
	b.Run("Floor", func(b *testing.B) {
		b.ReportAllocs()
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for b.Loop() {
			resp, err := client.Post(ts.URL, "application/json", bytes.NewReader(request))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				b.Fatal(err)
			}
			_ = resp.Body.Close()
		}
	})
	for name, path := range map[string]string{"JSON": "/json", "Events": "/events"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			c, err := streamable.New(streamable.Options{}).Dial(b.Context(), mcp.Service{URL: ts.URL + path})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := c.Call(b.Context(), mcp.Message{Data: request})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Next(); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Next(); !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
				_ = s.Close()
			}
			_ = c.Close(b.Context())
		})
	}
}
