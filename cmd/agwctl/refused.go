package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/tidwall/gjson"
)

// refused tells what a status other than success says, and what to do.
func refused(resp *http.Response, q question) error {
	if resp.StatusCode/100 == 3 {
		return errors.New("the base URL redirects, which is not followed: set AGW_BASE_URL or --base-url to the final address")
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorText)) // what there is of it
	text := gjson.GetBytes(body, "error.message").String()
	if text == "" {
		text = gjson.GetBytes(body, "error").String()
	}
	if text == "" || !gjson.ValidBytes(body) {
		text = http.StatusText(resp.StatusCode)
	}
	hint := ""
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		hint = ": the virtual key is wrong; check AGW_API_KEY or --api-key (agwctl gateway virtualkey get ID | jq -r .key)"
		if q.APIKey == "" {
			hint = ": set AGW_API_KEY or --api-key to a virtual key (agwctl gateway virtualkey get ID | jq -r .key)"
		}
	case http.StatusForbidden:
		hint = ": see the key's allowed_route_ids and allowed_models, and whether the key or the route is disabled"
	case http.StatusNotFound:
		hint = ": is there a route at this base URL (agwctl gateway llm-route list)? Set AGW_BASE_URL or --base-url"
	case http.StatusTooManyRequests:
		if after := resp.Header.Get("Retry-After"); after != "" {
			hint = ": try again in " + after + " s"
		}
	}
	return hideKey(fmt.Errorf("the gateway answered %d: %s%s", resp.StatusCode, text, hint), q.APIKey)
}

func unreachable(ctx context.Context, target string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	reason := ""
	if !errors.Is(err, syscall.ECONNREFUSED) {
		reason = err.Error() + ": "
	}
	return fmt.Errorf("cannot reach the gateway at %s: %sis agwd running? Set AGW_BASE_URL or --base-url", target, reason)
}

// watcher ends an exchange in which nothing has come for too long.
type watcher struct {
	patience time.Duration
	timer    *time.Timer
	cancel   context.CancelCauseFunc
}

func watch(ctx context.Context, patience time.Duration) (context.Context, *watcher) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(patience, func() {
		cancel(fmt.Errorf("the gateway has said nothing for %v: a longer --timeout may help", patience))
	})
	return ctx, &watcher{patience, timer, cancel}
}

func (w *watcher) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// reader gives the sender new time with every piece that comes.
func (w *watcher) reader(r io.Reader) io.Reader { return &watchedReader{r, w} }

type watchedReader struct {
	io.Reader
	w *watcher
}

func (r *watchedReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 {
		r.w.timer.Reset(r.w.patience)
	}
	return n, err
}
