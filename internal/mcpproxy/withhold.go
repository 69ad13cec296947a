package mcpproxy

import (
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Withheld are the capabilities of callers that a server is not told of and may make no use
// of: roots, sampling, elicitation.
type Withheld []string

// covers says whether a request of the server's, or a notification of the caller's, is
// about one of them.
func (w Withheld) covers(method string) bool {
	about, _, _ := strings.Cut(strings.TrimPrefix(method, "notifications/"), "/")
	return slices.Contains(w, about)
}

// from takes them out of what a caller says that it can do, at a place in its message. The
// error says that it could be read in two ways.
func (w Withheld) from(in *jsonrpc.Message, at jsonrpc.Span) ([]jsonrpc.Edit, error) {
	if len(w) == 0 {
		return nil, nil
	}
	found, err := in.Members(at, w...)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(found, jsonrpc.Span.OK) {
		return nil, nil
	}
	text, kept := at.Of(in.Data), []byte{'{'}
	jsonscan.Walk(text, 0, func(name []byte, start int) int {
		end := jsonscan.Skip(text, start)
		if value := (jsonrpc.Span{Start: at.Start + start, End: at.Start + end}); end < 0 || slices.Contains(found, value) {
			return end
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(append(append(append(kept, '"'), name...), '"', ':'), text[start:end]...)
		return end
	})
	return []jsonrpc.Edit{{At: at, With: append(kept, '}')}}, nil
}

// fromAlone takes them out of a request that stands alone.
func (w Withheld) fromAlone(in *jsonrpc.Message, meta jsonrpc.Span) ([]jsonrpc.Edit, error) {
	if len(w) == 0 {
		return nil, nil
	}
	at, err := in.Member(meta, mcp.CapabilitiesKey)
	if err != nil {
		return nil, err
	}
	return w.from(in, at)
}

// wanted is the first of them that a result of 2026-07-28 asks the caller for, as it has not
// to; empty for none.
func (w Withheld) wanted(in *jsonrpc.Message) (method string) {
	if len(w) == 0 {
		return ""
	}
	requests, err := in.Member(in.Result, "inputRequests")
	if err != nil || !requests.OK() {
		return ""
	}
	text := requests.Of(in.Data)
	jsonscan.Walk(text, 0, func(_ []byte, start int) int {
		end := jsonscan.Skip(text, start)
		if end < 0 {
			return -1
		}
		at, _ := in.Member(jsonrpc.Span{Start: requests.Start + start, End: requests.Start + end}, "method")
		if m, _ := in.String(at); w.covers(m) {
			method = m
			return -1
		}
		return end
	})
	return method
}

func withheld(method string) *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "the gateway does not pass %.80q on to clients of this service", method)
}
