package codec

import (
	"encoding/base64"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// signaturePrefix begins a signature that carries another protocol's. The number is
// the version of what follows: the operation, a dot, and the value in base64.
const signaturePrefix = "agw-sig1."

// Carry returns the text that a caller of protocol op is given for a signature, and
// sends back with the thought: the value itself where it is that protocol's own, and
// else the value packed. [Carried] undoes it.
func Carry(op llm.Operation, s Signature) string {
	if s.Of == op {
		return s.Value
	}
	return signaturePrefix + string(s.Of) + "." + base64.RawURLEncoding.EncodeToString([]byte(s.Value))
}

// Carried reads a signature that a caller of protocol op sent back.
func Carried(op llm.Operation, text string) *Signature {
	if text == "" {
		return nil
	}
	rest, ok := strings.CutPrefix(text, signaturePrefix)
	if !ok {
		return &Signature{Of: op, Value: text}
	}
	i := strings.LastIndexByte(rest, '.')
	if i < 0 {
		return &Signature{Of: op, Value: text}
	}
	value, err := base64.RawURLEncoding.DecodeString(rest[i+1:])
	if err != nil || rest[:i] == string(op) { // its own is never packed
		return &Signature{Of: op, Value: text}
	}
	return &Signature{Of: llm.Operation(rest[:i]), Value: string(value)}
}
