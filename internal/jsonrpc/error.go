package jsonrpc

import (
	"encoding/json"
	"fmt"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
)

// Codes of errors (section 5.1).
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
)

// Error is the error of a response.
type Error struct {
	Code    int
	Message string
	Data    json.RawMessage // nil for none
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

// Errorf makes an error.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Response is the response to the request of that id, null for a nil one.
func (e *Error) Response(id []byte) []byte {
	var w jsonwrite.Writer
	w.Object()
	w.StringField("jsonrpc", "2.0")
	w.RawField("id", string(id))
	w.ObjectField("error")
	w.IntField("code", int64(e.Code))
	w.StringField("message", e.Message)
	if len(e.Data) > 0 {
		w.RawField("data", string(e.Data))
	}
	w.End()
	w.End()
	return w.B
}

// DecodeError reads the error of a response; nil when it has none.
func (m *Message) DecodeError() *Error {
	if !m.Error.OK() {
		return nil
	}
	var e struct {
		Code    json.Number     `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal(m.Error.Of(m.Data), &e) != nil {
		return &Error{Code: CodeInternal, Message: "the error of the response cannot be read"}
	}
	code, err := e.Code.Int64()
	if err != nil {
		code = CodeInternal
	}
	return &Error{Code: int(code), Message: e.Message, Data: e.Data}
}

// Call writes a request, or a notification when id is nil. params are JSON, empty for
// none.
func Call(id []byte, method string, params []byte) []byte {
	var w jsonwrite.Writer
	w.Object()
	w.StringField("jsonrpc", "2.0")
	if len(id) > 0 {
		w.RawField("id", string(id))
	}
	w.StringField("method", method)
	if len(params) > 0 {
		w.RawField("params", string(params))
	}
	w.End()
	return w.B
}

// Result writes the response that has a result.
func Result(id, result []byte) []byte {
	var w jsonwrite.Writer
	w.Object()
	w.StringField("jsonrpc", "2.0")
	w.RawField("id", string(id))
	w.RawField("result", string(result))
	w.End()
	return w.B
}
