package chat

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func seeds(f *testing.F, folder, name string) {
	files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			if file.Name == name {
				f.Add(file.Data)
			}
		}
	}
}

// FuzzRequest holds that a request which is decoded and encoded is the same when it
// is decoded again, where nothing is reported lost; and that the second time around
// nothing changes at all.
func FuzzRequest(f *testing.F) {
	seeds(f, "request", "in")
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

// FuzzStream holds that whatever an upstream sends, what is made of it keeps the
// grammar of events, and the chunks of them are JSON.
func FuzzStream(f *testing.F) {
	seeds(f, "stream", "in")
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := decodeStream(string(text))
		if g := grammar(events, err != nil); g != nil {
			t.Fatalf("%v\n%s", g, dumpEvents(events))
		}
		out, err := encodeStream(events, &codec.Request{From: op, IncludeUsage: true}, nil)
		if err != nil || len(events) == 0 {
			return
		}
		if events[len(events)-1].Kind != codec.End {
			return
		}
		back, err := decodeStream(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if g := grammar(back, false); g != nil {
			t.Fatalf("%v\n%s", g, out)
		}
	})
}

// FuzzResponse holds that what was read of an answer can be written, and read again as
// an answer.
func FuzzResponse(f *testing.F) {
	seeds(f, "response", "in")
	f.Fuzz(func(t *testing.T, body []byte) {
		if !gjson.ValidBytes(body) {
			return
		}
		r, err := Codec.DecodeResponse(body)
		if err != nil {
			return
		}
		out, err := Codec.EncodeResponse(r, &codec.Request{From: op}, nil)
		if err != nil || !gjson.ValidBytes(out) {
			t.Fatalf("%v\n%s", err, out)
		}
		if _, err := Codec.DecodeResponse(out); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}

// grammar checks that of codec.Event. A stream that broke may stop anywhere.
func grammar(events []codec.Event, broken bool) error {
	begun, over := false, false
	type state struct {
		next           int
		open, finished bool
	}
	choices := map[int]*state{}
	for i := range events {
		e := &events[i]
		c := choices[e.Choice]
		if c == nil {
			c = &state{}
			choices[e.Choice] = c
		}
		ok := !over
		switch e.Kind {
		case codec.Begin:
			ok = ok && !begun && e.Response != nil
			begun = true
		case codec.PartStart:
			ok = ok && begun && !c.open && !c.finished && e.Index == c.next && e.Part != nil
			c.open = true
		case codec.PartDelta:
			ok = ok && c.open && e.Index == c.next
		case codec.PartStop:
			ok = ok && c.open && e.Index == c.next
			c.open = false
			c.next++
		case codec.FinishEvent:
			ok = ok && begun && !c.open && !c.finished
			c.finished = true
		case codec.End:
			ok = ok && begun && e.Response != nil
			for _, c := range choices {
				ok = ok && !c.open
			}
			ok = ok && choices[0] != nil
			over = true
		case codec.Failed:
			ok = ok && e.Err != nil
			over = true
		}
		if !ok {
			return fmt.Errorf("event %d breaks the grammar", i)
		}
	}
	if !over && !broken {
		return fmt.Errorf("no end")
	}
	return nil
}
