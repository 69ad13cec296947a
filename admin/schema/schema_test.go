package schema

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/configstore"
)

func bundleSchema(t *testing.T) gjson.Result {
	t.Helper()
	b, err := Bundle()
	require.NoError(t, err)
	require.True(t, json.Valid(b))
	return gjson.ParseBytes(b)
}

func TestBundle(t *testing.T) {
	s := bundleSchema(t)
	for path, want := range map[string]string{
		"$schema":                                                             `"https://json-schema.org/draft/2020-12/schema"`,
		"properties.apiVersion.const":                                         `"gateway.agw/v1alpha1"`,
		"properties.kind.const":                                               `"GatewayBundle"`,
		"required|@ugly":                                                      `["apiVersion","kind"]`,
		"additionalProperties":                                                `false`,
		"properties.llmRoutes.type":                                           `"array"`,
		"properties.llmRoutes.items.$ref":                                     `"#/$defs/llm_route"`,
		"$defs.provider.additionalProperties":                                 `false`,
		"$defs.provider.required|@ugly":                                       `["id","provider_type"]`,
		"$defs.provider.properties.api_key.type":                              `"string"`,
		"$defs.provider.properties.api_key.writeOnly":                         `true`,
		"$defs.provider.properties.disabled.anyOf.0.type":                     `"boolean"`,
		"$defs.provider.properties.disabled.anyOf.1.$ref":                     `"#/$defs/variable"`,
		"$defs.provider.properties.options.properties.compact.anyOf.0.enum.2": `"none"`,
		"$defs.provider.properties.network.additionalProperties":              `false`,
		"$defs.provider.properties.network.properties.extra_headers.additionalProperties.writeOnly":       `true`,
		"$defs.provider.properties.network.properties.max_retries.anyOf.0.type":                           `"integer"`,
		"$defs.llm_route.properties.match_policy.required|@ugly":                                          `["path_prefix"]`,
		"$defs.llm_route.properties.target_policy.properties.provider_target.properties.provider_id.type": `"string"`,
		"$defs.virtual_key.properties.allowed_route_ids.items.type":                                       `"string"`,
		"$defs.mcp_service.required|@ugly":                                                                `["id","transport"]`,
		"$defs.mcp_service.properties.env.additionalProperties.writeOnly":                                 `true`,
		"$defs.mcp_service.properties.auth.properties.token.writeOnly":                                    `true`,
		"$defs.mcp_route.required|@ugly":                                                                  `["service_id","match_policy"]`,
		"$defs.mcp_route.properties.service_ids":                                                          ``,
		"$defs.mcp_route.properties.tool_policy.properties.overrides.additionalProperties.type":           `"object"`,
		"$defs.virtual_key.properties.expires_at.anyOf.0.format":                                          `"date-time"`,
	} {
		require.Equal(t, want, s.Get(path).Raw, path)
	}
	for _, k := range configstore.Kinds {
		require.True(t, s.Get("properties."+k.Section).Exists(), k.Section)
		for _, name := range []string{"source", "read_only", "created_at", "updated_at", "Meta"} {
			require.False(t, s.Get("$defs."+k.Name+".properties."+name).Exists(), "%s.%s", k.Name, name)
		}
	}
}

func TestKind(t *testing.T) {
	for _, k := range configstore.Kinds {
		b, err := json.Marshal(Kind(k))
		require.NoError(t, err)
		s := gjson.ParseBytes(b)
		require.Equal(t, "object", s.Get("type").String())
		require.False(t, s.Get("$schema").Exists())
		require.False(t, s.Get("additionalProperties").Bool())
		for _, name := range []string{"source", "read_only", "created_at", "updated_at"} {
			require.True(t, s.Get("properties."+name+".readOnly").Bool(), "%s.%s", k.Name, name)
		}
		require.False(t, s.Get("properties.id.readOnly").Exists())
		require.NotContains(t, string(b), "$ref", "it stands on its own")
	}
}

// A secret that an administrator reads back is not only written.
func TestKindShowsWhatIsRevealed(t *testing.T) {
	k, _ := configstore.KindByName("virtual_key")
	p, ok := Kind(k).Properties.Get("key")
	require.True(t, ok)
	require.False(t, p.WriteOnly)
	k, _ = configstore.KindByName("provider")
	p, ok = Kind(k).Properties.Get("api_key")
	require.True(t, ok)
	require.True(t, p.WriteOnly)
}

// What the table of kinds names by path is in the schema.
func TestBundleHasTheColumns(t *testing.T) {
	s := bundleSchema(t)
	for _, k := range configstore.Kinds {
		for _, column := range slices.Concat(k.Columns, k.Filters) {
			if column == "source" {
				continue
			}
			path := "$defs." + k.Name
			for part := range strings.SplitSeq(column, ".") {
				path += ".properties." + part
			}
			require.True(t, s.Get(path).Exists(), path)
		}
	}
}
