package models

import (
	"regexp"
	"strings"
	"time"
)

// maxName bounds the names that are looked up; longer ones are of no model.
const maxName = 256

var compactDate = regexp.MustCompile(`-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(-|:|$)`)

// spellings returns the names under which a price may be listed, the caller's own
// first.
func spellings(provider, model string) []string {
	names := []string{model}
	if i := strings.LastIndex(model, "models/"); i >= 0 && provider == "google" {
		// "models/gemini-…", and Vertex AI's "publishers/anthropic/models/claude-…".
		names = append(names, model[i+len("models/"):])
	}
	if i := strings.LastIndexByte(model, '/'); i >= 0 && provider == "aws" {
		names = append(names, model[i+1:]) // the ARN of an inference profile
	}
	if provider == "anthropic" && strings.HasPrefix(model, "claude-") {
		names = append(names, family(model)) // claude-4-5-sonnet
	}
	if provider == "openrouter" {
		for _, variant := range []string{":thinking", ":beta"} {
			if s, ok := strings.CutSuffix(model, variant); ok {
				names = append(names, s)
			}
		}
	}
	for _, n := range names {
		if d := dashedDate(n); d != n {
			names = append(names, d)
		}
	}
	return names
}

// dashedDate writes the date of a snapshot, 20250807, as 2025-08-07.
func dashedDate(name string) string {
	m := compactDate.FindStringSubmatchIndex(name)
	if m == nil {
		return name
	}
	date := name[m[2]:m[3]] + "-" + name[m[4]:m[5]] + "-" + name[m[6]:m[7]]
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return name
	}
	return name[:m[2]] + date + name[m[7]:]
}

var (
	// vendor begins a name at Bedrock, with a region before it or without.
	vendor = regexp.MustCompile(`^(?:[a-z]{2,6}(?:-gov)?\.)?(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|writer|zai)\.`)
	// swapped is "claude-4.5-sonnet", "claude-4-opus-20250514".
	swapped = regexp.MustCompile(`claude-((?:[4-9]|\d\d)(?:-\d)?)-([a-z]+)`)
	major4  = regexp.MustCompile(`claude-(opus|sonnet)-4($|-(?:v\d|latest))`)
)

// family returns the name by which capabilities are told: without the path, the
// region, the vendor and the variant that upstreams put around it, and for Claude in
// Anthropic's own spelling.
func family(model string) string {
	if i := strings.LastIndexByte(model, '/'); i >= 0 {
		model = model[i+1:]
	}
	if s, ok := strings.CutPrefix(model, "ft:"); ok {
		model = s
	}
	model = model[len(vendor.FindString(model)):]
	model, _, _ = strings.Cut(model, ":")
	if !strings.Contains(model, "claude") {
		return model
	}
	model = strings.NewReplacer(".", "-", "@", "-").Replace(model)
	model = swapped.ReplaceAllString(model, "claude-$2-$1")
	// Version 4 has no minor version in its name, where all rules go by one.
	return major4.ReplaceAllString(model, "claude-$1-4-0$2")
}
