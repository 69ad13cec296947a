package strict

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func lookup(name string) (string, bool) {
	v, ok := map[string]string{"A": "alpha", "EMPTY": "", "N": "7", "T": "true", "NEST": "${A}", "LONG_name1": "x", "YAML": "a: b\nc: [d"}[name]
	return v, ok
}

func TestExpand(t *testing.T) {
	tests := []struct{ in, want, fault string }{
		{in: "${A}", want: "alpha"},
		{in: "x${A}y${N}z", want: "xalphay7z"},
		{in: "${A:-b}", want: "alpha"},
		{in: "${NO:-b}", want: "b"},
		{in: "${NO:-}", want: ""},
		{in: "${EMPTY}", want: ""},
		{in: "${EMPTY:-b}", want: "b"},
		{in: "${NO:-a:-{b}}${N}", want: "a:-{b}7"},
		{in: "${LONG_name1}", want: "x"},
		{in: "${NEST}", want: "${A}"},
		{in: "${YAML}", want: "a: b\nc: [d"},
		{in: "$${A}", want: "${A}"},
		{in: "$$${A}", want: "$${A}"},
		{in: "$${${A}}", want: "${alpha}"},
		{in: "$A $ $$ $", want: "$A $ $$ $"},
		{in: "${NO}", fault: "needs the variable NO, which is not set: set it, or give a default with ${NO:-default}"},
		{in: "a ${A", fault: "has a ${ without its }; write $${ for a literal ${"},
		{in: "${NO:-{}", fault: "has a ${ without its }; write $${ for a literal ${"},
		{in: "${}", fault: "has a ${…} whose name is not made of letters, digits and _; write $${ for a literal ${"},
		{in: "${1A}", fault: "has a ${…} whose name is not made of letters, digits and _; write $${ for a literal ${"},
		{in: "${A:?b}", fault: "has a ${…} whose name is not made of letters, digits and _; write $${ for a literal ${"},
		{in: "${NO:-${A}}", fault: "has a variable within the default of ${NO}, which is not supported"},
	}
	for _, tt := range tests {
		n := &Node{Kind: Object, Line: 1, Fields: []Field{{"k${A}", 2, &Node{Kind: Array, Line: 2, Items: []*Node{{Kind: String, Text: tt.in, Line: 3}}}}}}
		faults := n.Expand(lookup)
		if tt.fault != "" {
			require.Equal(t, []Fault{{Path: "k${A}[0]", Line: 3, Text: tt.fault}}, faults, tt.in)
			continue
		}
		require.Empty(t, faults, tt.in)
		require.Equal(t, tt.want, n.Field("k${A}").Items[0].Text, tt.in)
	}
}

func TestExpandedScalarsTakeTheFieldsType(t *testing.T) {
	type target struct {
		S string
		I int
		F float64
		B bool
		L []string
	}
	tests := []struct {
		doc    string
		want   target
		faults []string
	}{
		{"S: ${N}\nI: ${N}\nF: 1${N}.5\nB: ${T}", target{S: "7", I: 7, F: 17.5, B: true}, nil},
		{"S: ${NO:-null}\nI: ${NO:-0x10}", target{S: "null", I: 16}, nil},
		{"S: \"${N}\"\nI: \"${N}\"\nB: '${T}'", target{S: "7"}, []string{"I must be a whole number: take the quotes away", "B must be true or false: take the quotes away"}},
		{"I: ${A}\nB: ${N}\nL: ${A}", target{}, []string{"I must be a whole number", "B must be true or false", "L must be a list: put the value in [ ]"}},
		{"I: ${NO:-}", target{}, []string{"I must be a whole number"}},
	}
	for _, tt := range tests {
		n, err := ParseYAML([]byte(tt.doc))
		require.NoError(t, err)
		require.Empty(t, n.Expand(lookup), tt.doc)
		var got target
		require.Equal(t, tt.faults, faultTexts(Decode(n, &got)), tt.doc)
		require.Equal(t, tt.want, got, tt.doc)
	}

	n, err := ParseJSON([]byte(`{"I":"${N}","B":"${T}"}`))
	require.NoError(t, err)
	require.Empty(t, n.Expand(lookup))
	var got target
	require.Empty(t, Decode(n, &got))
	require.Equal(t, target{I: 7, B: true}, got)
}

func TestFailedExpansionIsNotReportedTwice(t *testing.T) {
	n, err := ParseYAML([]byte("I: ${NO}\n"))
	require.NoError(t, err)
	require.Len(t, n.Expand(lookup), 1)
	var got struct{ I int }
	require.Empty(t, Decode(n, &got))
}

func faultTexts(faults []Fault) (out []string) {
	for _, f := range faults {
		out = append(out, f.String())
	}
	return out
}
