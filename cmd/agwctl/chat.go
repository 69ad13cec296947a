package main

import (
	"context"
	"errors"
)

// question is what chat and responses ask, whatever the protocol.
type question struct {
	Text      string `arg:"" help:"What to ask."`
	Stream    bool   `help:"Print the answer as it comes."`
	Model     string `from:"AGW_MODEL" placeholder:"NAME" help:"The model; unless set, the default of the provider behind the route."`
	System    string `placeholder:"TEXT" help:"The system prompt."`
	MaxTokens int    `placeholder:"N" help:"The most tokens that the answer may have."`
	APIKey    string `name:"api-key" from:"AGW_API_KEY" placeholder:"KEY" help:"The virtual key."`
	BaseURL   string `name:"base-url" from:"AGW_BASE_URL" default:"http://127.0.0.1:8080/v1" placeholder:"URL" help:"Where the route is, /v1 included; ${default} unless set."`
}

// Validate is called by kong.
func (q *question) Validate() error {
	if q.MaxTokens < 0 {
		return errors.New("--max-tokens must not be negative")
	}
	return nil
}

type chatCmd struct {
	question
	API string `name:"api" from:"AGW_API" enum:"openai,anthropic,cc" default:"openai" placeholder:"openai|anthropic|cc" help:"The protocol to speak; ${default} unless set. cc is Anthropic's as Claude Code speaks it."`
}

// Help is shown by kong.
func (c *chatCmd) Help() string {
	return `Examples:

    AGW_API_KEY=$(agwctl gateway virtualkey get test-key | jq -r '.key')
    agwctl chat "hello" --api-key "$AGW_API_KEY"
    agwctl chat "hello" --stream --api anthropic --model claude-sonnet-4-5`
}

// Run asks and prints the answer.
func (c *chatCmd) Run(ctx context.Context, a *app) error {
	if c.API == "anthropic" || c.API == "cc" {
		return a.ask(ctx, c.question, new(anthropicMessages))
	}
	return a.ask(ctx, c.question, new(openAIChat))
}

type responsesCmd struct{ question }

// Help is shown by kong.
func (c *responsesCmd) Help() string {
	return "Example:\n\n    agwctl responses \"hello\" --stream --api-key \"$AGW_API_KEY\""
}

// Run asks and prints the answer.
func (c *responsesCmd) Run(ctx context.Context, a *app) error {
	return a.ask(ctx, c.question, new(openAIResponses))
}
