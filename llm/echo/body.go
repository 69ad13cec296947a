package echo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/agent-gateway/agent-gateway/llm"
)

const maxBody = 64 << 20

// read returns the whole of b, which may be nil.
func read(b llm.Body) ([]byte, error) {
	if b == nil {
		return nil, llm.Errorf(llm.CodeInvalidRequest, "the request has no body; send a JSON object")
	}
	r, err := b.Open()
	if err != nil {
		return nil, fmt.Errorf("echo: open the request body: %w", err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("echo: read the request body: %w", err)
	}
	if len(data) > maxBody {
		return nil, llm.Errorf(llm.CodeTooLarge, "the request body is larger than %d MiB; send less", maxBody>>20)
	}
	return data, nil
}

// decode reads a JSON object into v.
func decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	e := llm.Errorf(llm.CodeInvalidRequest, "the request body is not what this endpoint takes: %v", err)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		e.Param = mistyped.Field
	}
	return e
}

// invalid is the refusal of one field.
func invalid(param, format string, args ...any) error {
	e := llm.Errorf(llm.CodeInvalidRequest, "%s: %s", param, fmt.Sprintf(format, args...))
	e.Param = param
	return e
}

// encode is v as upstreams write JSON: without escaping <, > and &.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // our own types, and JSON that was parsed before
		return []byte(`{"error":{"message":"echo could not encode its answer","type":"server_error","param":null,"code":null}}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// isNull says that a field was absent or null.
func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null"
}

// oneOrMore is a string or a list of strings.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		return json.Unmarshal(b, (*[]string)(o))
	}
	*o = oneOrMore{""}
	return json.Unmarshal(b, &(*o)[0])
}
