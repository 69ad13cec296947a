package codec

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Invalid is the error for a field of a request: "messages[2].content", and what is
// wrong with it.
func Invalid(param, format string, args ...any) *llm.Error {
	e := llm.Errorf(llm.CodeInvalidRequest, format, args...)
	e.Message, e.Param = param+": "+e.Message, param
	return e
}

// Unsupported is the error for a field that the upstream's protocol cannot express,
// and that must not be left out: the caller can mend the request.
func Unsupported(param string, op llm.Operation, why string) *llm.Error {
	return Invalid(param, "the upstream of this model speaks %s, which cannot carry it: %s", op, why)
}

// The following read one member of a request. null counts as absent.

// String reads a string.
func String(v gjson.Result, param string) (string, error) {
	switch v.Type {
	case gjson.String:
		return v.Str, nil
	case gjson.Null:
		return "", nil
	}
	return "", Invalid(param, "it must be a string")
}

// Bool reads true or false.
func Bool(v gjson.Result, param string) (*bool, error) {
	switch v.Type {
	case gjson.True, gjson.False:
		b := v.Type == gjson.True
		return &b, nil
	case gjson.Null:
		return nil, nil
	}
	return nil, Invalid(param, "it must be true or false")
}

// Int reads a whole number.
func Int(v gjson.Result, param string) (*int64, error) {
	switch v.Type {
	case gjson.Number:
		if n, err := json.Number(v.Raw).Int64(); err == nil {
			return &n, nil
		}
		if f := v.Num; f == float64(int64(f)) && f < 1<<53 && f > -1<<53 { // 1e3, 5.0
			n := int64(f)
			return &n, nil
		}
	case gjson.Null:
		return nil, nil
	}
	return nil, Invalid(param, "it must be a whole number")
}

// Number reads a number, in its digits.
func Number(v gjson.Result, param string) (json.Number, error) {
	switch v.Type {
	case gjson.Number:
		return json.Number(v.Raw), nil
	case gjson.Null:
		return "", nil
	}
	return "", Invalid(param, "it must be a number")
}

// Object reads an object, as it is.
func Object(v gjson.Result, param string) (json.RawMessage, error) {
	switch {
	case v.IsObject():
		return json.RawMessage(v.Raw), nil
	case v.Type == gjson.Null:
		return nil, nil
	}
	return nil, Invalid(param, "it must be an object")
}

// Strings reads an array of strings, or one string.
func Strings(v gjson.Result, param string) (list []string, err error) {
	switch {
	case v.Type == gjson.String:
		return []string{v.Str}, nil
	case v.Type == gjson.Null:
		return nil, nil
	case !v.IsArray():
		return nil, Invalid(param, "it must be a list of strings")
	}
	Each(v, func(_, e gjson.Result) bool {
		if e.Type != gjson.String {
			err = Invalid(param, "it must be a list of strings")
			return false
		}
		list = append(list, e.Str)
		return true
	})
	return list, err
}
