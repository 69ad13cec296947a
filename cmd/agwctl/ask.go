package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/sse"
)

// Bounds of what a model may say: a whole answer, one event of a stream, and the
// text of an error.
const (
	maxAnswer    = 64 << 20
	maxEvent     = 8 << 20
	maxErrorText = 64 << 10
)

// modelPatience is how long a model may say nothing, unless --timeout is given.
const modelPatience = 10 * time.Minute

// dialect is one protocol of the data plane, as far as one question needs it. It
// serves one answer.
type dialect interface {
	// path is the endpoint, to be joined to a base URL that ends in /v1.
	path() string
	// authorize puts the key, which may be empty, where the protocol wants it.
	authorize(h http.Header, key string)
	// body is the request, to be written as JSON.
	body(q question) any
	// whole prints a complete answer.
	whole(answer gjson.Result, p *printer) error
	// event prints one event of a stream and says whether it was the last.
	event(data []byte, p *printer) (last bool, err error)
	// terminator names the last event of a whole stream.
	terminator() string
}

// errForeign says that an answer has not the protocol's form.
var errForeign = errors.New("the answer is not one of this protocol: does the route at this base URL speak it? Set --api, AGW_BASE_URL or --base-url")

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func bearer(h http.Header, key string) {
	if key != "" {
		h.Set("Authorization", "Bearer "+key)
	}
}

// ask sends the question and prints the answer, with what there is of it when it
// breaks.
func (a *app) ask(ctx context.Context, q question, d dialect) error {
	target, err := endpoint(q.BaseURL, d)
	if err != nil {
		return err
	}
	if strings.ContainsFunc(q.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the virtual key has a space, or a character that a header cannot carry: check AGW_API_KEY or --api-key")
	}
	body, err := json.Marshal(d.body(q))
	if err != nil {
		return err
	}
	patience := a.global.Timeout
	if patience == 0 {
		patience = modelPatience
	}
	ctx, w := watch(ctx, patience)
	defer w.stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	d.authorize(req.Header, q.APIKey)
	gateway := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := gateway.Do(req)
	if err != nil {
		return unreachable(ctx, target, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return refused(resp, q)
	}
	p := &printer{out: a.stdout, notes: a.stderr}
	if isStream(resp) {
		err = readStream(w.reader(resp.Body), d, p)
	} else {
		err = readWhole(w.reader(resp.Body), d, p)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	p.end(err)
	return hideKey(err, q.APIKey)
}

// endpoint adds the protocol's path to the base URL. The part /v1 may be missing
// in it, as Anthropic's SDKs have it.
func endpoint(base string, d dialect) (string, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return "", errors.New("the base URL is not a URL: set AGW_BASE_URL or --base-url to one like http://127.0.0.1:8080/v1")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the base URL must not carry a password, a query or a fragment: the key goes into AGW_API_KEY or --api-key")
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if _, ok := d.(*anthropicMessages); ok && !strings.HasSuffix(path, "/v1") {
		path += "/v1"
	}
	return u.Scheme + "://" + u.Host + path + d.path(), nil
}

// isStream goes by the answer: some upstreams do not stream what they are asked to.
func isStream(resp *http.Response) bool {
	t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return t == "text/event-stream"
}

func readWhole(body io.Reader, d dialect, p *printer) error {
	data, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("the answer broke off: %w", err)
	case len(data) > maxAnswer:
		return fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	case !gjson.ValidBytes(data):
		return errors.New("the answer is not JSON: is a route of the gateway at this base URL? Set AGW_BASE_URL or --base-url")
	}
	return d.whole(gjson.ParseBytes(data), p)
}

func readStream(body io.Reader, d dialect, p *printer) error {
	r := sse.NewReader(body, make([]byte, 4<<10), maxEvent)
	for {
		events, err := r.Read()
		if err == io.EOF {
			return fmt.Errorf("the stream ended without %s: the answer is not complete", d.terminator())
		} else if err != nil {
			return fmt.Errorf("the stream broke off: %w", err)
		}
		for len(events) > 0 {
			n := sse.Next(events)
			e := sse.Parse(events[:n])
			events = events[n:]
			switch {
			case !e.HasData:
				continue
			case !gjson.ValidBytes(e.Data) && string(e.Data) != "[DONE]":
				return errors.New("the stream has an event that is not JSON")
			}
			if last, err := d.event(e.Data, p); last || err != nil {
				return err
			}
		}
	}
}

// streamError reads the error in a stream or in an answer: an object, or just a
// text.
func streamError(e gjson.Result) error {
	text := e.Get("message").String()
	if text == "" {
		text = e.String()
	}
	return errors.New("the model failed: " + text)
}

// hideKey keeps the caller's key out of what a server says about it.
func hideKey(err error, key string) error {
	if err == nil || len(key) < 8 || !strings.Contains(err.Error(), key) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), key, "********"))
}
