package main

import (
	"bytes"
	"fmt"
	"net/http"
)

// whole is what makes an answer complete.
type whole struct {
	holds [][]byte // of one that is not streamed; nil of a stream
	event []byte   // what stands once in each event that is counted
	count int
	end   []byte // how a stream ends
	line  bool   // it is a line, without HTTP
}

// whole is what the caller must get. Where nothing is translated those are all events,
// and else all that have text.
func (s scenario) whole() whole {
	switch {
	case s.mcp != "":
		return s.wholeMCP()
	case s.events == 0 && s.asks == messages:
		return whole{holds: [][]byte{[]byte(`"type":"message"`), []byte(`"stop_reason":"end_turn"`), []byte(`"usage"`), []byte(sized(s.size))}}
	case s.events == 0:
		return whole{holds: [][]byte{[]byte(`"usage"`)}}
	case s.asks == messages:
		return whole{event: []byte("event: content_block_delta\ndata: {"), count: s.deltas(), end: []byte("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")}
	}
	w := whole{event: []byte("data: {"), count: s.events, end: []byte("data: [DONE]\n\n")}
	if s.isTranslated() {
		w.event, w.count = []byte(`"delta":{"content":"`), s.deltas()
	}
	return w
}

func (w whole) check(status int, answer []byte) error {
	if status != http.StatusOK {
		return fmt.Errorf("status %d: %.200s", status, answer)
	}
	if w.event == nil {
		good := bytes.HasSuffix(bytes.TrimSpace(answer), []byte("}"))
		for _, text := range w.holds {
			good = good && bytes.Contains(answer, text)
		}
		if !good {
			return fmt.Errorf("not an answer: %.200s", answer)
		}
		return nil
	}
	if !bytes.HasSuffix(answer, w.end) {
		return fmt.Errorf("the stream has no end: %d bytes", len(answer))
	}
	if n := bytes.Count(answer, w.event); n != w.count {
		return fmt.Errorf("the stream has %d events of %d", n, w.count)
	}
	return nil
}
