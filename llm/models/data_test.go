package models

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmbeddedDataIsRead(t *testing.T) {
	d, err := load(pricesJSON, claudeJSON, capabilitiesJSON)
	require.NoError(t, err)
	models, priced := 0, 0
	for _, u := range d.upstreams {
		for _, m := range u.models {
			models++
			if m.price != nil {
				priced++
				for _, p := range m.price.periods {
					for _, tier := range append([]tier{{rates: p.base}}, p.tiers...) {
						require.LessOrEqual(t, tier.rates.Input.N, int64(maxRate*1e9), m.id)
					}
				}
			}
		}
	}
	require.Greater(t, models, 1500)
	require.Greater(t, priced, 1400)
	require.Less(t, len(pricesJSON)+len(claudeJSON)+len(capabilitiesJSON), 300_000)
}

// The files must be what the converter writes: a line a model, members in its order.
func TestFormatIsTheConverters(t *testing.T) {
	order := map[string][]string{
		"provider": {"id", "name", "url", "fallback", "models"},
		"model":    {"id", "name", "match", "context", "prices"},
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, f := range [][]byte{pricesJSON, claudeJSON} {
		require.True(t, bytes.HasSuffix(f, []byte("]}\n")))
		var head struct{ Source sourceJSON }
		require.NoError(t, json.Unmarshal(f, &head))
		for _, s := range []string{head.Source.Package, head.Source.Version, head.Source.Copyright} {
			require.Contains(t, strings.ReplaceAll(string(doc), "\n//     ", " "), s, "the notice in doc.go is not about the data")
		}
	}
	var ids []string
	for _, line := range strings.Split(string(pricesJSON), "\n")[2:] {
		body, kind := strings.TrimSuffix(strings.TrimPrefix(line, "  "), ","), "model"
		switch {
		case strings.HasPrefix(line, `{"id"`):
			kind, body = "provider", strings.TrimSuffix(body, "[")+"[]}"
		case !strings.HasPrefix(line, "  {"):
			continue
		}
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, []byte(body)), line)
		require.Equal(t, body, compact.String())
		require.True(t, slices.IsSorted(indexes(t, order[kind], body)), line)
		if kind == "provider" {
			var p providerJSON
			require.NoError(t, json.Unmarshal([]byte(body), &p))
			ids = append(ids, p.ID)
		}
	}
	require.True(t, sort.StringsAreSorted(ids))
	require.Equal(t, len(ids), len(slices.Compact(slices.Clone(ids))))
}

// indexes returns where the members of an object stand in order.
func indexes(t *testing.T, order []string, object string) (at []int) {
	d := json.NewDecoder(strings.NewReader(object))
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		i := slices.Index(order, name.(string))
		require.GreaterOrEqual(t, i, 0, "%v is not a member that the converter writes", name)
		at = append(at, i)
		var skip json.RawMessage
		require.NoError(t, d.Decode(&skip))
	}
	return at
}

// Each name that a rule of a provider spells out must lead to that rule's model, and
// to no other that comes before it.
func TestRulesAreNotAmbiguous(t *testing.T) {
	var hidden []string
	for _, u := range Embedded().upstreams {
		for i := range u.models {
			for _, m := range u.models[i].match {
				if len(m) != 1 || m[0].kind != '=' {
					continue
				}
				if first := u.first(m[0].text); first.id != u.models[i].id {
					hidden = append(hidden, u.id+": "+m[0].text+" of "+u.models[i].id+" is "+first.id)
				}
			}
		}
	}
	require.Empty(t, hidden)
}

func TestRulesThatAreRefused(t *testing.T) {
	for _, s := range []string{`"=x"`, `["x"]`, `["="]`, `["!"]`, `[""]`, `["/("]`, `[{"all":[]}]`, `[{"any":["=x"]}]`, `[1]`, `["/(?!x)"]`} {
		var r rule
		require.Error(t, json.Unmarshal([]byte(s), &r), s)
	}
	for _, f := range []string{"prices.json", "claude.json", "capabilities.json"} {
		files := map[string][]byte{"prices.json": pricesJSON, "claude.json": claudeJSON, "capabilities.json": capabilitiesJSON}
		files[f] = []byte(`{"more":1}`)
		_, err := load(files["prices.json"], files["claude.json"], files["capabilities.json"])
		require.ErrorContains(t, err, f)
	}
	_, err := load(pricesJSON, claudeJSON, []byte(`{"groups":[{"name":"g","rows":[{"set":{"no_such":true}}]}]}`))
	require.ErrorContains(t, err, "capabilities.json: g, row 0: no_such is not known")
}
