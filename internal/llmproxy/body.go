package llmproxy

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// decoded undoes the content codings that the standard library knows. The bound
// on the body holds for what comes out.
func decoded(r *http.Request) (io.Reader, error) {
	coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ",")))
	switch coding {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, llm.Errorf(llm.CodeInvalidRequest, "the request body is not gzip, though Content-Encoding says so")
		}
		return z, nil
	case "deflate":
		z, err := zlib.NewReader(r.Body)
		if err != nil {
			return nil, llm.Errorf(llm.CodeInvalidRequest, "the request body is not deflate, though Content-Encoding says so")
		}
		return z, nil
	}
	return nil, llm.Errorf(llm.CodeUnsupportedMedia, "Content-Encoding %.40q is not supported: send the body as it is, or as gzip or deflate", coding)
}

// firstPiece is how much of an announced length is believed at first.
const firstPiece = 128 << 10

// readBody reads the body into memory, within the bound.
func (x *exchange) readBody(r io.Reader) (*buffer, error) {
	size, bound := x.r.ContentLength, x.limits.RequestBody
	if size > bound {
		x.drain(bound)
		return nil, tooLarge(bound)
	}
	// Memory follows what has come, not what was announced.
	b := newBuffer(int(min(size, firstPiece)) + spare) // an unknown size is -1
	for {
		if len(b.b) == cap(b.b) {
			if !x.reserve(int64(cap(b.b))) {
				b.drop()
				return nil, overloaded()
			}
			b.b = slices.Grow(b.b, max(cap(b.b), int(min(size, 4*int64(cap(b.b))))+spare-len(b.b)))
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		switch {
		case int64(len(b.b)) > bound:
			x.drain(bound)
			err = tooLarge(bound)
		case err == io.EOF:
		case err != nil:
			err = bodyError(err, bound)
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			b.drop()
			return nil, err
		}
	}
}

func overloaded() *llm.Error {
	return &llm.Error{Code: llm.CodeUnavailable, RetryAfter: time.Second, Message: "the gateway holds too many large requests at once: try again in a moment"}
}

// reserve takes room for a body that grows by n bytes. What fits into the first
// piece is not counted.
func (x *exchange) reserve(n int64) bool {
	x.reserved += n
	return x.buffered.Add(n) <= x.limits.Buffered
}

// drain reads some of a body that is refused: a caller that is cut off while it
// sends does not read the answer.
func (x *exchange) drain(n int64) {
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, x.r.Body, n)
}

const drainTime = 5 * time.Second

func tooLarge(max int64) error {
	return llm.Errorf(llm.CodeTooLarge, "the request body is larger than this gateway's bound of %d bytes", max)
}

func bodyError(err error, max int64) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return tooLarge(max)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return llm.Errorf(llm.CodeTimeout, "the request body did not come in time")
	}
	return &llm.Error{Code: llm.CodeInvalidRequest, Message: "the request body could not be read to its end", Cause: err}
}
