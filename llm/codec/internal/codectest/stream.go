package codectest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Events holds that whatever an upstream streams becomes events that keep to their
// grammar, and a stream of the protocol again; that the answer in it is the same when
// that is read, but for what is reported lost; and that from then on no event changes.
func (s *Suite) Events(t *testing.T, text []byte) {
	events, broken := s.Decode(text)
	require.NoError(t, Grammar(events, broken == nil))
	out, lost := s.streamed(t, events)
	if broken != nil {
		refused(t, broken)
		return
	}
	if out == nil || !streamWellFormed(text) {
		return
	}
	second := s.read(t, out)
	s.sameStream(t, events, second, lost)
	out, lost = s.streamed(t, second)
	third := s.read(t, out)
	if second[len(second)-1].Kind == codec.Failed {
		s.sameStream(t, second, third, lost)
		return
	}
	require.Empty(t, lost)
	equal(t, sorted(second), sorted(third))
}

// sorted are the events by choice, as those of several may come in any order, behind
// those of the whole answer.
func sorted(events []codec.Event) []codec.Event {
	choice := func(e codec.Event) int {
		switch e.Kind {
		case codec.PartStart, codec.PartDelta, codec.PartStop, codec.FinishEvent:
			return e.Choice
		}
		return -1
	}
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b codec.Event) int { return cmp.Compare(choice(a), choice(b)) })
	return events
}

func (s *Suite) read(t *testing.T, text []byte) []codec.Event {
	events, err := s.Decode(text)
	require.NoError(t, err, "%s", text)
	require.NoError(t, Grammar(events, true), "%s", text)
	return events
}

// Decode reads the text of a stream, each event in memory that is overwritten after it.
func (s *Suite) Decode(text []byte) (events []codec.Event, err error) {
	d := s.Codec.NewStreamDecoder()
	each(text, func(e sse.Event) bool {
		name, data := bytes.Clone(e.Name), bytes.Clone(e.Data)
		events, err = d.Decode(events, name, data)
		for i := range data {
			data[i] = '#'
		}
		return err == nil
	})
	if err != nil {
		return events, err
	}
	return d.Close(events)
}

func each(text []byte, visit func(sse.Event) bool) {
	for len(text) > 0 {
		n := sse.Next(text)
		if n == 0 {
			return // it is not whole, and the gateway waits for the rest of it
		}
		if e := sse.Parse(text[:n]); e.HasData && !visit(e) {
			return
		}
		text = text[n:]
	}
}

func streamWellFormed(text []byte) (ok bool) {
	ok = true
	each(text, func(e sse.Event) bool {
		ok = string(e.Data) == "[DONE]" || WellFormed(e.Data)
		return ok
	})
	return ok
}

// Encode writes events as the text of a stream.
func (s *Suite) Encode(events []codec.Event, lost *codec.Losses) (out []byte, err error) {
	enc := s.Codec.NewStreamEncoder(s.Caller, lost)
	for i := range events {
		if out, err = enc.Encode(out, &events[i]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// streamed writes events as a stream; nil for one that cannot be written since it
// failed.
func (s *Suite) streamed(t *testing.T, events []codec.Event) (out []byte, lost []string) {
	var l codec.Losses
	out, err := s.Encode(events, &l)
	if err != nil {
		refused(t, err)
		require.True(t, slices.ContainsFunc(events, func(e codec.Event) bool { return e.Finish.Reason == codec.ReasonError }), "%v", err)
		return nil, nil
	}
	each(out, func(e sse.Event) bool {
		require.True(t, string(e.Data) == "[DONE]" || gjson.ValidBytes(e.Data), "%s", e.Data)
		return true
	})
	if s.Written != nil {
		s.Written(t, out)
	}
	return out, l.Fields()
}

// sameStream holds two streams to bring the same answer, or to fail alike: what stands
// at the end of a part or of the stream is not sent any more then.
func (s *Suite) sameStream(t *testing.T, first, second []codec.Event, lost []string) {
	a, failed := collect(first)
	b, failed2 := collect(second)
	if failed != nil || failed2 != nil {
		require.NotNil(t, failed)
		require.NotNil(t, failed2)
		if s.Failure != nil {
			s.Failure(failed)
			s.Failure(failed2)
		}
		s.sameError(t, failed, failed2)
		return
	}
	compact(reflect.ValueOf(a))
	compact(reflect.ValueOf(b))
	s.same(t, s.Stream, a, b, lost)
}

// collect puts the answer of a stream together, as far as it came.
func collect(events []codec.Event) (r *codec.Response, failed *llm.Error) {
	var c codec.Collector
	probs := map[int][]json.RawMessage{}
	for i := range events {
		e := &events[i]
		if e.Kind == codec.Failed {
			err := *e.Err
			failed = &err
			break
		}
		_ = c.Add(e) // which reports Failed, and nothing else
		for _, token := range append(gjson.GetBytes(e.Logprobs, "content").Array(), gjson.GetBytes(e.Logprobs, "refusal").Array()...) {
			probs[e.Choice] = append(probs[e.Choice], json.RawMessage(token.Raw))
		}
	}
	if failed != nil {
		_ = c.Add(&codec.Event{Kind: codec.End})
	}
	r = copied(c.Response())
	for i := range events {
		if events[i].Kind == codec.Begin { // it has been sent when more becomes known
			begin := events[i].Response
			r.ID, r.Model, r.Created = begin.ID, begin.Model, begin.Created
		}
	}
	for i := range r.Choices {
		if list := probs[r.Choices[i].Index]; list != nil {
			r.Choices[i].Logprobs, _ = json.Marshal(list)
		}
	}
	return r, failed
}
