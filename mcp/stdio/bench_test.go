//go:build unix

package stdio_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
)

// A call and its response, the work of a simple server included.
func BenchmarkCall(b *testing.B) {
	s := service("answers")
	c, err := stdio.New(stdio.Options{Log: quiet}).Dial(context.Background(), s)
	require.NoError(b, err)
	defer func() { _ = c.Close(context.Background()) }()
	m := mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"},"_meta":{"progressToken":1}}}`)}
	b.ReportAllocs()
	for b.Loop() {
		s, err := c.Call(context.Background(), m)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = s.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

func init() {
	modes["answers"] = func() { // to every line, the same
		for {
			if _, err := input.ReadBytes('\n'); err != nil {
				return
			}
			say(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}`)
		}
	}
}
