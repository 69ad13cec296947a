package mcptest

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

func flood(x *call) answer {
	count, padding := argument(x, "count", 10_000), strings.Repeat("x", argument(x, "size", 0))
	for i := 1; i <= count && x.ctx.Err() == nil; i++ {
		x.report(i, count, padding)
	}
	return x.text("flooded")
}

func crash(x *call) answer {
	if argument(x, "late", false) {
		x.report(1, 2, "")
	}
	x.crash(x.out)
	return answer{none: true}
}

// rude is a way that can carry what is no message.
type rude interface{ garbage() }

func garbage(x *call) answer {
	if r, ok := x.out.(rude); ok {
		r.garbage()
	}
	return x.text("after garbage")
}

// nonsense is what a server says that writes its log to its output.
var nonsense = []string{"npm warn deprecated something", `{"jsonrpc":"2.0"}`, `{"id":1,"result":{}}`, "\xff\xfe{[", `{"jsonrpc":"2.0","id":"half`}

// leaver is a way that can end before the response, so that the client comes back.
type leaver interface{ leave() bool }

func detach(x *call) answer {
	l, ok := x.out.(leaver)
	if !ok {
		return failed(jsonrpc.CodeInvalidParams, "this transport cannot be gone on with")
	}
	x.report(1, 2, "")
	if !l.leave() {
		return failed(jsonrpc.CodeInvalidParams, "this stream cannot be gone on with")
	}
	x.report(2, 2, "")
	return x.text("gone on")
}
