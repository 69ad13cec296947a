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
	about, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(method), "notifications/"), "/")
	return slices.Contains(w, about)
}

// from takes them out of what a caller says that it can do, at a place in its message. The
// error says that it could be read in two ways.
func (w Withheld) from(in *jsonrpc.Message, at jsonrpc.Span) ([]jsonrpc.Edit, error) {
	if len(w) == 0 || !at.OK() {
		return nil, nil
	}
	text := at.Of(in.Data)
	kept, err := w.without(text, "tasks", "requests") // which may be asked for as tasks, too
	if err != nil || string(kept) == string(text) {
		return nil, err
	}
	return []jsonrpc.Edit{{At: at, With: kept}}, nil
}

// without is an object without them, and without them in the object that is found on the
// way given.
func (w Withheld) without(text []byte, way ...string) ([]byte, error) {
	in, all := jsonrpc.Message{Data: text}, jsonrpc.Span{End: len(text)}
	found, err := in.Members(all, append(slices.Clone(w), way...)...)
	if err != nil {
		return nil, err
	}
	var edits []jsonrpc.Edit
	if len(way) > 0 && found[len(w)].OK() {
		inner, err := w.without(found[len(w)].Of(text), way[1:]...)
		if err != nil {
			return nil, err
		}
		edits = append(edits, jsonrpc.Edit{At: found[len(w)], With: inner})
	}
	text = jsonrpc.Splice(text, edits...)
	if len(way) == 1 { // on the way they are not meant
		return text, nil
	}
	return drop(text, w), nil
}

// drop is an object without the members of these names, none of which stands twice.
func drop(text []byte, names []string) []byte {
	in := jsonrpc.Message{Data: text}
	found, _ := in.Members(jsonrpc.Span{End: len(text)}, names...)
	if !slices.ContainsFunc(found, jsonrpc.Span.OK) {
		return text
	}
	kept := []byte{'{'}
	jsonscan.Walk(text, 0, func(name []byte, start int) int {
		end := jsonscan.Skip(text, start)
		if end < 0 || slices.Contains(found, jsonrpc.Span{Start: start, End: end}) {
			return end
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(append(append(append(kept, '"'), name...), '"', ':'), text[start:end]...)
		return end
	})
	return append(kept, '}')
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

// marks are members that only answers to such questions have.
var marks = map[string]string{"roots": "roots", "sampling": "model", "elicitation": "action"}

// answers is the one of them that a request of 2026-07-28 brings an answer of, whether it
// was asked for or not; empty for none.
func (w Withheld) answers(in *jsonrpc.Message) (name string, err error) {
	if len(w) == 0 {
		return "", nil
	}
	responses, err := in.Member(in.Params, "inputResponses")
	if err != nil || !responses.OK() {
		return "", err
	}
	each(in, responses, func(response jsonrpc.Span) bool {
		for _, of := range w {
			var found jsonrpc.Span
			if found, err = in.Member(response, marks[of]); err != nil || found.OK() {
				name = of
				return false
			}
		}
		return true
	})
	return name, err
}

// wanted is what a result of 2026-07-28 asks the caller for of them, as it has not to;
// empty for nothing. What could be read in two ways counts as that.
func (w Withheld) wanted(in *jsonrpc.Message) (method string) {
	if len(w) == 0 {
		return ""
	}
	const unclear = "an unclear request"
	requests, err := in.Member(in.Result, "inputRequests")
	if err != nil {
		return unclear
	}
	each(in, requests, func(request jsonrpc.Span) bool {
		at, err := in.Member(request, "method")
		switch m, _ := in.String(at); {
		case err != nil:
			method = unclear
		case w.covers(m):
			method = m
		}
		return method == ""
	})
	return method
}

// each visits the members of an object, until visit says that it is enough.
func each(in *jsonrpc.Message, object jsonrpc.Span, visit func(value jsonrpc.Span) bool) {
	if !object.OK() {
		return
	}
	text := object.Of(in.Data)
	jsonscan.Walk(text, 0, func(_ []byte, start int) int {
		end := jsonscan.Skip(text, start)
		if end < 0 || !visit(jsonrpc.Span{Start: object.Start + start, End: object.Start + end}) {
			return -1
		}
		return end
	})
}

func withheld(method string) *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "the gateway does not pass %.80q on to clients of this service", method)
}
