package messages

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

func iteration(model string, beyond bool, input, output int64) llm.Iteration {
	return llm.Iteration{Model: model, Beyond: beyond, Usage: llm.Usage{Input: llm.Known(input), Output: llm.Known(output)}}
}

func TestReadIterations(t *testing.T) {
	cached := iteration("", true, 5, 6)
	cached.CacheRead, cached.CacheWrite, cached.CacheWrite1h = llm.Known(7), llm.Known(9), llm.Known(8)
	uncounted := llm.Iteration{Beyond: true}
	half := llm.Iteration{Beyond: true, Usage: llm.Usage{Output: llm.Known(6)}}
	for name, c := range map[string]struct {
		array string
		want  llm.Iterations
	}{
		"one sampling": {`[{"type":"message","input_tokens":5,"output_tokens":6,"model":"claude-x"}]`, nil},
		"a server tool's loop": {`[{"type":"message","model":"dated","input_tokens":5,"output_tokens":6},{"type":"message","model":"dated","input_tokens":7,"output_tokens":8}]`,
			llm.Iterations{iteration("", false, 5, 6), iteration("", false, 7, 8)}},
		"compaction": {`[{"type":"compaction","input_tokens":60385,"output_tokens":592},{"type":"message","input_tokens":682,"output_tokens":1320}]`,
			llm.Iterations{iteration("", true, 60385, 592), iteration("", false, 682, 1320)}},
		"a pause behind it": {`[{"type":"compaction","input_tokens":60385,"output_tokens":592}]`, llm.Iterations{iteration("", true, 60385, 592)}},
		"an adviser": {`[{"type":"message","input_tokens":1051,"output_tokens":35},{"type":"advisor_message","model":"claude-opus-4-7","input_tokens":2728,"output_tokens":874},{"type":"message","input_tokens":1363,"output_tokens":3165}]`,
			llm.Iterations{iteration("", false, 1051, 35), iteration("claude-opus-4-7", true, 2728, 874), iteration("", false, 1363, 3165)}},
		"declined before a word": {`[{"type":"message","model":"a","input_tokens":408,"output_tokens":0},{"type":"fallback_message","model":"b","input_tokens":412,"output_tokens":264}]`,
			llm.Iterations{iteration("b", false, 412, 264)}},
		"declined in the middle": {`[{"type":"message","model":"a","input_tokens":10,"output_tokens":40},{"type":"fallback_message","model":"b","input_tokens":12,"output_tokens":30}]`,
			llm.Iterations{iteration("a", false, 10, 40), iteration("b", false, 12, 30)}},
		"sticky fallback": {`[{"type":"fallback_message","model":"b","input_tokens":412,"output_tokens":264}]`, llm.Iterations{iteration("b", false, 412, 264)}},
		"a kind of tomorrow": {`[{"type":"critic_message","model":"c","input_tokens":1,"output_tokens":2},{"type":"message","input_tokens":3,"output_tokens":4}]`,
			llm.Iterations{iteration("c", false, 1, 2), iteration("", false, 3, 4)}},
		"cached":            {`[{"type":"compaction","input_tokens":5,"output_tokens":6,"cache_read_input_tokens":7,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":8}}]`, llm.Iterations{cached}},
		"by lifetime alone": {`[{"type":"compaction","input_tokens":5,"output_tokens":6,"cache_read_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":8}}]`, llm.Iterations{cached}},

		"empty":                    {`[]`, nil},
		"no objects":               {`[null,1,"x",[],{}]`, nil},
		"nothing used":             {`[{"type":"advisor_message","model":"m","input_tokens":0,"output_tokens":0}]`, nil},
		"samplings not counted":    {`[{"type":"message"},{"type":"message","input_tokens":-1,"output_tokens":2},{"type":"message","input_tokens":1e99,"output_tokens":2}]`, nil},
		"compaction not counted":   {`[{"type":"compaction"}]`, llm.Iterations{uncounted}},
		"negative":                 {`[{"type":"compaction","input_tokens":-5,"output_tokens":6}]`, llm.Iterations{half}},
		"huge":                     {`[{"type":"compaction","input_tokens":99999999999999999999999,"output_tokens":6}]`, llm.Iterations{half}},
		"numbers that are strings": {`[{"type":"compaction","input_tokens":"5","output_tokens":6}]`, llm.Iterations{half}},
		"members of other types":   {`[{"type":7,"model":[],"input_tokens":5,"output_tokens":6,"cache_creation":3},{"type":"compaction","input_tokens":5,"output_tokens":6,"model":null}]`, llm.Iterations{iteration("", false, 5, 6), iteration("", true, 5, 6)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ReadIterations([]byte(c.array))
			if c.want == nil {
				require.Nil(t, got)
				return
			}
			require.NotNil(t, got)
			require.Equal(t, c.want, *got)
		})
	}
}

// An answer's counts stay what the upstream says, the iterations as it wrote them.
func TestIterationsInAnswers(t *testing.T) {
	const array = `[{"type":"compaction", "input_tokens":180000,"output_tokens":3500},{"type":"message","input_tokens":23000,"output_tokens":1000}]`
	want := llm.Usage{Input: llm.Known(23000), Output: llm.Known(1000), Final: true,
		Iterations: &llm.Iterations{iteration("", true, 180000, 3500), iteration("", false, 23000, 1000)}}

	resp, err := Codec.DecodeResponse([]byte(`{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":23000,"output_tokens":1000,"iterations":` + array + `}}`))
	require.NoError(t, err)
	require.Equal(t, want, resp.Usage)
	out, err := Codec.EncodeResponse(resp, nil, nil)
	require.NoError(t, err)
	require.Equal(t, array, gjson.GetBytes(out, "usage.iterations").Raw)
	require.Equal(t, int64(23000), gjson.GetBytes(out, "usage.input_tokens").Int())

	d := Codec.NewStreamDecoder()
	var last llm.Usage
	for _, data := range []string{
		`{"type":"message_start","message":{"id":"m","usage":{"input_tokens":9,"output_tokens":1,"iterations":null}}}`,
		`{"type":"message_delta","delta":{},"usage":{"output_tokens":900,"iterations":[{"type":"compaction","input_tokens":1,"output_tokens":1}]}}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":23000,"output_tokens":1000,"iterations":` + array + `}}`,
		`{"type":"message_delta","delta":{},"usage":{"output_tokens":1000,"iterations":null}}`,
		`{"type":"message_delta","delta":{},"usage":{"output_tokens":1000,"iterations":7}}`,
		`{"type":"message_stop"}`,
	} {
		events, err := d.Decode(nil, []byte(gjson.Get(data, "type").Str), []byte(data))
		require.NoError(t, err)
		for _, e := range events {
			if e.Response != nil {
				last = e.Response.Usage
			}
		}
	}
	require.Equal(t, want, last)
}

// An upstream that goes on and on costs little, and all that it says is summed.
func TestManyIterations(t *testing.T) {
	const many = 100_000
	var b strings.Builder
	for i := range many {
		b.WriteString(`,{"type":"advisor_message","model":"m`)
		b.WriteString(strings.Repeat("x", i%100))
		b.WriteString(`","input_tokens":2,"output_tokens":1}`)
	}
	got := ReadIterations([]byte("[" + b.String()[1:] + "]"))
	require.LessOrEqual(t, len(*got), 64)
	require.Equal(t, llm.Usage{Input: llm.Known(2 * many), Output: llm.Known(many)}, withCounts(0, 0, got).Billed())
}

func withCounts(input, output int64, list *llm.Iterations) llm.Usage {
	return llm.Usage{Input: llm.Known(input), Output: llm.Known(output), Iterations: list}
}

func FuzzReadIterations(f *testing.F) {
	f.Add(`[{"type":"compaction","input_tokens":5,"output_tokens":6,"cache_creation":{"ephemeral_1h_input_tokens":8}}]`, int64(3))
	f.Add(`[{"type":"message","output_tokens":0},{"type":"fallback_message","model":"x","input_tokens":-1}]`, int64(0))
	f.Fuzz(func(t *testing.T, array string, counted int64) {
		if counted < 0 || counted > 1<<40 {
			return
		}
		sum := withCounts(counted, counted, ReadIterations([]byte(array))).Billed()
		require.GreaterOrEqual(t, sum.Input.N, counted, "never less than the counts say")
		require.GreaterOrEqual(t, sum.Output.N, counted)
		require.LessOrEqual(t, sum.Total().N, int64(1<<50))
	})
}
