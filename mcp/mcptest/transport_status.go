package mcptest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// status: a status that a server refuses with is told, and the rest of its answer only
// as far as it is harmless.
func (p *peer) status() {
	long := strings.Repeat("z", 256<<10) // once: it takes its time
	for _, code := range []int{400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 502, 503} {
		r := request{method: "mcptest/status", params: fmt.Sprintf(`"code":%d,"body":%s,"header":{"WWW-Authenticate":"Bearer scope=\"a b\"","Retry-After":"7","Set-Cookie":"secret=canary-1","Content-Type":"text/html"}`, code, quote("canary-2"+long))}
		s, err := p.Call(p.ctx, p.of(r))
		if err == nil {
			_, err = next(s)
			_ = s.Close()
		}
		p.refusedWith(err, code)
		long = ""
		m := p.note("mcptest/status", fmt.Sprintf(`"code":%d`, code))
		var refused *mcp.StatusError
		if err := p.Notify(p.ctx, m); !errors.As(err, &refused) || refused.Code != code {
			p.t.Errorf("%d to a notification became %v", code, err)
		}
		p.works()
	}
}

// headers: those of a message go with it.
func (p *peer) headers() {
	m := p.of(toolCall("route", `"region":"süd"`))
	m.Header["Mcp-Param-Region"] = []string{"=?base64?c8O8ZA==?="}
	s, err := p.Call(p.ctx, m)
	if err != nil {
		p.t.Fatal(err)
	}
	list, err := all(s)
	if err != nil || len(list) != 1 || text(lastResult(list)) != "süd" {
		p.t.Errorf("got %q, %v", list, err)
	}
	m.Header["Mcp-Name"] = []string{"another"}
	s, err = p.Call(p.ctx, m)
	if err == nil {
		_, err = next(s)
		_ = s.Close()
	}
	var refused *mcp.StatusError
	if !errors.As(err, &refused) || refused.Code != 400 || !bytes.Contains(refused.Body, []byte("-32020")) {
		p.t.Errorf("a header that does not agree with the body: %v, want status 400 with -32020", err)
	}
}

func (p *peer) refusedWith(err error, code int) {
	p.t.Helper()
	var refused *mcp.StatusError
	if !errors.As(err, &refused) || refused.Code != code {
		p.t.Errorf("%d became %v, want a *mcp.StatusError", code, err)
		return
	}
	if got := refused.Header.Get("Www-Authenticate"); got != `Bearer scope="a b"` {
		p.t.Errorf("%d: WWW-Authenticate is %q", code, got)
	}
	if got := refused.Header.Get("Retry-After"); got != "7" {
		p.t.Errorf("%d: Retry-After is %q", code, got)
	}
	if refused.Header.Get("Set-Cookie") != "" {
		p.t.Errorf("%d: a cookie is handed on", code)
	}
	if !bytes.HasPrefix(refused.Body, []byte("canary-2")) || len(refused.Body) > 64<<10 {
		p.t.Errorf("%d: the body is %d bytes, %.20q…; want the first 64 KiB at most", code, len(refused.Body), refused.Body)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "://") {
		p.t.Errorf("%d: the error tells what may be secret: %v", code, err)
	}
}
