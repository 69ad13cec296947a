package streamable

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// source takes the body of an answer apart: into one text of JSON, or events.
type source struct {
	body   io.Reader
	max    int   // bytes of a message
	length int64 // of the body; -1 when it is not known
	eof    bool  // it is read to its end

	reader *sse.Reader // nil for JSON, and until it is known what comes
	single bool        // the one text of JSON was read
	batch  []byte      // what was read of events
	ends   []int       // and not handed out
	at     int
	some   bool // there was an event
}

const (
	bufferSize = 4 << 10
	slack      = 1 << 10 // of an event beside its message
)

// events reads on as events; head is what was read already.
func (s *source) events(head []byte) {
	r := s.body
	if len(head) > 0 {
		r = io.MultiReader(bytes.NewReader(head), r)
	}
	s.reader = sse.NewReader(r, make([]byte, bufferSize), s.max+slack)
}

// next returns the next message, or what else an event tells.
func (s *source) next() (mcp.Message, error) {
	if s.single {
		return mcp.Message{}, io.EOF
	}
	if s.reader == nil {
		text, err := s.json()
		if err != nil || s.reader == nil {
			return mcp.Message{Data: text}, err
		}
	}
	for {
		text, err := s.event()
		if err != nil {
			return mcp.Message{}, err
		}
		if m := message(text); len(m.Data) > 0 || m.EventID != "" || m.Retry > 0 {
			return m, nil
		}
	}
}

// json reads the one text of JSON. Some servers send events and say that they are JSON:
// then there is a reader afterwards.
func (s *source) json() ([]byte, error) {
	size := bufferSize
	if s.length >= 0 {
		size = int(min(s.length+1, 1<<20, int64(s.max)+1)) // and one more, to see the end
	}
	text := make([]byte, 0, size)
	known := false
	for {
		if len(text) == cap(text) {
			text = slices.Grow(text, min(len(text), s.max))
		}
		n, err := s.body.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if !known {
			start := bytes.TrimLeft(text, " \t\r\n")
			if known = len(start) > 0; known && start[0] != '{' && start[0] != '[' && (err == nil || err == io.EOF) {
				s.events(text)
				return nil, nil
			}
		}
		switch {
		case len(text) > s.max:
			return nil, errTooLong
		case err == io.EOF && known:
			s.eof, s.single = true, true
			return bytes.TrimSpace(text), nil
		case err != nil:
			s.eof = err == io.EOF
			return nil, err
		}
	}
}

// event is the text of the next event.
func (s *source) event() ([]byte, error) {
	if len(s.ends) == 0 {
		batch, err := s.reader.Read()
		if err != nil {
			s.eof = err == io.EOF
			return nil, err
		}
		s.batch, s.ends, s.at = batch, s.reader.Ends(), 0
		if !s.some { // a stream may begin with a byte order mark
			s.some = true
			if bytes.HasPrefix(batch, byteOrderMark) {
				s.at = len(byteOrderMark)
			}
		}
	}
	end := s.ends[0]
	text := s.batch[s.at:end]
	s.ends, s.at = s.ends[1:], end
	return text, nil
}

var byteOrderMark = []byte("\ufeff")

// torn says whether the body has ended in the middle of something.
func (s *source) torn() bool {
	return s.reader != nil && len(bytes.TrimSpace(s.reader.Rest())) > 0
}

// message reads an event. Events of other names than "message" carry none.
func message(text []byte) mcp.Message {
	e := sse.Parse(text)
	var m mcp.Message
	if bytes.IndexByte(e.ID, 0) < 0 { // or it is ignored (HTML, 9.2.6)
		m.EventID = string(e.ID)
	}
	if ms, err := strconv.ParseUint(string(e.Retry), 10, 31); err == nil {
		m.Retry = time.Duration(ms) * time.Millisecond
	}
	if len(e.Data) > 0 && (len(e.Name) == 0 || string(e.Name) == "message") {
		m.Data = bytes.Clone(e.Data) // what it was read into is read into again
	}
	return m
}

// maxBatch bounds the messages of an array: small ones would take far more memory than
// their text.
const maxBatch = 1000

// unbatch takes apart an array of messages, which 2025-03-26 lets a server send; it
// returns none for what is something else.
func unbatch(m mcp.Message) (parts []mcp.Message) {
	end := jsonscan.Walk(m.Data, 0, func(_ []byte, at int) int {
		end := jsonscan.Skip(m.Data, at)
		if end < 0 || m.Data[at] != '{' || len(parts) == maxBatch {
			return -1
		}
		one := m
		one.Data = m.Data[at:end:end]
		parts = append(parts, one)
		return end
	})
	if end < 0 || len(bytes.TrimSpace(m.Data[end:])) > 0 {
		return nil
	}
	return parts
}
