package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// oddities are what can be wrong with a stream of whole events: each is a list of what
// is done to a good one.
func oddities(events []string) map[string][]string {
	last := len(events) - 1
	cut := func(i int) []string { return append(append([]string{}, events[:i]...), events[i+1:]...) }
	twice := func(i int) []string {
		return append(append(append([]string{}, events[:i]...), events[i]), events[i:]...)
	}
	swapped := func(i, j int) []string {
		s := append([]string{}, events...)
		s[i], s[j] = s[j], s[i]
		return s
	}
	instead := func(i int, event string) []string {
		s := append([]string{}, events...)
		s[i] = event
		return s
	}
	all := map[string][]string{
		"reversed": nil, "half of a JSON": instead(2, "data: {\"type\":\"x\",\n\n"), "no JSON": instead(2, "data: <html>\n\n"), "null": instead(2, "data: null\n\n"),
		"a list": instead(2, "data: [1]\n\n"), "a number": instead(2, "data: 7\n\n"), "empty data": instead(2, "data:\n\n"), "only the last": {events[last]}, "nothing but an end": {"data: [DONE]\n\n"},
		"unknown event": instead(2, "event: brand_new\ndata: {\"type\":\"brand_new\",\"x\":1}\n\n"), "wrong types": instead(2, `data: {"type":7,"choices":{"a":1},"index":"x","delta":[]}`+"\n\n"),
		"comments": append([]string{": hello\n\n", "retry: 5\n\n", "id: 1\n\n"}, events...), "more behind the end": append(append([]string{}, events...), events[1:]...),
		"huge index": instead(2, `event: content_block_delta`+"\n"+`data: {"type":"content_block_delta","index":99999999999,"output_index":99999999999,"choices":[{"index":99999999,"delta":{"content":"x"}}],"delta":{"type":"text_delta","text":"x"}}`+"\n\n"),
	}
	for i := range events {
		all[fmt.Sprint("without ", i)], all[fmt.Sprint(i, " twice")] = cut(i), twice(i)
		all["reversed"] = append([]string{events[i]}, all["reversed"]...)
		if i > 0 {
			all[fmt.Sprint(i, " too early")] = swapped(i-1, i)
		}
	}
	return all
}

// Whatever comes from upstream, the caller gets a stream of its protocol: whole events,
// and either one end, or one error and no end.
func TestTranslatedNonsense(t *testing.T) {
	for from, caller := range wires {
		for to, up := range wires {
			if from == to {
				continue
			}
			t.Run(from+" to "+to, func(t *testing.T) {
				upstream := newCanned(t)
				upstream.kind = sse
				s := newGateway(t, caller.bundle(&up, upstream.URL, apiOf(to)))
				path, streamed := caller.streamPath, ""
				if path == "" {
					path, streamed = caller.path, `,"stream":true`
				}
				events := strings.SplitAfter(strings.TrimSuffix(up.stream, "\n\n"), "\n\n")
				events[len(events)-1] += "\n\n"
				for name, odd := range oddities(events) {
					upstream.answer = strings.Join(odd, "")
					got := s.do(t, "POST", path, fmt.Sprintf(caller.request, caller.tools+streamed))
					require.NoError(t, got.err, name)
					e := s.event(t)
					if got.Status != 200 {
						require.False(t, e.Success, name)
						continue
					}
					ends, failures := 0, 0
					for _, data := range dataOf(t, got.Body) {
						v := gjson.Parse(data)
						switch {
						case data == "[DONE]", v.Get("type").Str == "message_stop", v.Get("type").Str == "response.completed", v.Get("type").Str == "response.incomplete":
							ends++
						case v.Get("error.message").Exists(): // response.failed stands before it
							failures++
						case from == "gemini" && v.Get("candidates.0.finishReason").Exists():
							ends++
						}
					}
					require.LessOrEqual(t, ends, 1, "%s: %s", name, got.Body)
					require.LessOrEqual(t, failures, 1, "%s: %s", name, got.Body)
					if from != "gemini" || failures > 0 {
						require.Equal(t, 1, ends+failures, "%s: one or the other: %s\n%s", name, upstream.answer, got.Body)
					}
					require.Equal(t, failures == 0, e.Success, "%s: %s", name, got.Body)
				}
			})
		}
	}
}
