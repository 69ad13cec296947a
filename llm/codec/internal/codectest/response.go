package codectest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Answer holds that what was read of a complete answer can be written; that it is the
// same when it is read again, but for what is reported lost; and that from then on
// nothing changes or is lost.
func (s *Suite) Answer(t *testing.T, body []byte) {
	if !WellFormed(body) {
		return
	}
	first, err := s.Codec.DecodeResponse(body)
	if err != nil {
		refused(t, err)
		return
	}
	second, lost := s.again(t, first)
	if second == nil {
		return
	}
	s.same(t, s.Response, first, second, lost)
	third, lost := s.again(t, second)
	require.Empty(t, lost)
	equal(t, second, third)
}

// again writes an answer and reads it; nil for one that cannot be written since it
// failed.
func (s *Suite) again(t *testing.T, r *codec.Response) (*codec.Response, []string) {
	before := copied(r)
	var lost codec.Losses
	out, err := s.Codec.EncodeResponse(r, s.Caller, &lost)
	require.Equal(t, before, r, "the encoder must not change the answer")
	if err != nil {
		refused(t, err)
		require.True(t, fails(r), "%v", err)
		return nil, nil
	}
	require.True(t, gjson.ValidBytes(out), "%s", out)
	next, err := s.Codec.DecodeResponse(out)
	require.NoError(t, err, "%s", out)
	return next, lost.Fields()
}

// fails says whether an answer ended in a failure, for which a protocol may have
// nothing but an error.
func fails(r *codec.Response) bool {
	for _, c := range r.Choices {
		if c.Reason == codec.ReasonError {
			return true
		}
	}
	return false
}

// refused holds an error to be one that a caller can be shown.
func refused(t *testing.T, err error) {
	var e *llm.Error
	require.ErrorAs(t, err, &e)
	checkError(t, e)
}

// same holds two answers to say the same: what canonical takes for one, but for what an
// answer must have and was made up where there was none. lost is what the encoder
// reported, which it must if something has no form.
func (s *Suite) same(t *testing.T, canonical func(*codec.Response) bool, first, second *codec.Response, lost []string) {
	a, b := copied(first), copied(second)
	require.Equal(t, canonical(a), len(lost) > 0, "%v", lost)
	require.False(t, canonical(b))
	if a.ID == "" {
		b.ID = ""
	}
	if a.Created == 0 {
		b.Created = 0
	}
	if a.Model == "" {
		b.Model = ""
	}
	for i := range min(len(a.Choices), len(b.Choices)) {
		for k := range min(len(a.Choices[i].Parts), len(b.Choices[i].Parts)) {
			p, q := &a.Choices[i].Parts[k], &b.Choices[i].Parts[k]
			if p.Call != nil && q.Call != nil && p.Call.ItemID == "" {
				q.Call.ItemID = ""
			}
			if p.Thought != nil && q.Thought != nil && p.Thought.ID == "" {
				q.Thought.ID = ""
			}
		}
	}
	Same(t, a, b)
}
