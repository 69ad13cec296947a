package llm

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Provider makes calls to one upstream. It is safe for concurrent use. One that
// also implements [io.Closer] is closed after it has left the configuration;
// calls that are under way then must be left to finish.
type Provider interface {
	// Native lists the operations in which the upstream can serve op for model,
	// preferred first: op itself where the bytes can be relayed, and for an op that
	// [Operation.Generates] and is not served the generating ones that are. An empty
	// list means that this upstream cannot serve op. It must not block. The list is
	// the provider's: nobody changes it.
	Native(op Operation, model string) []Operation

	// Send makes one upstream call and returns when the response's headers are
	// in. A non-nil error means that no response started: another target may be
	// tried, unless ctx is done or the error is an [*Error] with Final set. An
	// upstream's own refusal (any status) is a Response, not an error.
	// ctx must live until Response.Body is closed.
	Send(ctx context.Context, call *Call) (*Response, error)
}

// Call is one upstream call. A provider must not change it, nor keep it after
// Send has returned, except for Body, which has rules of its own.
type Call struct {
	// Operation is what is asked, in the protocol that is asked for.
	Operation Operation
	// Method and Path are the HTTP request's. Path is the caller's, without the
	// route's prefix, in the protocol's canonical form: it begins with "/v1/",
	// and is still percent-encoded.
	Method, Path string
	// Query is the caller's query; nil when there was none. Parameters that
	// carried a key are gone.
	Query url.Values
	// Model is the model to ask for; empty when the operation names none.
	Model string
	// Stream says that the body asks for a streamed answer.
	Stream bool
	// Header holds the caller's headers that may go upstream. It never holds
	// the caller's credentials, cookies or hop-by-hop headers.
	Header http.Header
	// Body is nil for calls without one.
	Body Body
	// Credential authenticates the gateway to the upstream.
	Credential Credential
}

// Body is a request body.
type Body interface {
	// Open starts reading from the beginning. The caller closes what it opened.
	// On a body that is not replayable, a second Open fails.
	Open() (io.ReadCloser, error)
	// Len is the length in bytes, or -1 when it is not known.
	Len() int64
	// Replayable says whether Open may be called again.
	Replayable() bool
}

// InMemory is implemented by a [Body] whose bytes lie in memory in one piece.
// An HTTP client can then send head and body in one write.
type InMemory interface {
	// Bytes returns the bytes and a function to call when nobody reads them any
	// more; nil when nobody needs to know. Not calling it is safe: the memory is
	// then left to the collector. The bytes must not be changed.
	Bytes() (b []byte, done func())
}

// BytesBody returns a replayable Body of b, which must not change afterwards.
func BytesBody(b []byte) Body { return bytesBody(b) }

type bytesBody []byte

func (b bytesBody) Open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
func (b bytesBody) Len() int64                   { return int64(len(b)) }
func (b bytesBody) Replayable() bool             { return true }
func (b bytesBody) Bytes() ([]byte, func())      { return b, nil }

// Response is an upstream's answer. Whoever received it closes Body.
type Response struct {
	Status int
	Header http.Header
	// Body is never nil. A Read error other than io.EOF says that the answer
	// broke off.
	Body io.ReadCloser
	// ContentLength is the length of Body, or -1 when it is not known.
	ContentLength int64
}

// JSONResponse returns a complete Response with b as its body.
func JSONResponse(status int, b []byte) *Response {
	return &Response{
		Status:        status,
		Header:        http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(b))}},
		Body:          io.NopCloser(bytes.NewReader(b)),
		ContentLength: int64(len(b)),
	}
}

// Credential is what a provider authenticates with. Its zero value is none.
type Credential struct {
	// ID names it in events; "" for the key in the provider's own configuration.
	ID string
	// Source is where it came from: "provider", "credential", or "" for none.
	Source string
	// APIKey is the secret. It goes only to the provider's configured origin.
	APIKey string
	// BaseURL replaces the provider's when not empty.
	BaseURL string
	// AccountID is the account that the key acts for, where an upstream wants to be
	// told; empty otherwise.
	AccountID string
}

// String keeps the secret out of logs.
func (c Credential) String() string { return c.Source + ":" + c.ID }

// GoString keeps the secret out of %#v.
func (c Credential) GoString() string { return c.String() }

// Config is what a [Factory] builds a provider from. It holds no secret: keys
// come with each call.
type Config struct {
	// ID and Type name the provider and its type in errors.
	ID, Type string
	// BaseURL is empty for the type's own default.
	BaseURL string
	Network Network
	Options Options
}

// Options are a provider's options.
type Options struct {
	// Compact leaves out of requests what a client sends and an upstream is known to
	// refuse: "cc" what Claude Code sends, for upstreams of Anthropic's protocol;
	// "codex" what Codex sends, for upstreams of OpenAI's. "none" and empty leave
	// requests as they are. Types ignore modes that they do not implement, and bodies
	// that are not in memory pass unchanged.
	Compact string
	// API is which of OpenAI's generating APIs an upstream of its protocol has: "chat"
	// for chat completions, "responses" for Responses. Empty for what the type has.
	API string
	// APIVersion is the api-version of Azure OpenAI's deployments. Empty for its v1
	// API, which needs none.
	APIVersion string
}

// Network bounds a provider's connections. A zero field means the default.
type Network struct {
	// RequestTimeout bounds the wait for the response's headers, and for a
	// response that is not a stream the whole call; in a stream it bounds the
	// silence between two reads. Default 10 minutes.
	RequestTimeout time.Duration
	// MaxIdleConns bounds the idle connections; default 1024.
	MaxIdleConns int
	// MaxIdleConnsPerHost bounds them for one host; default 256.
	MaxIdleConnsPerHost int
	// IdleConnTimeout is how long an idle connection is kept; default 90 s.
	IdleConnTimeout time.Duration
	// ProxyURL is the proxy to go through; empty means the environment's.
	ProxyURL string
	// ExtraHeaders are added to every upstream request and win over the caller's.
	ExtraHeaders map[string]string
}

// Factory makes a provider of one type.
type Factory func(Config) (Provider, error)

// Model is one model that a provider offers.
type Model struct {
	ID          string
	DisplayName string
	OwnedBy     string
	Created     time.Time // zero when not known
}

// ModelLister is implemented by providers that can list their models.
type ModelLister interface {
	ListModels(ctx context.Context, cred Credential) ([]Model, error)
}

// TokenCounter is implemented by providers that can count a request's tokens
// without answering it. The call is one of the counting operations.
type TokenCounter interface {
	CountTokens(ctx context.Context, call *Call) (int64, error)
}
