package llmtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/tidwall/gjson"
)

// native: consistent, at once, and what the options say.
func (s suite) native(t *testing.T) {
	_, p := s.start(t)
	begun := time.Now()
	for _, model := range []string{"llmtest", "", "vendor/model:1", "\x00Grüße"} {
		for _, op := range s.opt.Operations {
			want := p.Native(op, model)
			if !slices.Contains(want, op) {
				t.Errorf("Native(%s, %q) is %v, want %s among them", op, model, want, op)
			}
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if got := p.Native(op, model); !slices.Equal(got, want) {
						t.Errorf("Native(%s, %q) is %v, then %v", op, model, want, got)
					}
				})
			}
			wg.Wait()
		}
	}
	// What stands in for a generating operation is one, and is served.
	for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages, llm.GeminiGenerate} {
		for _, other := range p.Native(op, "llmtest") {
			if !other.Generates() || !slices.Contains(p.Native(other, "llmtest"), other) {
				t.Errorf("Native(%s) has %s, which is not a generating operation that is served", op, other)
			}
		}
	}
	if d := time.Since(begun); d > patience/3 {
		t.Errorf("Native took %s in all: it must not block", d)
	}
	for _, op := range append(slices.Clone(s.opt.Unserved), "llmtest.unknown") {
		if got := p.Native(op, "llmtest"); len(got) != 0 {
			t.Errorf("Native(%s) is %v, want none", op, got)
		}
	}
}

// answers: every operation gets an answer in the shape of its protocol.
func (s suite) answers(t *testing.T) {
	up, p := s.start(t)
	for _, op := range s.opt.Operations {
		for _, x := range samplesOf(op) {
			t.Run(string(op)+" "+x.String(), func(t *testing.T) {
				if up == nil && x.object {
					return // an object that this provider may not have
				}
				resp := send(t, p, x.call())
				b := read(t, resp)
				switch {
				case x.object:
					if resp.Status != 404 {
						t.Errorf("status %d, want the upstream's 404", resp.Status)
					}
				case resp.Status != 200:
					t.Errorf("status %d: %s", resp.Status, b)
				case x.stream:
					if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") || !strings.Contains(string(b), x.terminator()) {
						t.Errorf("not a whole stream (%s):\n%s", resp.Header.Get("Content-Type"), b)
					}
				case !x.binary && !gjson.ValidBytes(b):
					t.Errorf("not JSON: %q", b)
				case len(b) == 0:
					t.Error("an empty answer")
				}
			})
		}
	}
}

// concurrent: calls at once do not get into each other's way.
func (s suite) concurrent(t *testing.T) {
	up, p := s.start(t)
	if up != nil {
		up.Script(func(r Recorded) *Fault {
			return Raw(200, nil, r.Body[:len(r.Body)/2], r.Body[len(r.Body)/2:])
		})
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 8 {
				x := s.first()
				text := fmt.Sprintf("caller-%d-%d", i, j)
				call := x.saying(text)
				want := string(s.opt.sent(x.op, []byte(strings.Replace(x.body, "%s", text, 1))))
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				resp, err := p.Send(ctx, call)
				if err != nil {
					t.Errorf("Send: %v", err)
					cancel()
					return
				}
				b, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				cancel()
				if err != nil || up != nil && string(b) != want || len(b) == 0 && want != "" {
					t.Errorf("got %q, %v; want %q", b, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// canceledContext: a call whose context is done already fails at once.
func (s suite) canceledContext(t *testing.T) {
	_, p := s.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	resp, err := p.Send(ctx, s.first().call())
	if err == nil {
		// In time or not: what has answered already may still break off.
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("a call with a cancelled context succeeded")
	}
	if d := time.Since(begun); d > soon {
		t.Errorf("a call with a cancelled context took %s", d)
	}
}

// callIsNotChanged: the call is its caller's, who may send it again elsewhere.
func (s suite) callIsNotChanged(t *testing.T) {
	_, p := s.start(t)
	for _, op := range s.opt.Operations {
		x := samplesOf(op)[0]
		call, want := x.call(), x.call()
		call.Query, want.Query = url.Values{"beta": {"true"}}, url.Values{"beta": {"true"}}
		read(t, send(t, p, call))
		if !reflect.DeepEqual(call.Header, want.Header) {
			t.Errorf("%s: Call.Header was changed from %v to %v", op, want.Header, redact(call.Header, s.opt.KeyHeader))
		}
		call.Header = want.Header
		if !reflect.DeepEqual(call, want) {
			t.Errorf("%s: the call was changed from %+v to %+v", op, want, call)
		}
	}
}

// optionalInterfaces: what the provider can do besides, it does.
func (s suite) optionalInterfaces(t *testing.T) {
	up, p := s.start(t)
	cred := llm.Credential{ID: "llmtest", Source: "provider", APIKey: upstreamKey}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if lister, ok := p.(llm.ModelLister); ok {
		models, err := lister.ListModels(ctx, cred)
		if err != nil || len(models) == 0 {
			t.Errorf("ListModels: %v, %v; want some models", models, err)
		}
		for _, m := range models {
			if m.ID == "" {
				t.Errorf("ListModels: a model without an id: %+v", m)
			}
		}
		if up != nil && s.opt.Operations[0].Protocol() == "gemini" && len(models) != len(geminiModels) {
			t.Errorf("ListModels: %v; want all %d that the upstream lists in pages", models, len(geminiModels))
		}
		if up != nil {
			up.Enqueue(Fault{Status: 500})
			var e *llm.Error
			if _, err := lister.ListModels(ctx, cred); !errors.As(err, &e) {
				t.Errorf("ListModels: the upstream's 500 became %v, want an *llm.Error", err)
			}
		}
	}
	counter, ok := p.(llm.TokenCounter)
	if !ok {
		return
	}
	for _, op := range []llm.Operation{llm.AnthropicCountTokens, llm.OpenAIInputTokens, llm.GeminiCountTokens} {
		if slices.Contains(s.opt.Operations, op) {
			if n, err := counter.CountTokens(ctx, samplesOf(op)[0].call()); err != nil || n <= 0 {
				t.Errorf("CountTokens(%s): %d, %v", op, n, err)
			}
		}
	}
}

// redact hides keys in what a test prints.
func redact(h http.Header, keyHeader string) http.Header {
	h = h.Clone()
	for _, name := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", keyHeader} {
		if h.Get(name) != "" {
			h.Set(name, "(a key)")
		}
	}
	return h
}
