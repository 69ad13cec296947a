package echo

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// completion is an answer to a chat or a completions request: the whole, or one
// chunk of a stream.
type completion struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"`
	Created           int64           `json:"created"`
	Model             string          `json:"model"`
	ServiceTier       string          `json:"service_tier,omitempty"`
	SystemFingerprint string          `json:"system_fingerprint,omitempty"`
	Choices           []any           `json:"choices"`
	Usage             json.RawMessage `json:"usage,omitempty"`
}

// end is how a stream of chunks ends.
func (c completion) end(usage json.RawMessage, opts streamOptions) segment {
	done := event{data: literal("[DONE]")}
	if !opts.IncludeUsage {
		return segment{head: []event{done}}
	}
	c.Choices, c.Usage = []any{}, usage
	return segment{head: []event{{data: c}, done}}
}

func newCompletionUsage(prompt, output int) json.RawMessage {
	type promptDetails struct {
		Cached int `json:"cached_tokens"`
		Audio  int `json:"audio_tokens"`
	}
	type outputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
		Audio     int `json:"audio_tokens"`
		Accepted  int `json:"accepted_prediction_tokens"`
		Rejected  int `json:"rejected_prediction_tokens"`
	}
	return encode(struct {
		Prompt        int           `json:"prompt_tokens"`
		Completion    int           `json:"completion_tokens"`
		Total         int           `json:"total_tokens"`
		PromptDetails promptDetails `json:"prompt_tokens_details"`
		OutputDetails outputDetails `json:"completion_tokens_details"`
	}{Prompt: prompt, Completion: output, Total: prompt + output})
}

// nullString is null when it is empty.
type nullString string

func (s nullString) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return encode(string(s)), nil
}

func (r reply) openAIFinish() nullString {
	switch r.finish {
	case finishLength:
		return "length"
	case finishCalls:
		return "tool_calls"
	}
	return "stop"
}

// maxPrompts is OpenAI's own bound of an array of inputs.
const maxPrompts = 2048

type completionRequest struct {
	Model         string        `json:"model"`
	Prompt        prompts       `json:"prompt"`
	MaxTokens     int           `json:"max_tokens"`
	Stop          oneOrMore     `json:"stop"`
	N             *int          `json:"n"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
}

// prompts are texts, given as one string, an array of strings, one array of
// tokens or an array of those. Tokens are read as their numbers.
type prompts []string

func (t *prompts) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case 'n':
		return nil
	case '"':
		*t = prompts{""}
		return json.Unmarshal(b, &(*t)[0])
	}
	var texts []string
	if json.Unmarshal(b, &texts) == nil {
		*t = texts
		return nil
	}
	var tokens []json.Number
	if json.Unmarshal(b, &tokens) == nil {
		*t = prompts{joinNumbers(tokens)}
		return nil
	}
	var lists [][]json.Number
	if json.Unmarshal(b, &lists) != nil {
		return errors.New("expected a string, an array of strings, or arrays of tokens")
	}
	for _, l := range lists {
		*t = append(*t, joinNumbers(l))
	}
	return nil
}

func joinNumbers(numbers []json.Number) string {
	s := make([]string, len(numbers))
	for i, n := range numbers {
		s[i] = n.String()
	}
	return strings.Join(s, " ")
}

// check says whether there is something to answer, and not too much.
func (t prompts) check(param string) error {
	if len(t) == 0 {
		return invalid(param, "it is missing or empty; send a string")
	}
	if len(t) > maxPrompts {
		return invalid(param, "it holds %d entries; send at most %d", len(t), maxPrompts)
	}
	return nil
}

func (t prompts) words() int {
	n := 0
	for _, s := range t {
		n += words(s)
	}
	return n
}

type textChoice struct {
	Text         string     `json:"text"`
	Index        int        `json:"index"`
	Logprobs     *struct{}  `json:"logprobs"`
	FinishReason nullString `json:"finish_reason"`
}

// completions answers with n choices for each prompt.
func (p *Provider) completions(call *llm.Call, body []byte) (*answer, error) {
	var req completionRequest
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	if err := req.Prompt.check("prompt"); err != nil {
		return nil, err
	}
	n, err := choices(req.N)
	if err != nil {
		return nil, err
	}
	c := completion{
		ID: p.newID("cmpl-echo-"), Object: "text_completion", Created: p.now().Unix(),
		Model: model(call, req.Model), SystemFingerprint: "fp_echo",
	}
	var replies []reply
	output, size := 0, 0
	for _, text := range req.Prompt {
		r, err := request{text: text, stops: req.Stop, maxWords: req.MaxTokens}.reply()
		if err != nil {
			return nil, err
		}
		size += n * r.size()
		if err := fits("prompt", size); err != nil {
			return nil, err
		}
		for range n {
			replies = append(replies, r)
			output += r.words()
		}
	}
	usage := newCompletionUsage(req.Prompt.words(), output)
	if req.Stream {
		return &answer{stream: textStream(c, replies, usage, req.StreamOptions), delay: replies[0].delay}, nil
	}
	for i, r := range replies {
		c.Choices = append(c.Choices, textChoice{Text: r.text, Index: i, FinishReason: r.openAIFinish()})
	}
	c.Usage = usage
	return &answer{document: c, delay: replies[0].delay}, nil
}

func textStream(c completion, replies []reply, usage json.RawMessage, opts streamOptions) []segment {
	if opts.IncludeUsage {
		c.Usage = json.RawMessage("null")
	}
	var segments []segment
	for i, r := range replies {
		chunk := func(text string, finish nullString) event {
			one := c
			one.Choices = []any{textChoice{Text: text, Index: i, FinishReason: finish}}
			return event{data: one}
		}
		segments = append(segments, segment{
			text:  r.text,
			cut:   word,
			delta: func(piece string) event { return chunk(piece, "") },
			tail:  []event{chunk("", r.openAIFinish())},
		})
	}
	return append(segments, c.end(usage, opts))
}
