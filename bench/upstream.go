package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// upstreamKey is what the upstream demands. A target that does not put it in the
// place of the caller's key shows up as errors.
const upstreamKey = "sk-bench-upstream"

// upstream is a fake provider, made to cost little: it writes answers that were
// prepared beforehand straight to its sockets, an event of a stream at a time,
// as providers do.
type upstream struct {
	answers         map[asked]*answer
	conns, requests atomic.Int64
}

// asked is what decides about the answer.
type asked struct{ path, model string }

// answer is a prepared response: one piece, or a piece for each event.
type answer struct {
	pieces [][]byte
	every  time.Duration // between pieces
}

func newUpstream(all []scenario) *upstream {
	u := &upstream{answers: map[asked]*answer{}}
	for _, s := range all {
		if s.mcp != "" {
			continue
		}
		u.answers[asked{s.reaches, s.upstreamModel()}] = prepare(s)
	}
	return u
}

func prepare(s scenario) *answer {
	const usage = `{"prompt_tokens":250,"completion_tokens":200,"total_tokens":450,"prompt_tokens_details":{"cached_tokens":100}}`
	if s.reaches == messages {
		return messagesStream(s)
	}
	if s.events == 0 {
		body := fmt.Sprintf(`{"id":"chatcmpl-bench","object":"chat.completion","created":1767225600,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":%s}`,
			s.upstreamModel(), sized(s.size), usage)
		return &answer{pieces: [][]byte{fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}}
	}
	a := &answer{every: s.every}
	event := func(choices, usage string) {
		a.chunk(fmt.Sprintf("data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":%q,\"choices\":[%s]%s}\n\n", s.upstreamModel(), choices, usage))
	}
	for i := range s.deltas() {
		event(fmt.Sprintf(`{"index":0,"delta":{"content":" word%d"},"finish_reason":null}`, i), "")
	}
	event(`{"index":0,"delta":{},"finish_reason":"stop"}`, "")
	event("", `,"usage":`+usage)
	return a.streamed("e\r\ndata: [DONE]\n\n\r\n")
}

// chunk appends one event of a stream.
func (a *answer) chunk(event string) {
	a.pieces = append(a.pieces, fmt.Appendf(nil, "%x\r\n%s\r\n", len(event), event))
}

// streamed completes a stream of chunks with its head, and with its end, which comes
// together with the last event.
func (a *answer) streamed(end string) *answer {
	a.pieces[0] = append([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"), a.pieces[0]...)
	last := &a.pieces[len(a.pieces)-1]
	*last = append(*last, end+"0\r\n\r\n"...)
	return a
}

// serve answers connections until the listener is closed.
func (u *upstream) serve(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		u.conns.Add(1)
		go u.converse(c)
	}
}

// converse answers one request after another until the caller leaves.
func (u *upstream) converse(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReaderSize(c, 64<<10)
	var body bytes.Buffer
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body.Reset()
		if _, err := body.ReadFrom(r.Body); err != nil {
			return
		}
		u.requests.Add(1)
		if err := u.answer(c, r, body.Bytes()); err != nil {
			return
		}
	}
}

func (u *upstream) answer(c io.Writer, r *http.Request, body []byte) error {
	key := r.Header.Get("Authorization") == "Bearer "+upstreamKey
	if r.URL.Path == messages {
		key = r.Header.Get("X-Api-Key") == upstreamKey
	}
	a := u.answers[asked{r.URL.Path, model(body)}]
	switch {
	case !key:
		return refuse(c, http.StatusUnauthorized, "not the upstream's key")
	case isMCP(r.URL.Path):
		return u.serveMCP(c, r, body)
	case a == nil:
		return refuse(c, http.StatusNotFound, "no such model or path")
	}
	begin := time.Now()
	for i, piece := range a.pieces {
		if a.every > 0 && i > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * a.every)))
		}
		if _, err := c.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// model finds the first model in the request, which all scenarios put first.
func model(body []byte) string {
	_, rest, _ := bytes.Cut(body, []byte(`"model":"`))
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(name)
}

func refuse(w io.Writer, status int, text string) error {
	body := fmt.Sprintf(`{"error":{"message":%q,"type":"bench"}}`, text)
	_, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)
	return err
}
