package llmtest

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// rawJSON is JSON that is taken over as it is.
type rawJSON = json.RawMessage

// object is a JSON object in a fixed order: key, value, key, value, …
type object []any

// MarshalJSON implements [json.Marshaler].
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := 0; i+1 < len(o); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(o[i]))
		b.WriteByte(':')
		b.Write(encode(o[i+1]))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is JSON without the escaping that is meant for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte(`"` + err.Error() + `"`)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// jsonReply is a whole JSON answer.
func (p protocol) jsonReply(v any) reply {
	return reply{status: http.StatusOK, header: p.header("application/json"), events: [][]byte{encode(v)}}
}

// streamReply is an answer of server-sent events.
func (p protocol) streamReply(events [][]byte, broken func(Fault) []byte) reply {
	h := p.header("text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	return reply{status: http.StatusOK, header: h, events: events, stream: true, broken: broken}
}

// data is an unnamed event; event is a named one.
func data(v any) []byte { return append(append([]byte("data: "), encode(v)...), "\n\n"...) }

func event(name string, v any) []byte {
	return append([]byte("event: "+name+"\n"), data(v)...)
}
