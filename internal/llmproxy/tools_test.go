package llmproxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestToolsOf(t *testing.T) {
	for _, tc := range []struct {
		text  string
		n     int
		names []string
	}{
		{`[]`, 0, nil},
		{`[{"type":"function","function":{"name":"f","parameters":{"name":1}}},{"name":"g","input_schema":{}},{"type":"web_search"}]`, 3, []string{"f", "g", "web_search"}},
		{`[{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"},{"type":"custom","name":"g"}]},{"type":"function","name":"h"}]`, 3, []string{"f", "g", "h"}},
		{`[{"functionDeclarations":[{"name":"f"},{"name":"g"}]},{"googleSearch":{}}]`, 3, []string{"f", "g"}},
	} {
		n, names := toolsOf([]byte(tc.text))
		require.Equal(t, tc.n, n, tc.text)
		require.Equal(t, tc.names, names, tc.text)
	}
	n, names := additionalTools([]byte(`[{"type":"additional_tools","tools":[{"name":"f"}]},{"type":"message","tools":[{"name":"g"}]}]`))
	require.Equal(t, 1, n)
	require.Equal(t, []string{"f"}, names)
	n, _ = additionalTools([]byte(`[{"type":"message","content":"additional_tools"}]`))
	require.Zero(t, n)
}
