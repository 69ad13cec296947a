package strict

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// resolve says what a plain scalar is by YAML 1.2's core schema, and gives its
// text in JSON's spelling. Infinities and not-a-number are strings here: no
// configuration wants them.
func resolve(text string) (Kind, string) {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return Null, ""
	case "true", "True", "TRUE":
		return Bool, "true"
	case "false", "False", "FALSE":
		return Bool, "false"
	}
	if number, ok := number(text); ok {
		return Number, number
	}
	return String, text
}

// number returns a core-schema number in JSON's spelling.
func number(text string) (string, bool) {
	if len(text) > 400 || text == "" || !strings.ContainsAny(text[:1], "+-.0123456789") {
		return "", false
	}
	digits, base := text, 10
	if s, ok := strings.CutPrefix(text, "0x"); ok {
		digits, base = s, 16
	} else if s, ok := strings.CutPrefix(text, "0o"); ok {
		digits, base = s, 8
	}
	if base == 10 || strings.Trim(digits[:min(1, len(digits))], "+-") != "" {
		if i, ok := new(big.Int).SetString(digits, base); ok {
			return i.String(), true
		}
	}
	if base != 10 || strings.Trim(text, "+-.0123456789eE") != "" {
		return "", false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", false
	}
	if json.Valid([]byte(text)) {
		return text, true
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}
