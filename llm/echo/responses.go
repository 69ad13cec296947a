package echo

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

type responsesRequest struct {
	settings
	Model           string   `json:"model"`
	Input           input    `json:"input"`
	MaxOutputTokens *int     `json:"max_output_tokens"`
	PreviousID      string   `json:"previous_response_id"`
	Conversation    nonempty `json:"conversation"`
	Prompt          nonempty `json:"prompt"`
	Background      bool     `json:"background"`
	Stream          bool     `json:"stream"`
}

// settings are the fields of a request that its response repeats.
type settings struct {
	Instructions      json.RawMessage `json:"instructions"`
	Metadata          json.RawMessage `json:"metadata"`
	ParallelToolCalls json.RawMessage `json:"parallel_tool_calls"`
	PromptCacheKey    json.RawMessage `json:"prompt_cache_key"`
	Reasoning         json.RawMessage `json:"reasoning"`
	SafetyIdentifier  json.RawMessage `json:"safety_identifier"`
	Temperature       json.RawMessage `json:"temperature"`
	Text              json.RawMessage `json:"text"`
	ToolChoice        json.RawMessage `json:"tool_choice"`
	Tools             json.RawMessage `json:"tools"`
	TopP              json.RawMessage `json:"top_p"`
	Truncation        json.RawMessage `json:"truncation"`
}

func (s *settings) setDefaults() {
	for _, d := range []struct {
		field *json.RawMessage
		value string
	}{
		{&s.Instructions, `null`},
		{&s.Metadata, `{}`},
		{&s.ParallelToolCalls, `true`},
		{&s.PromptCacheKey, `null`},
		{&s.Reasoning, `{"effort":null,"summary":null}`},
		{&s.SafetyIdentifier, `null`},
		{&s.Temperature, `1`},
		{&s.Text, `{"format":{"type":"text"}}`},
		{&s.ToolChoice, `"auto"`},
		{&s.Tools, `[]`},
		{&s.TopP, `1`},
		{&s.Truncation, `"disabled"`},
	} {
		if isNull(*d.field) {
			*d.field = json.RawMessage(d.value)
		}
	}
}

// nonempty says that a field is there and not null.
type nonempty bool

func (n *nonempty) UnmarshalJSON(b []byte) error {
	*n = nonempty(!isNull(b))
	return nil
}

func parseResponses(body []byte) (*responsesRequest, error) {
	var req responsesRequest
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	req.setDefaults()
	if len(req.Input) == 0 {
		return nil, invalid("input", "it is missing or empty; send a string or a list of items")
	}
	for _, stateful := range []struct {
		param string
		used  bool
	}{
		{"previous_response_id", req.PreviousID != ""},
		{"conversation", bool(req.Conversation)},
		{"prompt", bool(req.Prompt)},
		{"background", req.Background},
	} {
		if stateful.used {
			return nil, invalid(stateful.param, "echo keeps nothing between requests; leave it out and send the whole conversation in input")
		}
	}
	return &req, nil
}

// words counts the prompt.
func (r *responsesRequest) words() int {
	n := conversation(r.Input).words()
	var instructions input // a string, or items as in input
	if json.Unmarshal(r.Instructions, &instructions) == nil {
		n += conversation(instructions).words()
	}
	return n
}

func (r *responsesRequest) request() (request, error) {
	q := request{}
	q.text, q.fromTools = conversation(r.Input).asked()
	var specs []toolSpec
	if err := json.Unmarshal(r.Tools, &specs); err != nil {
		return q, invalid("tools", "%v", err)
	}
	q.tools = callable(specs)
	if err := json.Unmarshal(r.ToolChoice, &q.choice); err != nil {
		return q, invalid("tool_choice", "%v", err)
	}
	q.choice.single = string(r.ParallelToolCalls) == "false"
	var text struct {
		Format *responseFormat `json:"format"`
	}
	if err := json.Unmarshal(r.Text, &text); err != nil {
		return q, invalid("text", "%v", err)
	}
	q.schema = text.Format.schema()
	if r.MaxOutputTokens != nil {
		q.maxWords = *r.MaxOutputTokens
	}
	return q, nil
}

type response struct {
	ID                 string             `json:"id"`
	Object             string             `json:"object"`
	CreatedAt          int64              `json:"created_at"`
	Status             string             `json:"status"`
	Background         bool               `json:"background"`
	CompletedAt        *int64             `json:"completed_at"`
	Error              *struct{}          `json:"error"`
	IncompleteDetails  *incompleteDetails `json:"incomplete_details"`
	MaxOutputTokens    *int               `json:"max_output_tokens"`
	MaxToolCalls       *int               `json:"max_tool_calls"`
	Model              string             `json:"model"`
	Output             []outputItem       `json:"output"`
	PreviousResponseID *string            `json:"previous_response_id"`
	ServiceTier        string             `json:"service_tier"`
	Store              bool               `json:"store"`
	TopLogprobs        int                `json:"top_logprobs"`
	User               *string            `json:"user"`
	settings
	Usage *responseUsage `json:"usage"`
}

type incompleteDetails struct {
	Reason string `json:"reason"`
}

type responseUsage struct {
	InputTokens  int `json:"input_tokens"`
	InputDetails struct {
		Cached     int `json:"cached_tokens"`
		CacheWrite int `json:"cache_write_tokens"`
	} `json:"input_tokens_details"`
	OutputTokens  int `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	TotalTokens int `json:"total_tokens"`
}

// outputItem is a message or a function_call.
type outputItem struct {
	ID        string       `json:"id"`
	Type      string       `json:"type"`
	Status    string       `json:"status"`
	Role      string       `json:"role,omitempty"`
	Content   []outputText `json:"content,omitzero"`
	CallID    string       `json:"call_id,omitempty"`
	Name      string       `json:"name,omitempty"`
	Arguments *string      `json:"arguments,omitempty"`
}

type outputText struct {
	Type        string     `json:"type"`
	Text        string     `json:"text"`
	Annotations []struct{} `json:"annotations"`
	Logprobs    []struct{} `json:"logprobs"`
}

func newOutputText(text string) outputText {
	return outputText{Type: "output_text", Text: text, Annotations: []struct{}{}, Logprobs: []struct{}{}}
}

func (p *Provider) responses(call *llm.Call, body []byte) (*answer, error) {
	req, err := parseResponses(body)
	if err != nil {
		return nil, err
	}
	q, err := req.request()
	if err != nil {
		return nil, err
	}
	r, err := q.reply()
	if err != nil {
		return nil, err
	}
	created := p.now().Unix()
	begun := response{
		ID: p.newID("resp_echo_"), Object: "response", CreatedAt: created, Status: "in_progress",
		Model: model(call, req.Model), Output: []outputItem{}, ServiceTier: "default",
		MaxOutputTokens: req.MaxOutputTokens, settings: req.settings,
	}
	done := begun
	done.Status = "completed"
	done.Output = p.output(r)
	if r.finish == finishLength {
		done.Status = "incomplete"
		done.IncompleteDetails = &incompleteDetails{Reason: "max_output_tokens"}
	} else {
		done.CompletedAt = &created
	}
	in, out := req.words(), r.words()
	done.Usage = &responseUsage{InputTokens: in, OutputTokens: out, TotalTokens: in + out}
	if req.Stream {
		return &answer{stream: responseStream(begun, done), delay: r.delay}, nil
	}
	return &answer{document: done, delay: r.delay}, nil
}

// output is one message, or one item for each call.
func (p *Provider) output(r reply) []outputItem {
	if r.calls == nil {
		status := "completed"
		if r.finish == finishLength {
			status = "incomplete"
		}
		return []outputItem{{
			ID: p.newID("msg_echo_"), Type: "message", Status: status, Role: "assistant",
			Content: []outputText{newOutputText(r.text)},
		}}
	}
	var items []outputItem
	for _, c := range r.calls {
		items = append(items, outputItem{
			ID: p.newID("fc_echo_"), Type: "function_call", Status: "completed",
			CallID: p.newID("call_echo_"), Name: c.name, Arguments: &c.arguments,
		})
	}
	return items
}
