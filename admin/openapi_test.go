package admin

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
)

func openAPIDocument(t *testing.T) gjson.Result {
	t.Helper()
	b, err := openAPI()
	require.NoError(t, err)
	return gjson.ParseBytes(b)
}

// The document and the router have the same operations, and each says what its path is
// made of.
func TestOpenAPIHasTheRoutes(t *testing.T) {
	handler, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	var served, described []string
	require.NoError(t, chi.Walk(handler.(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method != http.MethodHead {
			served = append(served, method+" "+path)
		}
		return nil
	}))
	parameter := regexp.MustCompile(`\{(\w+)\}`)
	openAPIDocument(t).Get("paths").ForEach(func(path, item gjson.Result) bool {
		item.ForEach(func(method, operation gjson.Result) bool {
			if method.Str == "parameters" {
				return true
			}
			described = append(described, strings.ToUpper(method.Str)+" "+path.Str)
			require.NotEmpty(t, operation.Get("summary").Str, path.Str)
			require.True(t, operation.Get("responses.default").Exists(), path.Str)
			return true
		})
		var want []string
		for _, m := range parameter.FindAllStringSubmatch(path.Str, -1) {
			want = append(want, m[1])
		}
		var got []string
		for _, p := range item.Get("parameters").Array() {
			got = append(got, p.Get("name").Str)
		}
		require.Equal(t, want, got, path.Str)
		return true
	})
	slices.Sort(served)
	slices.Sort(described)
	require.Equal(t, served, described)
}

// The schemas have the fields that the answers have.
func TestOpenAPIOfMCP(t *testing.T) {
	doc := openAPIDocument(t)
	for name, v := range map[string]any{
		"mcp_session": mcpproxy.Upstream{}, "mcp_in_flight": mcpproxy.InFlight{}, "mcp_progress": mcpproxy.Progress{Progress: "0"}, "mcp_ended": mcpproxy.Ended{},
	} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		schema := doc.Get("components.schemas." + name)
		require.ElementsMatch(t, slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(schema.Get("properties").Map())), name)
		require.Len(t, schema.Get("required").Array(), len(fields), name)
	}
	call := doc.Get("paths").Map()["/admin/mcp/services/{id}/tools/call"].Get("post")
	require.JSONEq(t, `{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"arguments":{"type":"object"}},"additionalProperties":false}`,
		call.Get("requestBody.content.application/json.schema").Raw)
	require.Equal(t, "#/components/schemas/mcp_error", call.Get("responses.502.content.application/json.schema.$ref").Str)
	history := doc.Get("paths").Map()["/admin/mcp/runtime/history"].Get("get")
	require.Equal(t, "route_id", history.Get("parameters.0.name").Str)
}
