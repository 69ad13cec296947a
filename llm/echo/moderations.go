package echo

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

var categories = [...]string{
	"harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
	"self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors",
	"violence", "violence/graphic",
}

type moderationsRequest struct {
	Model string          `json:"model"`
	Input json.RawMessage `json:"input"`
}

type moderation struct {
	Flagged    bool                `json:"flagged"`
	Categories map[string]bool     `json:"categories"`
	Scores     map[string]float64  `json:"category_scores"`
	InputTypes map[string][]string `json:"category_applied_input_types"`
}

// moderations finds no fault: one result for each text, or one for all the
// parts of an input of texts and images.
func (p *Provider) moderations(call *llm.Call, body []byte) (*answer, error) {
	var req moderationsRequest
	if err := decode(body, &req); err != nil {
		return nil, err
	}
	var (
		texts prompts
		parts []part
	)
	if !isNull(req.Input) && json.Unmarshal(req.Input, &texts) != nil {
		if json.Unmarshal(req.Input, &parts) != nil {
			return nil, invalid("input", "it must be a string, an array of strings or an array of parts")
		}
		texts = make(prompts, min(len(parts), 1))
	}
	if err := texts.check("input"); err != nil {
		return nil, err
	}

	clean := moderation{
		Categories: map[string]bool{},
		Scores:     map[string]float64{},
		InputTypes: map[string][]string{},
	}
	for _, c := range categories {
		clean.Categories[c], clean.Scores[c], clean.InputTypes[c] = false, 0, []string{"text"}
	}
	results := make([]moderation, len(texts))
	for i := range results {
		results[i] = clean
	}
	return &answer{document: struct {
		ID      string       `json:"id"`
		Model   string       `json:"model"`
		Results []moderation `json:"results"`
	}{p.newID("modr-echo-"), model(call, req.Model), results}}, nil
}
