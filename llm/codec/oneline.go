package codec

import "bytes"

// OneLine makes JSON one line, in place, and returns it. Line ends can only stand between
// its tokens; in a server-sent event they would end the data.
func OneLine(json []byte) []byte {
	if bytes.IndexByte(json, '\n') < 0 && bytes.IndexByte(json, '\r') < 0 {
		return json
	}
	for i, c := range json {
		if c == '\n' || c == '\r' {
			json[i] = ' '
		}
	}
	return json
}
