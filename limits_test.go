package gateway_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
)

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, s)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func deflated(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := io.WriteString(z, s)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// Bodies that are refused, and those that only look as if they should be.
func TestRequestBodies(t *testing.T) {
	const limit = 64 << 10
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up), gateway.WithLimits(gateway.Limits{RequestBody: limit}))
	fill := func(n int) string {
		const head, tail = `{"model":"m","messages":[{"role":"user","content":"`, `"}]}`
		return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
	}
	tests := []struct {
		name, body, coding string
		status             int
		upstream           string // "" for body
	}{
		{"at the bound", fill(limit), "", 200, ""},
		{"over the bound", fill(limit + 1), "", 413, ""},
		{"far over the bound", fill(8 << 20), "", 413, ""},
		{"gzip", gzipped(t, chatBody), "gzip", 200, chatBody},
		{"x-gzip", gzipped(t, chatBody), "X-Gzip", 200, chatBody},
		{"deflate", deflated(t, chatBody), "deflate", 200, chatBody},
		{"identity", chatBody, "identity", 200, ""},
		{"bomb", gzipped(t, fill(64<<20)), "gzip", 413, ""},
		{"no gzip", chatBody, "gzip", 400, ""},
		{"half a gzip", gzipped(t, chatBody)[:40], "gzip", 400, ""},
		{"zstd", chatBody, "zstd", 415, ""},
		{"two codings", chatBody, "gzip, gzip", 415, ""},
		{"empty", "", "", 400, ""},
		{"no object", `["model"]`, "", 400, ""},
		{"cut off", chatBody[:20], "", 400, ""},
		{"trailing text", chatBody + " x", "", 400, ""},
		{"trailing space", chatBody + " \r\n\t", "", 200, ""},
		{"BOM", "\ufeff" + chatBody, "", 400, ""},
		{"deep", `{"model":"m","x":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`, "", 400, ""},
		{"many members", `{"model":"m"` + manyMembers(3000) + `}`, "", 400, ""},
		{"stream is a word", `{"model":"m","stream":"true"}`, "", 400, ""},
		{"stream is a number", `{"model":"m","stream":1}`, "", 400, ""},
		{"model is a number", `{"model":1}`, "", 400, ""},
		{"long model", `{"model":"` + strings.Repeat("m", 513) + `"}`, "", 400, ""},
	}
	for _, tt := range tests {
		for _, path := range []string{"/v1/chat/completions", "/v1/messages"} {
			t.Run(tt.name+strings.ReplaceAll(path, "/", "∕"), func(t *testing.T) {
				up.Reset()
				body, want := tt.body, tt.upstream
				if path == "/v1/messages" && tt.status == 200 {
					return
				}
				headers := []string{"Content-Type", "application/json"}
				if tt.coding != "" {
					headers = append(headers, "Content-Encoding", tt.coding)
				}
				got := s.do(t, "POST", path, body, headers...)
				require.Equal(t, tt.status, got.Status, got.Body)
				require.Equal(t, tt.status, s.event(t).StatusCode)
				if tt.status == 200 {
					if want == "" {
						want = body
					}
					require.Equal(t, want, string(up.Last().Body))
					require.NotContains(t, up.Last().Header, "Content-Encoding")
					return
				}
				require.Zero(t, up.Count())
				kind := "invalid_request_error"
				if tt.status == 413 && path == "/v1/messages" {
					kind = "request_too_large"
				}
				requireError(t, map[bool]string{true: "anthropic", false: "openai"}[path == "/v1/messages"], got, kind)
			})
		}
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":0`, i)
	}
	return b.String()
}

// An upload that announces too much is refused before it begins.
func TestUploadBound(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up), gateway.WithLimits(gateway.Limits{Upload: 64 << 10}))
	got := s.do(t, "POST", "/v1/files", strings.Repeat("x", 64<<10+1), "Content-Type", "multipart/form-data; boundary=x")
	require.Equal(t, 413, got.Status)
	require.Zero(t, up.Count())
	s.event(t)
	got = s.do(t, "POST", "/v1/files", gzipped(t, "x"), "Content-Type", "multipart/form-data; boundary=x", "Content-Encoding", "gzip")
	require.Equal(t, 415, got.Status)
	s.event(t)
}
