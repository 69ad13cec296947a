package chat

import (
	"reflect"
	"slices"
	"strings"
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
		if !gjson.ValidBytes(body) {
			return
		}
		if _, err := jsonscan.Object(body, nil, nil); err != nil {
			return // duplicates, which the gateway refuses before
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
			equal(t, first, second)
		}
		third, _ := again(t, second)
		equal(t, second, third)
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

// sorted puts kept members in an order: those inside others are written before those
// beside them.
func sorted(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			sorted(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			sorted(v.Field(i))
		}
	case reflect.Slice:
		if list, ok := v.Interface().([]codec.Field); ok {
			slices.SortStableFunc(list, func(a, b codec.Field) int { return strings.Compare(a.Name, b.Name) })
			return
		}
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				sorted(v.Index(i))
			}
		}
	}
}

func equal(t *testing.T, a, b *codec.Request) {
	sorted(reflect.ValueOf(a))
	sorted(reflect.ValueOf(b))
	if b == nil || !reflect.DeepEqual(a, b) {
		x, y := "", ""
		if x = dump(a); b != nil {
			y = dump(b)
		}
		t.Fatalf("%s\n%s", x, y)
	}
}

// FuzzResponse reads complete answers; see [codectest.Suite.Answer].
func FuzzResponse(f *testing.F) {
	codectest.Seeds(f, "testdata/response/*.txtar", "in", "out")
	f.Fuzz(suite.Answer)
}

// FuzzStream reads streams; see [codectest.Suite.Events].
func FuzzStream(f *testing.F) {
	codectest.Seeds(f, "testdata/stream/*.txtar", "in", "out")
	f.Fuzz(suite.Events)
}

// FuzzError reads errors; see [codectest.Suite.Refusal].
func FuzzError(f *testing.F) {
	suite.ErrorSeeds(f)
	f.Fuzz(suite.Refusal)
}
