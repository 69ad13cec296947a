package h1

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
)

// copied is how long a body is copied behind its head, rather than handed to the
// system beside it.
const copied = 8 << 10

// send writes head and body, with one system call.
func (c *conn) send(req *Request) error {
	head, err := appendHead(c.out[:0], req)
	if err != nil {
		return err
	}
	if len(req.Body) <= copied {
		head = append(head, req.Body...)
		c.out = head[:0]
		c.wrote, err = c.Conn.Write(head)
		return err
	}
	c.out = head[:0]
	n, err := (&net.Buffers{head, req.Body}).WriteTo(c.Conn)
	c.wrote = int(n)
	return err
}

// appendHead appends the head of a request, as it is or not at all: a value that
// could end its line is refused, not mended.
func appendHead(b []byte, req *Request) ([]byte, error) {
	uri := req.URL.RequestURI()
	for _, s := range []string{req.Method, uri, req.Host} {
		if !printable(s) {
			return b, fmt.Errorf("%w: in the method, the URL or the host", ErrHeader)
		}
	}
	b = append(b, req.Method...)
	b = append(b, ' ')
	b = append(b, uri...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, req.Host...)
	b = append(b, "\r\n"...)
	for name, values := range req.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection":
			continue // the transport's own
		}
		if !token(name) {
			return b, fmt.Errorf("%w: the name %.40q", ErrHeader, name)
		}
		for _, v := range values {
			if v == "" && name == "User-Agent" {
				continue
			}
			if !text(v) {
				return b, fmt.Errorf("%w: the value of %.40q", ErrHeader, name)
			}
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, v...)
			b = append(b, "\r\n"...)
		}
	}
	if len(req.Body) > 0 || req.Method != http.MethodGet && req.Method != http.MethodHead {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(req.Body)), 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// printable says whether s can stand between spaces in the first lines.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// text says whether s is a field's value (RFC 9110, 5.5).
func text(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// token says whether s is a field's name (RFC 9110, 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		if !tokens[s[i]] {
			return false
		}
	}
	return s != ""
}

var tokens = func() (t [256]bool) {
	for b := '0'; b <= 'z'; b++ {
		t[b] = b <= '9' || b >= 'a' || b >= 'A' && b <= 'Z'
	}
	for _, b := range "!#$%&'*+-.^_`|~" {
		t[b] = true
	}
	return t
}()
