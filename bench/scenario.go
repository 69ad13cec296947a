package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The protocols are named by the paths that they are asked at.
const (
	chat     = "/v1/chat/completions"
	messages = "/v1/messages"
)

// scenario is one kind of work.
type scenario struct {
	name string
	// model is what the request names, which every target forwards, so that the
	// upstream knows what to answer.
	model  string
	conns  int // at full load
	events int // of the upstream's streamed answer, [DONE] not counted; 0 is no stream
	every  time.Duration
	size   int // bytes of text in an answer that is not streamed
	body   []byte
	burst  bool // all connections only: the latency of a single one says nothing

	asks, reaches string // the caller's protocol, and the upstream's
	// beside is the scenario that it is compared with, in the same round; only the
	// gateway does it, on a route of its own. Empty is a scenario of all targets.
	beside  string
	route   string // the prefix of the gateway's route
	key     string // of the gateway, where it is not the target's
	limited bool   // by a logical model, with limits

	mcp mcpCall // of MCP; empty is of a model
}

// scenarios are those of all targets, each before those that are compared with it, and
// those of MCP.
func scenarios() (all []scenario) {
	for _, s := range []scenario{
		{name: "small", conns: 16, size: 700, body: smallRequest("small")},
		{name: "agent", conns: 16, size: 1700, body: agentRequest("agent")},
		{name: "stream", conns: 8, events: 200, body: streamRequest("stream")},
		{name: "slow", conns: 100, events: 40, every: 20 * time.Millisecond, burst: true, body: streamRequest("slow")},
	} {
		s.model, s.asks, s.reaches = s.name, chat, chat
		all = append(all, s)
		switch s.name {
		case "small":
			all = append(all, s.translated(smallMessages(s.model)), s.withLimits())
		case "agent":
			all = append(all, s.translated(agentMessages(s.model)), s.withLimits())
		case "stream":
			all = append(all, s.translated(streamMessages(s.model)), s.toMessages(), s.withLimits())
		}
	}
	return append(all, mcpScenarios()...)
}

// doneBy says whether a target does the scenario.
func (s scenario) doneBy(target string) bool {
	switch {
	case target == "gateway":
		return true
	case s.mcp == "":
		return s.beside == ""
	}
	return target == "direct" || target == "reverseproxy" && s.mcp != mcpStdio
}

// translated is the same for a caller who speaks Anthropic's protocol; the upstream's
// answer is the same to the byte.
func (s scenario) translated(body []byte) scenario {
	s.name, s.beside, s.route = s.name+"-translated", s.name, translatedRoute
	s.asks, s.body = messages, body
	return s
}

// toMessages is the same request for an upstream that speaks Anthropic's protocol.
func (s scenario) toMessages() scenario {
	s.name, s.beside, s.route = s.name+"-to-messages", s.name, toMessagesRoute
	s.reaches = messages
	return s
}

// withLimits is the same request for a logical model, by a key that has limits.
func (s scenario) withLimits() scenario {
	s.name, s.beside, s.route = s.name+"-limits", s.name, limitedRoute
	s.limited, s.key = true, limitedKey
	return s
}

// base is the scenario of all targets that this one is, or is compared with.
func (s scenario) base() string { return cmp.Or(s.beside, s.name) }

// isTranslated says that the upstream does not speak the caller's protocol.
func (s scenario) isTranslated() bool { return s.asks != s.reaches }

// upstreamModel is what the upstream is asked for.
func (s scenario) upstreamModel() string {
	if s.limited {
		return s.model + served
	}
	return s.model
}

// deltas are the events of the upstream's stream that have text.
func (s scenario) deltas() int {
	if s.reaches == messages {
		return s.events - 6
	}
	return s.events - 2
}

// request keeps its fields in the order in which SDKs send them.
type request struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Tools         []tool         `json:"tools,omitempty"`
	MaxTokens     int            `json:"max_tokens,omitempty"`
	Stream        bool           `json:"stream,omitempty"`
	StreamOptions *streamOptions `json:"stream_options,omitempty"`
}

type message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type toolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function called `json:"function"`
}

type called struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type tool struct {
	Type     string   `json:"type"`
	Function declared `json:"function"`
}

type declared struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only types of this file come here
	}
	return b
}

const (
	smallSystem = "Answer in the language of the question, in three sentences at most."
	streamAsks  = "Tell me about the sea."
)

// smallRequest is about 1 KB.
func smallRequest(model string) []byte {
	return encode(request{Model: model, MaxTokens: 400, Messages: []message{
		{Role: "system", Content: smallSystem},
		{Role: "user", Content: sized(820)},
	}})
}

// agentRequest is about 50 KB: the tools and the history that a coding agent
// sends again with every step, quotes and line ends in most of it.
func agentRequest(model string) []byte {
	r := request{Model: model, MaxTokens: 4096, Messages: []message{
		{Role: "system", Content: sized(3000)},
		{Role: "user", Content: agentAsks},
	}}
	for i := range agentTools {
		r.Tools = append(r.Tools, tool{Type: "function", Function: declared{
			Name: agentTool(i), Description: sized(180), Parameters: agentSchema}})
	}
	for i := 0; len(encode(r)) < 50_000; i++ {
		id := fmt.Sprintf("call_%d", i)
		r.Messages = append(r.Messages,
			message{Role: "assistant", ToolCalls: []toolCall{{ID: id, Type: "function", Function: called{Name: agentTool(i), Arguments: agentInput(i)}}}},
			message{Role: "tool", ToolCallID: id, Content: agentSource})
	}
	return encode(r)
}

// What an agent says, in any protocol.
const (
	agentTools = 15
	agentAsks  = "Why does the importer lose the last record?"
)

var (
	agentSchema = json.RawMessage(`{"type":"object","properties":{"file":{"type":"string","description":"Path below the workspace."},"first_line":{"type":"integer","minimum":1},"lines":{"type":"integer","maximum":500}},"required":["file"],"additionalProperties":false}`)
	agentSource = strings.Repeat("\tif err := dec.Decode(&rec); err != nil {\n\t\treturn fmt.Errorf(\"record %d: %w\", n, err)\n\t}\n", 10)
)

func agentTool(i int) string { return fmt.Sprintf("workspace_action_%d", i%agentTools) }

func agentInput(i int) string {
	return fmt.Sprintf(`{"file":"importer/step%d.go","first_line":%d}`, i, 1+i*20)
}

func streamRequest(model string) []byte {
	return encode(request{Model: model, Stream: true, StreamOptions: &streamOptions{IncludeUsage: true},
		Messages: []message{{Role: "user", Content: streamAsks}}})
}

// sized is text of n bytes.
func sized(n int) string {
	const sentence = "The tide comes in twice a day, and nobody on the quay looks up when it does. "
	return strings.Repeat(sentence, n/len(sentence)+1)[:n]
}
