package jsonscan

// Valid says whether text is one JSON value (RFC 8259) that nests no deeper than
// [MaxDepth]. Bytes that are not UTF-8 may stand in strings, as encoding/json has it.
func Valid(text []byte) bool {
	var object [MaxDepth]bool // by depth
	depth := 0
	i := space(text, 0)
	for {
		// A value begins at i.
		if i >= len(text) {
			return false
		}
		switch c := text[i]; c {
		case '{', '[':
			if depth == MaxDepth {
				return false
			}
			object[depth] = c == '{'
			depth++
			i = space(text, i+1)
			if i < len(text) && text[i] == c+2 {
				depth--
				i++
				break
			}
			if c == '{' {
				if i = validName(text, i); i < 0 {
					return false
				}
			}
			continue
		case '"':
			i = validString(text, i)
		default:
			i = validScalar(text, i)
		}
		// A value has ended before i.
		for {
			if i < 0 {
				return false
			}
			i = space(text, i)
			if depth == 0 {
				return i == len(text)
			}
			if i >= len(text) {
				return false
			}
			in := object[depth-1]
			if text[i] == ',' {
				i = space(text, i+1)
				if in {
					if i = validName(text, i); i < 0 {
						return false
					}
				}
				break
			}
			if in && text[i] != '}' || !in && text[i] != ']' {
				return false
			}
			depth--
			i++
		}
	}
}

// validName returns where the value of the member begins whose name is at i, -1 when
// there is none.
func validName(text []byte, i int) int {
	if i >= len(text) || text[i] != '"' {
		return -1
	}
	if i = validString(text, i); i < 0 {
		return -1
	}
	if i = space(text, i); i >= len(text) || text[i] != ':' {
		return -1
	}
	return space(text, i+1)
}

// validString returns the index behind the string that begins at i, -1 when it is not
// valid.
func validString(text []byte, i int) int {
	for i = Special(text, i+1); i+1 < len(text); i = Special(text, i) {
		if text[i] != '\\' {
			break
		}
		switch text[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if i+6 > len(text) || hex(string(text[i+2:i+6]), 0) < 0 {
				return -1
			}
			i += 6
		default:
			return -1
		}
	}
	if i >= len(text) || text[i] != '"' {
		return -1
	}
	return i + 1
}

// validScalar returns the index behind the number or the word at i, -1 when it is
// neither.
func validScalar(text []byte, i int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if text[i] == word[0] {
			if len(text)-i >= len(word) && string(text[i:i+len(word)]) == word {
				return i + len(word)
			}
			return -1
		}
	}
	if text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if i = digits(text, i); i < 0 {
		return -1
	}
	if i < len(text) && text[i] == '.' {
		if i = digits(text, i+1); i < 0 {
			return -1
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		return digits(text, i)
	}
	return i
}

// digits returns the index behind one digit or more, -1 when there is none.
func digits(text []byte, i int) int {
	start := i
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
