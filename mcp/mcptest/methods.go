package mcptest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// result is a good answer. fields are members of the result, without braces.
func (x *call) result(fields string) answer {
	if x.modern {
		kind := `"resultType":"complete"`
		if fields != "" {
			kind += ","
		}
		fields = kind + fields
	}
	return answer{result: "{" + fields + "}"}
}

func failed(code int, format string, args ...any) answer {
	return answer{err: jsonrpc.Errorf(code, format, args...)}
}

// serve carries out a request.
func (x *call) serve() answer {
	if a, refused := x.wrongEra(); refused {
		return a
	}
	switch x.in.Method {
	case "initialize":
		return x.initialize()
	case "server/discover":
		versions, _ := json.Marshal(x.server.Era.versions())
		return x.result(fmt.Sprintf(`"supportedVersions":%s,"capabilities":%s,"instructions":"Be kind.","_meta":{"io.modelcontextprotocol/serverInfo":%s},"ttlMs":1000,"cacheScope":"public"`,
			versions, capabilities, x.server.info()))
	case "subscriptions/listen":
		return x.subscribe()
	case "ping", "logging/setLevel":
		return x.result("")
	case "tools/list":
		return x.list("tools", toolList)
	case "tools/call":
		for _, t := range tools {
			if t.name == x.params.Name {
				return t.run(x)
			}
		}
		return failed(jsonrpc.CodeInvalidParams, "Unknown tool: %s", x.params.Name)
	case "resources/list":
		return x.list("resources", resources)
	case "resources/templates/list":
		return x.list("resourceTemplates", templates)
	case "resources/read":
		if x.params.URI == "test://missing" {
			return failed(jsonrpc.CodeInvalidParams, "Resource not found")
		}
		return x.result(`"contents":[{"uri":` + quote(x.params.URI) + `,"mimeType":"text/plain","text":` + quote("content of "+x.params.URI) + `,"x-size":18446744073709551615}]` + x.cache())
	case "resources/subscribe", "resources/unsubscribe":
		x.mu.Lock()
		x.watched[x.params.URI] = x.in.Method == "resources/subscribe"
		x.mu.Unlock()
		return x.result("")
	case "prompts/list":
		return x.list("prompts", prompts)
	case "prompts/get":
		return x.result(`"description":"A prompt","messages":[{"role":"user","content":{"type":"text","text":` + quote(x.params.Name+": "+argument(x, "topic", "nothing")) + `}}]`)
	case "completion/complete":
		v := x.params.Argument.Value
		return x.result(`"completion":{"values":[` + quote(v+"a") + `,` + quote(v+"b") + `],"total":2,"hasMore":false}`)
	}
	if strings.HasPrefix(x.in.Method, "mcptest/") {
		return x.inspect()
	}
	return failed(jsonrpc.CodeMethodNotFound, "Method not found: %s", x.in.Method)
}

// wrongEra refuses what is not of the server's era.
func (x *call) wrongEra() (answer, bool) {
	v, e := x.params.version(), x.server.Era
	switch {
	case x.modern && e == Legacy:
		if x.in.Method == "server/discover" {
			return failed(jsonrpc.CodeMethodNotFound, "Method not found"), true
		}
		return answer{}, false
	case x.modern && !slices.Contains(modernVersions, v):
		return x.badVersion(v), true
	case !x.modern && e == Modern && !strings.HasPrefix(x.in.Method, "mcptest/"):
		return x.badVersion(x.params.Version), true
	}
	return answer{}, false
}

func (x *call) badVersion(asked string) answer {
	data, _ := json.Marshal(map[string]any{"supported": x.server.Era.versions(), "requested": asked})
	return answer{err: &jsonrpc.Error{Code: codeBadVersion, Message: "Unsupported protocol version", Data: data}}
}

const capabilities = `{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"logging":{},"completions":{},"experimental":{"x-test":{"n":1}}}`

func (x *call) initialize() answer {
	version := x.params.Version
	if !slices.Contains(legacyVersions, version) {
		version = LastLegacy
	}
	return x.result(fmt.Sprintf(`"protocolVersion":%s,"capabilities":%s,"serverInfo":%s,"instructions":"Be kind."`, quote(version), capabilities, x.server.info()))
}

// cache is what results of the modern era say of how long they are good.
func (x *call) cache() string {
	if !x.modern {
		return ""
	}
	return `,"ttlMs":60000,"cacheScope":"public"`
}

// list is a page of a list.
func (x *call) list(name string, items []string) answer {
	size := x.server.Page
	if size <= 0 {
		size = 5
	}
	from := 0
	if x.params.Cursor != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(x.params.Cursor, "page="))
		if err != nil || n <= 0 || n >= len(items) {
			return failed(jsonrpc.CodeInvalidParams, "Invalid cursor")
		}
		from = n
	}
	to := min(from+size, len(items))
	next := ""
	if to < len(items) {
		next = `,"nextCursor":"page=` + strconv.Itoa(to) + `"`
	}
	return x.result(quote(name) + ":[" + strings.Join(items[from:to], ",") + "]" + next + x.cache())
}

// inspect tells another process what has come.
func (x *call) inspect() answer {
	switch x.in.Method {
	case "mcptest/received": // the first message that has text in it, once it is there
		m, err := x.server.WaitReceived(x.ctx, x.params.Text)
		if err != nil {
			return answer{none: true}
		}
		return x.result(`"message":` + quote(m))
	case "mcptest/cancelled": // how the request with that id was given up, once it was
		c, err := x.server.WaitCancelled(x.ctx, string(x.params.ID))
		if err != nil {
			return answer{none: true}
		}
		return x.result(`"by":` + quote(c.By))
	case "mcptest/count": // how many messages have text in them
		n := 0
		for _, m := range x.server.Received() {
			if strings.Contains(m, x.params.Text) && !strings.Contains(m, `"method":"mcptest/`) {
				n++
			}
		}
		return x.result(`"count":` + strconv.Itoa(n))
	}
	return failed(jsonrpc.CodeMethodNotFound, "Method not found: %s", x.in.Method)
}
