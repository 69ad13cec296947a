package llmtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// odd is JSON that does not survive being decoded and encoded again: order,
// spaces, escapes, big and precise numbers, unknown and repeated keys.
const odd = " {\"zeta\": 12345678901234567890,\t\"model\":\"llmtest\", \"a\\u00e9\":\"\\u003c&\\/\", \"n\":1.0e+2,\r\n" +
	" \"x-unknown\":{\"b\":[ ],\"a\":null}, \"text\":\"Grüße \U0001f30d \\ud83c\\udf0d\", \"messages\" :[], \"input\":\"\" } \n"

// request: what the upstream receives is what the call says, byte by byte.
func (s suite) request(t *testing.T) {
	up, p := s.start(t)
	for _, op := range s.opt.Operations {
		for _, x := range samplesOf(op) {
			body := []byte(odd)
			if x.multipart {
				body = []byte(x.body)
			}
			call := x.sending(body)
			call.Query = url.Values{"beta": {"true"}, "odd": {"a b&c", "ü"}}
			up.Reply(200, nil, []byte("{}"))
			read(t, send(t, p, call))
			got := up.Last()
			if got.Method != x.method || got.Path != s.opt.PathPrefix+x.path {
				t.Errorf("%s: the upstream received %s %s, want %s %s", op, got.Method, got.Path, x.method, s.opt.PathPrefix+x.path)
			}
			if !reflect.DeepEqual(got.Query, call.Query) {
				t.Errorf("%s: the upstream received the query %v, want %v", op, got.Query, call.Query)
			}
			if x.body == "" {
				body = nil
			}
			equal(t, string(op)+": the body at the upstream", got.Body, s.opt.sent(op, body))
			for name, values := range call.Header {
				if !reflect.DeepEqual(got.Header[name], values) {
					t.Errorf("%s: the upstream received %s: %q, want %q", op, name, got.Header[name], values)
				}
			}
			if want := strings.TrimPrefix(up.URL, "http://"); got.Host != want {
				t.Errorf("%s: Host is %q, want %q", op, got.Host, want)
			}
		}
	}
}

// response: what the caller receives is what the upstream sent, byte by byte,
// wherever it was split.
func (s suite) response(t *testing.T) {
	up, p := s.start(t)
	for _, x := range []string{"application/json", "text/event-stream", "audio/mpeg", ""} {
		for size := range len(odd) {
			if size%17 != 0 && size != strings.Index(odd, "\U0001f30d")+1 {
				continue
			}
			h := http.Header{"X-Own": {"one", "two"}, "Retry-After": {"7"}}
			if x != "" {
				h.Set("Content-Type", x)
			}
			up.Reply(203, h, []byte(odd[:size]), []byte(odd[size:]), []byte{0xff, 0x00})
			resp := send(t, p, s.first().call())
			if resp.Status != 203 {
				t.Errorf("status %d, want 203", resp.Status)
			}
			for name, values := range h {
				if !reflect.DeepEqual(resp.Header[name], values) {
					t.Errorf("header %s is %q, want %q", name, resp.Header[name], values)
				}
			}
			equal(t, fmt.Sprintf("the %s body, split at %d,", x, size), read(t, resp), []byte(odd+"\xff\x00"))
		}
	}
	up.Reply(200, http.Header{"Content-Type": {"application/json"}}, []byte(odd))
	if resp := send(t, p, s.first().call()); resp.ContentLength != int64(len(odd)) {
		t.Errorf("ContentLength is %d, want %d", resp.ContentLength, len(odd))
	}
	up.Reply(204, nil)
	if resp := send(t, p, s.first().call()); resp.Status != 204 || len(read(t, resp)) != 0 {
		t.Errorf("a 204 became %d, or has a body", resp.Status)
	}
}

// statuses: a refusal by the upstream is a response, not an error.
func (s suite) statuses(t *testing.T) {
	up, p := s.start(t)
	for _, status := range []int{400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 500, 501, 502, 503, 504, 529} {
		for _, body := range []string{"", BodyHTML, BodyText, BodyEmpty} {
			before := up.Count()
			up.Enqueue(Fault{Status: status, Body: body, RetryAfter: "3"})
			resp := send(t, p, s.first().call())
			if resp.Status != status || resp.Header.Get("Retry-After") != "3" {
				t.Errorf("the upstream's %d became %d with Retry-After %q", status, resp.Status, resp.Header.Get("Retry-After"))
			}
			if b := read(t, resp); (len(b) == 0) != (body == BodyEmpty) {
				t.Errorf("the body of the upstream's %d is %q", status, b)
			}
			if n := up.Count() - before; n != 1 {
				t.Errorf("status %d: %d requests, want 1: only the gateway tries again", status, n)
			}
		}
	}
}

// unbuffered: each piece of a stream arrives before the next one is sent.
func (s suite) unbuffered(t *testing.T) {
	up, p := s.start(t)
	steps := make(chan struct{})
	pieces := []string{"data: a\n\n", "data: b\xe2", "\x82\xac\n\n", "data: [DONE]\n\n"}
	f := Raw(200, http.Header{"Content-Type": {"text/event-stream"}}, []byte(pieces[0]), []byte(pieces[1]), []byte(pieces[2]), []byte(pieces[3]))
	f.Step = steps
	up.Enqueue(*f)
	x, ok := s.streamed()
	if !ok {
		x = s.first()
	}
	resp := send(t, p, x.call()) // the headers come before the first piece
	for _, piece := range pieces {
		select {
		case steps <- struct{}{}:
		case <-time.After(patience):
			t.Fatalf("the upstream waits in vain for its turn to send %q", piece)
		}
		b := make([]byte, len(piece))
		if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != piece {
			t.Fatalf("read %q, %v; want %q", b, err, piece)
		}
	}
	if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v; want io.EOF", n, err)
	}
}

// encoding: the upstream is asked for plain bytes, and when it compresses
// nevertheless, headers and bytes still agree.
func (s suite) encoding(t *testing.T) {
	up, p := s.start(t)
	up.Enqueue(Fault{Gzip: true})
	x := s.first()
	resp := send(t, p, x.call())
	b := read(t, resp)
	if got := up.Last().Header.Get("Accept-Encoding"); got != "identity" && got != "" {
		t.Errorf("Accept-Encoding is %q, want identity", got)
	}
	compressed := strings.HasPrefix(string(b), "\x1f\x8b")
	if said := resp.Header.Get("Content-Encoding") == "gzip"; said != compressed {
		t.Errorf("Content-Encoding is %q, but the body begins with %q", resp.Header.Get("Content-Encoding"), clip(string(b), 8))
	}
}

// credential: the call's key goes where the protocol wants it, in the place of
// any other; the credential's own base URL wins.
func (s suite) credential(t *testing.T) {
	up, p := s.start(t)
	up.Key = ""
	for _, op := range s.opt.Operations {
		x := samplesOf(op)[0]
		call := x.call()
		header, prefix := "Authorization", "Bearer "
		switch protocol := op.Protocol(); {
		case s.opt.KeyHeader != "":
			header, prefix = s.opt.KeyHeader, ""
		case s.opt.Bearer:
		case protocol == "anthropic":
			header, prefix = "X-Api-Key", ""
		case protocol == "gemini":
			header, prefix = "X-Goog-Api-Key", ""
			call.Query = url.Values{"key": {"callers-own-key"}}
		}
		call.Header.Set(header, prefix+"callers-own-key")
		for _, key := range []string{"sk-first", "sk-second"} {
			call.Credential.APIKey = key
			up.Reply(200, nil, []byte("{}"))
			read(t, send(t, p, call))
			got := up.Last()
			if v := got.Header.Values(header); len(v) != 1 || v[0] != prefix+key {
				t.Errorf("%s: %s is %q, want %q", op, header, v, prefix+key)
			}
			if strings.Contains(fmt.Sprint(got), "callers-own-key") {
				t.Errorf("%s: the caller's key reached the upstream", op)
			}
		}
	}
	other := s.upstream(t)
	call := s.first().call()
	call.Credential.BaseURL = other.URL + s.opt.BasePath
	before := up.Count()
	read(t, send(t, p, call))
	if other.Count() != 1 || up.Count() != before {
		t.Error("Credential.BaseURL was not used")
	}
	if got, want := other.Last().Path, s.opt.PathPrefix+s.first().path; got != want {
		t.Errorf("with Credential.BaseURL the path is %s, want %s", got, want)
	}
}

// redirect: nobody but the configured upstream sees the request or the key.
func (s suite) redirect(t *testing.T) {
	up, p := s.start(t)
	other := NewUpstream(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		up.Enqueue(Fault{Status: status, Redirect: other.URL + "/v1/stolen"})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		resp, err := p.Send(ctx, s.first().call())
		if err == nil {
			if resp.Status != status {
				t.Errorf("the upstream's %d became %d", status, resp.Status)
			}
			_ = resp.Body.Close()
		}
		cancel()
	}
	if other.Count() != 0 {
		t.Errorf("a redirect was followed: %s", other.Last().Path)
	}
}
