package mcpproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// paramHeader is an argument of a tool that has to be in a header too, so that those between
// can go by it (2026-07-28, Custom Headers from Tool Parameters).
type paramHeader struct {
	name string
	path []string // of members, within the arguments
}

// learnEvery is how often a server's tools are read at most to find such arguments,
// learnTime how long that may take.
const (
	learnEvery = 10 * time.Second
	learnTime  = 10 * time.Second
)

// paramHeaders are the headers that the arguments of a call want, as far as it is known.
func (p *pool) paramHeaders(tool string, arguments []byte) http.Header {
	p.mu.Lock()
	wanted := p.params[tool]
	p.mu.Unlock()
	if len(wanted) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(arguments))
	d.UseNumber()
	var all any
	if d.Decode(&all) != nil {
		return nil
	}
	h := http.Header{}
	for _, w := range wanted {
		v := all
		for _, name := range w.path {
			object, _ := v.(map[string]any)
			v = object[name]
		}
		switch v := v.(type) {
		case string:
			h["Mcp-Param-"+w.name] = []string{encodeHeader(v)}
		case json.Number:
			h["Mcp-Param-"+w.name] = []string{v.String()}
		case bool:
			h["Mcp-Param-"+w.name] = []string{map[bool]string{true: "true", false: "false"}[v]}
		}
	}
	return h
}

// learn reads which arguments of the server's tools have to be in headers, for who has been
// refused with what was known after the given number of times. It says whether more is
// known now. Who comes while that is read waits for it.
func (p *pool) learn(ctx context.Context, e *Engine, known int) bool {
	select {
	case p.learning <- struct{}{}:
		defer func() { <-p.learning }()
	case <-ctx.Done():
		return false
	}
	p.mu.Lock()
	more, early := p.learned > known, e.now().Sub(p.learnedAt) < learnEvery
	p.mu.Unlock()
	if more || early {
		return more
	}
	defer func() { // of a failure, too
		p.mu.Lock()
		p.learnedAt = e.now()
		p.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	tools, err := e.All(ctx, p.svc, "tools/list", "tools")
	if err != nil {
		return false
	}
	params := map[string][]paramHeader{}
	for _, text := range tools {
		var tool struct {
			Name        string `json:"name"`
			InputSchema schema `json:"inputSchema"`
		}
		if json.Unmarshal(text, &tool) != nil {
			continue
		}
		found := tool.InputSchema.paramHeaders(nil, nil, 0)
		slices.SortFunc(found, func(a, b paramHeader) int { return strings.Compare(a.name, b.name) })
		if once := slices.CompactFunc(slices.Clone(found), func(a, b paramHeader) bool { return a.name == b.name }); len(found) > 0 && len(once) == len(found) { // or it says nothing that can be followed
			params[tool.Name] = found
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.params = params
	p.learned++
	return true
}

// known is how often it has been learned what headers the server wants.
func (p *pool) known() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.learned
}

// schema is what matters here of a JSON Schema.
type schema struct {
	Properties map[string]schema `json:"properties"`
	Header     any               `json:"x-mcp-header"`
}

// UnmarshalJSON takes what is no object, true for one, as a schema that says nothing.
func (s *schema) UnmarshalJSON(text []byte) error {
	type plain schema
	var v plain
	if json.Unmarshal(text, &v) == nil {
		*s = schema(v)
	}
	return nil
}

// maxSchemaDepth bounds how deep arguments are looked for.
const maxSchemaDepth = 16

// paramHeaders adds those of a schema, which stand under properties alone.
func (s schema) paramHeaders(list []paramHeader, path []string, depth int) []paramHeader {
	if name, _ := s.Header.(string); isToken(name) && len(path) > 0 {
		list = append(list, paramHeader{http.CanonicalHeaderKey(name), path})
	}
	if depth == maxSchemaDepth {
		return list
	}
	for name, property := range s.Properties {
		list = property.paramHeaders(list, append(path[:len(path):len(path)], name), depth+1)
	}
	return list
}

// isToken says whether a text can be in the name of a header (RFC 9110, 5.6.2).
func isToken(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// wantsParams says whether a server has refused a call because headers do not say what the
// body does.
func wantsParams(err error) bool {
	var refused *mcp.StatusError
	if !errors.As(err, &refused) {
		return false
	}
	in := rpcError(refused)
	return in != nil && in.DecodeError().Code == codeHeaderMismatch
}
