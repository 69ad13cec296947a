package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// visit is a caller of its own, which may fail a test from any goroutine.
type visit struct {
	*mcpCaller
	i int
}

// post sends a message and reads the answer.
func (v *visit) post(ctx context.Context, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.s.URL+v.path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", jsonKind)
	h := v.headers()
	for i := 0; i < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	resp, err := v.s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	a := read(resp)
	return a, a.err
}

// begin begins a session, as soon as it may.
func (v *visit) begin(ctx context.Context) error {
	for {
		got, err := v.post(ctx, initialize)
		switch {
		case err != nil:
			return err
		case got.Status == 200:
			v.session = got.Header.Get("Mcp-Session-Id")
			_, err = v.post(ctx, initialized)
			return err
		case got.Status != 503:
			return fmt.Errorf("initialize: %d %s", got.Status, got.Body)
		}
	}
}

// echo has the caller be served.
func (v *visit) echo(ctx context.Context) error {
	want := fmt.Sprintf("%d %d", v.i, v.last)
	got, err := v.post(ctx, v.request("tools/call", toolCall("echo", quotedText(want))))
	if err != nil || got.Status != 200 || !strings.Contains(got.Body, quoted(want)) {
		return fmt.Errorf("echo of %q on %s: %d %s %w", want, v.path, got.Status, got.Body, err)
	}
	return nil
}

func quotedText(s string) string { return `{"text":` + quoted(s) + `}` }

// leave ends the visit in one of several ways.
func (v *visit) leave(ctx context.Context, clock *clock) error {
	call := func(tool string) string { return v.request("tools/call", toolCall(tool, `{"count":1000}`)) }
	switch v.i % 5 {
	case 0: // in good order
	case 1: // in the middle of a call, when its first message is here
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if _, err := v.stream(ctx, http.MethodPost, call("slow")); err != nil {
			return err
		}
	case 2: // while it listens
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if _, err := v.stream(ctx, http.MethodGet, ""); err != nil {
			return err
		}
	case 3: // and takes the server with it
		if _, err := v.post(ctx, call("crash")); err != nil {
			return err
		}
		if clock.forward(30 * time.Second); v.path > "/1" { // the session's end
			return nil
		}
	case 4: // and has not read much
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if _, err := v.stream(ctx, http.MethodPost, call("flood")); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, v.s.URL+v.path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Mcp-Session-Id", v.session)
	req.Header.Set("Authorization", "Bearer "+v.key)
	resp, err := v.s.client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("DELETE: %d", resp.StatusCode)
	}
	return nil
}

// stream sends a message and reads the head of the answer, and of a POST its first line.
func (v *visit) stream(ctx context.Context, method, body string) (line string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, v.s.URL+v.path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", jsonKind)
	h := v.headers()
	for i := 0; i < len(h); i += 2 {
		req.Header.Set(h[i], h[i+1])
	}
	resp, err := v.s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if method == http.MethodPost {
		line, err = bufio.NewReader(resp.Body).ReadString('\n')
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", method, resp.StatusCode)
	}
	return line, err
}
