package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// Span is where a value stands in the text of a message; the zero Span is of one that
// is not there.
type Span struct{ Start, End int }

// OK says whether the value is there.
func (s Span) OK() bool { return s.End > s.Start }

// Of returns the value's text, nil when it is not there.
func (s Span) Of(text []byte) []byte {
	if !s.OK() {
		return nil
	}
	return text[s.Start:s.End]
}

// Message is a message of which the envelope was read.
type Message struct {
	Data []byte
	// Method is empty in a response.
	Method string
	// ID, Params, Result and Error stand in Data.
	ID, Params, Result, Error Span
}

// Kind is what a message is.
type Kind uint8

// The kinds of messages.
const (
	Request Kind = iota
	Notification
	Response
)

// Kind is what the message is.
func (m *Message) Kind() Kind {
	switch {
	case m.Method == "":
		return Response
	case m.ID.OK():
		return Request
	}
	return Notification
}

// Bounds of an envelope.
const (
	MaxID     = 1024 // bytes of an id
	MaxMethod = 256  // bytes of a method's name
)

var names = []string{"jsonrpc", "id", "method", "params", "result", "error"}

// ErrBatch is for a text that is an array.
var ErrBatch = errors.New("it is a batch; send its messages one by one")

// Parse reads the envelope of one message. Members that it does not know are left
// alone. The params, if any, are an object or an array, and an id is a string or a
// number, as the specification has it (sections 4 and 5); null is an id only of an
// error.
func Parse(data []byte) (*Message, error) {
	var space [12]jsonscan.Member
	members, err := jsonscan.Object(data, space[:0], names)
	if err != nil {
		if t := bytes.TrimLeft(data, " \t\r\n"); len(t) > 0 && t[0] == '[' {
			return nil, ErrBatch
		}
		return nil, err
	}
	m := &Message{Data: data}
	version := false
	for _, f := range members {
		value, span := data[f.Start:f.End], Span{f.Start, f.End}
		switch f.Name {
		case "jsonrpc":
			version = string(value) == `"2.0"`
		case "id":
			m.ID = span
		case "method":
			if m.Method, err = jsonscan.String(value); err != nil || m.Method == "" || len(m.Method) > MaxMethod {
				return nil, fmt.Errorf("method is not a string of 1 to %d bytes", MaxMethod)
			}
		case "params":
			m.Params = span
		case "result":
			m.Result = span
		case "error":
			m.Error = span
		}
	}
	if !version {
		return nil, errors.New(`jsonrpc is not "2.0"`)
	}
	return m, m.check()
}

func (m *Message) check() error {
	// Some servers write the member that is not there as null.
	switch {
	case string(m.Error.Of(m.Data)) == "null" && m.Result.OK():
		m.Error = Span{}
	case string(m.Result.Of(m.Data)) == "null" && m.Error.OK():
		m.Result = Span{}
	}
	id, params := m.ID.Of(m.Data), m.Params.Of(m.Data)
	if len(id) > 0 && !validID(id) && !(string(id) == "null" && m.Error.OK()) {
		return fmt.Errorf("id is not a string or a number of at most %d bytes", MaxID)
	}
	if len(params) > 0 && params[0] != '{' && params[0] != '[' {
		return errors.New("params is not an object or an array")
	}
	switch {
	case m.Method == "" && m.Result.OK() == m.Error.OK():
		return errors.New("there is no method, and not one of result and error either")
	case m.Method == "" && !m.ID.OK():
		return errors.New("a response has no id")
	case m.Method != "" && (m.Result.OK() || m.Error.OK()):
		return errors.New("there is a method, and a result or an error as well")
	}
	return nil
}

func validID(id []byte) bool {
	if len(id) > MaxID {
		return false
	}
	switch c := id[0]; {
	case c == '"':
		_, err := jsonscan.String(id)
		return err == nil
	case c == '-' || c >= '0' && c <= '9':
		return true
	}
	return false
}

// Key is what an id is looked up by: ids that are equal have one key, however they are
// written.
func Key(id []byte) string {
	if len(id) > 0 && id[0] == '"' {
		s, _ := jsonscan.String(id) // which Parse has found valid
		return "s" + s
	}
	if n, err := strconv.ParseInt(string(id), 10, 64); err == nil {
		return "n" + strconv.FormatInt(n, 10)
	}
	if f, err := strconv.ParseFloat(string(id), 64); err == nil {
		if n := int64(f); float64(n) == f && n < 1<<53 && n > -1<<53 { // 1.0, 1e0
			return "n" + strconv.FormatInt(n, 10)
		}
	}
	return "n" + string(id)
}

// Key is that of the message's id.
func (m *Message) Key() string { return Key(m.ID.Of(m.Data)) }

// Member finds a member of the object at span. Names that occur twice in it are
// refused, and other spellings of name too.
func (m *Message) Member(of Span, name string) (Span, error) {
	found, err := m.Members(of, name)
	return found[0], err
}

// Members finds members of the object at span, by their names: all of them in one pass.
func (m *Message) Members(of Span, names ...string) ([]Span, error) {
	found := make([]Span, len(names))
	text := of.Of(m.Data)
	if len(text) == 0 || text[0] != '{' {
		return found, nil
	}
	var space [8]jsonscan.Member
	members, err := jsonscan.Object(text, space[:0], names)
	if err != nil {
		return found, err
	}
	for _, f := range members {
		for i, name := range names {
			if f.Name == name {
				found[i] = Span{of.Start + f.Start, of.Start + f.End}
			}
		}
	}
	return found, nil
}

// String is the text of the string at span; "" when it is not there. An error says that
// it is something else.
func (m *Message) String(at Span) (string, error) {
	if !at.OK() {
		return "", nil
	}
	return jsonscan.String(at.Of(m.Data))
}

// Edit is a value to put into the place of another.
type Edit struct {
	At   Span
	With []byte
}

// Splice returns a copy of text in which the edits are made, which do not overlap and
// are in the order of their places. An edit whose span is empty inserts.
func Splice(text []byte, edits ...Edit) []byte {
	n := len(text)
	for _, e := range edits {
		n += len(e.With) - (e.At.End - e.At.Start)
	}
	out := make([]byte, 0, n)
	at := 0
	for _, e := range edits {
		out = append(append(out, text[at:e.At.Start]...), e.With...)
		at = e.At.End
	}
	return append(out, text[at:]...)
}
