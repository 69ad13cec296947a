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

// readBody reads the body into memory, within the bound. What does not come with
// the first read has to come in time.
func (x *exchange) readBody(r io.Reader) (*buffer, error) {
	size, max := x.r.ContentLength, x.limits.RequestBody
	if size > max {
		return nil, tooLarge(max)
	}
	b := newBuffer(int(size) + spare) // an unknown size is -1
	timed := false
	for {
		if len(b.b) == cap(b.b) {
			b.b = slices.Grow(b.b, cap(b.b))
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		switch {
		case int64(len(b.b)) > max:
			err = tooLarge(max)
		case err == io.EOF:
		case err != nil:
			err = bodyError(err, max)
		case !timed && int64(len(b.b)) < size || size < 0 && !timed:
			timed = true
			c := http.NewResponseController(x.w)
			if c.SetReadDeadline(time.Now().Add(x.limits.ClientStall)) == nil {
				defer func() { _ = c.SetReadDeadline(time.Time{}) }()
			}
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
