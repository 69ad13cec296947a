package llmproxy

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
)

// request is what the gateway knows of a request's body.
type request struct {
	model       string // that the caller asks for
	bodyModel   string // that stands in the body
	parsed      bool   // the body is JSON, and its members are known
	stream      bool
	asked       bool // usage was asked for on behalf of the gateway, in the body itself
	toolCount   int
	toolNames   []string
	promptBytes int   // what a prompt's tokens are estimated from
	maxOutput   int64 // tokens, as the request bounds them; 0 when it does not
	answers     int64 // that are asked for; 0 is one
	prompts     int64 // of a completion, each of which is answered; 0 is one
	background  bool  // the answer is to be fetched later
	carried     bool  // it may hold proofs of another protocol's thoughts
	body        llm.Body
	buf         *buffer
	copies      []*buffer // of buf, with changes for one attempt
}

func (q *request) replayable() bool { return q.body == nil || q.body.Replayable() }

// release gives the engine's own hold on the buffer up; the upstream call may
// still have one.
func (q *request) release() {
	if q.buf != nil {
		q.buf.drop()
	}
	for _, c := range q.copies {
		c.drop()
	}
}

// reserved are the members that the gateway depends on. Another spelling of one
// is refused: an upstream that folds case would take it for the real one.
var reserved = []string{"model", "stream", "stream_options", "tools", "messages", "input", "prompt", "system", "models", "fallbacks", "contents", "systemInstruction", "generationConfig", "max_tokens", "max_completion_tokens", "max_output_tokens", "background", "n", "best_of", "generation_config", "system_instruction"}

// StreamUser is implemented by a provider whose streams report their usage only
// when the request asks for it.
type StreamUser interface {
	StreamUsage(op llm.Operation) bool
}

// readRequest reads the body and decides what goes upstream.
func (x *exchange) readRequest() error {
	ep := x.hop.Endpoint
	if len(x.r.Header["Content-Type"]) > 1 {
		return llm.Errorf(llm.CodeInvalidRequest, "the request has more than one Content-Type")
	}
	if ep.Unchecked && x.hop.Caller.Models != nil {
		return llm.Errorf(llm.CodePermissionDenied, "this key may use some models only, and the models of a batch cannot be checked")
	}
	switch ep.Body {
	case JSONBody:
		if err := x.readJSON(); err != nil {
			return err
		}
		if ep.Unchecked {
			return nil
		}
		return x.checkModel()
	case Upload:
		return x.openUpload()
	}
	for _, prefix := range []string{"/v1/models/", "/v1beta/models/"} {
		if id, ok := strings.CutPrefix(x.hop.Path, prefix); ok {
			x.req.model = unescape(id)
			return x.checkModel()
		}
	}
	return nil
}

// checkModel holds the caller to its models.
func (x *exchange) checkModel() error {
	if x.mayUse(x.req.model) {
		return nil
	}
	denied := llm.CodePermissionDenied
	if x.hop.Protocol == "cc" && x.hop.Endpoint.Body == JSONBody { // whose contract calls that an invalid request
		denied = llm.CodeInvalidRequest
	}
	if x.req.model == "" {
		return &llm.Error{Code: denied, Message: "this key may use some models only: name one of them", Param: "model"}
	}
	return &llm.Error{Code: denied, Message: fmt.Sprintf("this key may not use the model %q", x.req.model), Param: "model"}
}

func (x *exchange) readJSON() error {
	body, err := decoded(x.r)
	if err != nil {
		return err
	}
	buf, err := x.readBody(body)
	if err != nil {
		return err
	}
	x.req.buf = buf
	if len(bytes.TrimSpace(buf.b)) == 0 {
		return llm.Errorf(llm.CodeInvalidRequest, "the request body is empty; a JSON object is expected")
	}
	members, marked, err := jsonscan.MarkedObject(buf.b, buf.members, reserved, carried)
	buf.members = members
	if err != nil {
		return &llm.Error{Code: llm.CodeInvalidRequest, Message: "the request body is refused: " + err.Error()}
	}
	if err := x.inspect(buf.b, members); err != nil {
		return err
	}
	if err := x.checkInner(members); err != nil {
		return err
	}
	x.req.carried = marked
	x.req.body, x.req.parsed, x.req.bodyModel = buf, true, x.req.model
	if x.hop.Endpoint.Model == InPath {
		if x.req.bodyModel != "" && x.req.bodyModel != x.req.pathModel(x.hop.Path) {
			return &llm.Error{Code: llm.CodeInvalidRequest, Message: "model: the body names another model than the path", Param: "model"}
		}
		x.req.model, x.req.stream = x.req.pathModel(x.hop.Path), x.hop.Endpoint.Stream
	}
	if p := x.hop.Plan; x.req.model == "" && !x.hop.Endpoint.Unchecked {
		if x.req.model = p.Default; p.Direct != nil {
			x.req.model = p.Direct.DefaultModel
		}
	}
	return nil
}

// inspect reads the members that the gateway depends on.
func (x *exchange) inspect(text []byte, members jsonscan.Members) error {
	q := &x.req
	for _, m := range members {
		v := text[m.Start:m.End]
		switch m.Name {
		case "model":
			if string(v) == "null" {
				continue
			}
			s, err := jsonscan.String(v)
			if err != nil {
				return &llm.Error{Code: llm.CodeInvalidRequest, Message: "model: " + err.Error(), Param: "model"}
			}
			if len(s) > 512 {
				return &llm.Error{Code: llm.CodeInvalidRequest, Message: "model: it is longer than 512 bytes", Param: "model"}
			}
			q.model = s
		case "stream":
			switch string(v) {
			case "true":
				q.stream = true
			case "false", "null":
			default:
				return &llm.Error{Code: llm.CodeInvalidRequest, Message: "stream: it must be true or false", Param: "stream"}
			}
		case "background":
			q.background = string(v) == "true"
		case "tools":
			if n, names := toolsOf(v); n > 0 {
				q.toolCount, q.toolNames = n, names
			}
			q.promptBytes += len(v)
		case "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of", "generationConfig", "generation_config":
			q.bounds(m.Name, v)
		case "input":
			q.promptBytes += len(v)
			if n, names := additionalTools(v); n > 0 && q.toolCount == 0 {
				q.toolCount, q.toolNames = n, names
			}
		case "messages", "prompt", "system", "contents", "systemInstruction", "system_instruction":
			q.promptBytes += len(v)
			if m.Name == "prompt" {
				q.countPrompts(v)
			}
		}
	}
	return nil
}

// maxToolNames and maxToolName bound the names that an event keeps.
const (
	maxToolNames = 128
	maxToolName  = 256
)

// pathModel is the model that a path of Gemini's names.
func (*request) pathModel(path string) string {
	_, rest, _ := strings.Cut(path, "/models/")
	model, _, _ := strings.Cut(rest, ":")
	return unescape(model)
}
