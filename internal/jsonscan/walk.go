package jsonscan

// Walk visits the members of the object that begins at text[i], or the elements of
// the array, in one pass: visit gets each member's raw name (nil for an element)
// and where its value begins, and returns where the value ends, which it learns
// from [Skip] or from a Walk of its own. It returns the index behind the closing
// bracket, or -1 when the text is no object or array, or is malformed; a visit
// that returns -1 ends the walk so. It is not strict: duplicates are visited.
func Walk(text []byte, i int, visit func(name []byte, at int) (end int)) (end int) {
	i = space(text, i)
	if i >= len(text) || text[i] != '{' && text[i] != '[' {
		return -1
	}
	closing := text[i] + 2
	isObject := closing == '}'
	i = space(text, i+1)
	if i < len(text) && text[i] == closing {
		return i + 1
	}
	for i < len(text) {
		var name []byte
		if isObject {
			if text[i] != '"' {
				return -1
			}
			end := str(text, i)
			if end < 0 {
				return -1
			}
			name = text[i+1 : end-1]
			if i = space(text, end); i >= len(text) || text[i] != ':' {
				return -1
			}
			i = space(text, i+1)
		}
		if i = visit(name, i); i < 0 {
			return -1
		}
		i = space(text, i)
		switch {
		case i >= len(text):
			return -1
		case text[i] == closing:
			return i + 1
		case text[i] != ',':
			return -1
		}
		i = space(text, i+1)
	}
	return -1
}

// Skip returns the index behind the value that begins at text[i], -1 when it is
// malformed.
func Skip(text []byte, i int) int {
	var s scan
	end, err := s.value(text, i)
	if err != nil {
		return -1
	}
	return end
}

// Int reads a JSON number that is a whole number not below zero.
func Int(value []byte) (n int64, ok bool) {
	for _, c := range value {
		if c < '0' || c > '9' || n > (1<<62)/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(value) > 0
}
