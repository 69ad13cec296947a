package llmproxy

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/agent-gateway/agent-gateway/llm"
)

// openUpload hands the request's body on as it comes in: one attempt. A caller
// that is held to some models has its form read first, as far as the bound for
// bodies in memory allows.
func (x *exchange) openUpload() error {
	if c := x.r.Header.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
		return llm.Errorf(llm.CodeUnsupportedMedia, "Content-Encoding %.40q is not supported for uploads: send the body as it is", c)
	}
	if strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/json") {
		if err := x.readJSON(); err != nil { // images/edits takes JSON too
			return err
		}
		return x.checkModel()
	}
	if x.r.ContentLength > x.limits.Upload {
		return tooLarge(x.limits.Upload)
	}
	if x.hop.Caller.Models != nil && x.hop.Endpoint.Operation != llm.OpenAIFiles && x.hop.Endpoint.Operation != llm.AnthropicFiles {
		return x.readForm()
	}
	x.req.body = &upload{ReadCloser: http.MaxBytesReader(x.w, x.r.Body, x.limits.Upload), size: x.r.ContentLength, bound: x.limits.Upload}
	return nil
}

// sendUpload prepares the connection for a body that is read while it is sent on.
// Without it, net/http's server reads the rest of the body before the first byte of the
// answer goes out, against the transport that reads it too. A call that is refused
// before it is sent must not come here: the server is to read what is left.
func (x *exchange) sendUpload() error {
	if _, ok := x.req.body.(*upload); !ok {
		return nil
	}
	if err := http.NewResponseController(x.w).EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return &llm.Error{Code: llm.CodeInternal, Message: "the upload cannot be streamed", Cause: err}
	}
	return nil
}

// readForm reads a multipart form into memory to check its model.
func (x *exchange) readForm() error {
	buf, err := x.readBody(x.r.Body)
	if err != nil {
		return err
	}
	x.req.buf = buf
	kind, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return llm.Errorf(llm.CodeInvalidRequest, "this endpoint takes multipart/form-data")
	}
	body, err := buf.Open()
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	form := multipart.NewReader(body, params["boundary"])
	for {
		part, err := form.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return &llm.Error{Code: llm.CodeInvalidRequest, Message: "the multipart form is malformed", Cause: err}
		}
		// Parsers differ in what they make of a part that says oddly what it is,
		// and one of them could find another model there.
		kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		name := params["name"]
		if err != nil || kind != "form-data" || name == "" || len(part.Header["Content-Disposition"]) != 1 {
			return llm.Errorf(llm.CodeInvalidRequest, "the multipart form has a part without one plain Content-Disposition: form-data; name=\"…\"")
		}
		if !strings.EqualFold(strings.TrimRight(name, "[]"), "model") {
			continue
		}
		_, isFile := params["filename"]
		v, err := io.ReadAll(io.LimitReader(part, 513))
		if err != nil || len(v) > 512 || name != "model" || isFile || x.req.model != "" {
			return &llm.Error{Code: llm.CodeInvalidRequest, Message: "model: the form must have this field once, in at most 512 bytes", Param: "model"}
		}
		x.req.model = string(v)
	}
	x.req.body = buf
	return x.checkModel()
}

// upload is a body that can be read once.
type upload struct {
	io.ReadCloser
	size, bound int64
	opened      atomic.Bool
}

// Read tells the caller's faults from the upstream's.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = bodyError(err, u.bound)
	}
	return n, err
}

// Open implements [llm.Body].
func (u *upload) Open() (io.ReadCloser, error) {
	if u.opened.Swap(true) {
		return nil, &llm.Error{Code: llm.CodeInternal, Message: "an upload cannot be sent twice", Final: true}
	}
	return u, nil
}

// Len implements [llm.Body].
func (u *upload) Len() int64 { return u.size }

// Replayable implements [llm.Body].
func (u *upload) Replayable() bool { return false }

func unescape(segment string) string {
	if s, err := url.PathUnescape(segment); err == nil {
		return s
	}
	return segment
}
