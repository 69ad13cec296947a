package codec

import (
	"unsafe"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// Each calls visit for the members of an object, or for the elements of an array, whose
// keys are empty, until visit returns false. v must be valid. It is v.ForEach for texts
// such as agents send: long, and full of escapes.
func Each(v gjson.Result, visit func(key, value gjson.Result) bool) {
	if !v.IsObject() && !v.IsArray() {
		v.ForEach(visit)
		return
	}
	text := unsafe.Slice(unsafe.StringData(v.Raw), len(v.Raw)) // which nobody writes to
	jsonscan.Walk(text, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(text, at)
		if end < 0 {
			return -1
		}
		key := gjson.Result{Type: gjson.String, Str: jsonscan.Unescape(unsafe.String(unsafe.SliceData(name), len(name)))}
		if !visit(key, value(v.Raw[at:end])) {
			return -1
		}
		return end
	})
}

func value(raw string) gjson.Result {
	switch raw[0] {
	case '"':
		return gjson.Result{Type: gjson.String, Raw: raw, Str: jsonscan.Unescape(raw[1 : len(raw)-1])}
	case '{', '[':
		return gjson.Result{Type: gjson.JSON, Raw: raw}
	}
	return gjson.Parse(raw)
}
