package chat

import (
	"testing"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

var suite = codectest.Suite{
	Codec:    Codec,
	Caller:   &codec.Request{From: op, IncludeUsage: true},
	Response: canonical,
	Stream:   streamed,
}

// FuzzRequest holds that a request which is decoded and encoded is the same when it
// is decoded again, where nothing is reported lost; and that the second time around
// nothing changes at all.
func FuzzRequest(f *testing.F) {
	codectest.Seeds(f, "testdata/request/*.txtar", "in")
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := jsonscan.Object(body, nil, nil); err != nil || !codectest.WellFormed(body) {
			return // the gateway refuses it before, most of it
		}
		first, err := Codec.DecodeRequest(body, "", false)
		if err != nil {
			if e := llm.AsError(err); e.Code != llm.CodeInvalidRequest || e.Param == "" {
				t.Fatalf("%v of %q", err, e.Param)
			}
			return
		}
		second, lost := again(t, first)
		if second == nil {
			return
		}
		if same(first) && len(lost) == 0 {
			codectest.Same(t, first, second)
		}
		third, _ := again(t, second)
		codectest.Same(t, second, third)
	})
}

// same says whether a request has one form only: not the older one of functions, and
// no thoughts that are joined or said twice.
func same(r *codec.Request) bool {
	for _, m := range r.Messages {
		thoughts := 0
		for _, p := range m.Parts {
			if p.Kind == codec.Thinking {
				thoughts++
			}
		}
		if thoughts > 1 {
			return false
		}
	}
	return !legacy(r)
}

func again(t *testing.T, r *codec.Request) (*codec.Request, []string) {
	var lost codec.Losses
	out, err := Codec.EncodeRequest(r, codec.Target{Model: r.Model}, &lost)
	if err != nil {
		return nil, nil
	}
	if !gjson.ValidBytes(out) {
		t.Fatalf("not JSON: %s", out)
	}
	next, err := Codec.DecodeRequest(out, "", false)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	next.IncludeUsage = r.IncludeUsage // which an upstream is always asked for
	return next, lost.Fields()
}

// What was read of an answer, a stream or an error can be written, and is the same when
// it is read again; see [codectest.Suite].

func FuzzResponse(f *testing.F) {
	suite.Answers(f, "testdata/*response/*.txtar", "in", "out")
}

func FuzzStream(f *testing.F) {
	suite.Streams(f, "testdata/*stream/*.txtar", "in", "out")
}

func FuzzError(f *testing.F) {
	suite.Errors(f)
}
