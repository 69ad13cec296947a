package h1

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// copied is how long a body is copied behind its head, rather than handed to the
// system beside it.
const copied = 8 << 10

// watched is from where on a request may not fit in the buffers of a connection.
const watched = 16 << 10

// glance is how often an upstream that does not read is looked at for an answer.
const glance = 250 * time.Millisecond

// send writes head and body, with one system call where they are short.
func (c *conn) send(req *Request) error {
	head, err := appendHead(c.out[:0], req)
	if err != nil {
		return err
	}
	body := req.Body
	if len(body) <= copied {
		head, body = append(head, body...), nil
	}
	if cap(head) <= 4*copied { // an idle connection does not hold a long one
		c.out = head[:0]
	}
	if body == nil && len(head) <= watched {
		c.wrote, err = c.Conn.Write(head)
		return err
	}
	c.rest = net.Buffers{head, body}
	return c.push()
}

// push writes the rest of a request. It ends early, with an error, when something
// has come while the upstream does not read: mostly an answer.
func (c *conn) push() error {
	for {
		until := time.Now().Add(glance)
		last := !c.deadline.IsZero() && !until.Before(c.deadline)
		if last {
			until = c.deadline
		}
		if err := c.SetWriteDeadline(until); err != nil {
			return err
		}
		n, err := c.rest.WriteTo(c.Conn) // and drops that from rest
		c.wrote += int(n)
		if err == nil || last || !errors.Is(err, os.ErrDeadlineExceeded) || c.in.Buffered() > 0 || !c.quiet() {
			return err
		}
	}
}

// appendHead appends the head of a request, as it is or not at all: a value that
// could end its line is refused, not mended.
func appendHead(b []byte, req *Request) ([]byte, error) {
	uri := req.URL.RequestURI()
	if !token(req.Method) || !printable(uri) || !printable(req.Host) {
		return b, fmt.Errorf("%w: in the method, the URL or the host", ErrHeader)
	}
	b = append(b, req.Method...)
	b = append(b, ' ')
	b = append(b, uri...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, req.Host...)
	b = append(b, "\r\n"...)
	for name, values := range req.Header {
		if own(name) {
			continue
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

// own says whether a header is the transport's, however it is spelt: an upstream
// that finds two lengths could see two requests. Nothing here waits for what
// Expect asks for.
func own(name string) bool {
	for _, o := range [...]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Expect"} {
		if len(name) == len(o) && strings.EqualFold(name, o) {
			return true
		}
	}
	return false
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
