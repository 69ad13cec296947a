package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/stretchr/testify/require"
)

func TestColumnsTakeAnyText(t *testing.T) {
	for _, text := range []string{"", "plain", `"`, `\`, "'; --", "\x00", "a\x00b", "\n\t\x1f\x7f", "<&>", "\u2028 世界 🙂", "null", "[1,2]", "1e3", " 7 "} {
		db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
		e := metricstest.Event(text, 0)
		e.RouteID, e.LLM.LogicalModel, e.LLM.ToolNames, e.LLM.RequestToolNames = text, text, []string{text, "other"}, []string{text}
		require.NoError(t, db.Write(t.Context(), []*metrics.Event{e}))
		for _, where := range []map[string]string{{"route_id": text}, {"logical_model": text}, {"request_tool_name": text}} {
			page, err := db.LLMEvents(t.Context(), metrics.Query{Where: where})
			require.NoError(t, err)
			require.Equal(t, []*metrics.Event{e}, page.Events, "%q", where)
		}
	}
}

// What another program wrote into the file is an error that names the column.
func TestColumnsOfAnotherProgram(t *testing.T) {
	for column, stored := range map[string]string{
		"started_at": "soon", "success": "perhaps", "attempts": "few", "input_tokens": "many", "cost_usd": "much", "time_to_first_byte_ms": "long", "tool_names": "none",
	} {
		db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
		require.NoError(t, db.Write(t.Context(), []*metrics.Event{metricstest.FullEvent("full")}))
		_, err := db.writer.ExecContext(t.Context(), "UPDATE llm_usage_events SET "+column+" = ?", stored)
		require.NoError(t, err)
		_, err = db.LLMEvents(t.Context(), metrics.Query{})
		require.ErrorContains(t, err, column)
	}
}
