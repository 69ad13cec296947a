package codec

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// names is what a protocol takes for the name of a tool: ASCII letters, digits,
// underscores and dashes.
type names struct {
	most int    // bytes
	also string // other characters
	word bool   // it begins with a letter or an underscore
}

var toolNames = map[llm.Operation]names{
	llm.OpenAIChat:        {most: 64},
	llm.OpenAIResponses:   {most: 64},
	llm.AnthropicMessages: {most: 128},
	llm.GeminiGenerate:    {most: 64, also: ".:", word: true},
}

func (n names) take(name string) bool {
	if name == "" || len(name) > n.most || n.word && (name[0] == '-' || name[0] >= '0' && name[0] <= '9' || strings.IndexByte(n.also, name[0]) >= 0) {
		return false
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || strings.IndexByte(n.also, c) >= 0) {
			return false
		}
	}
	return true
}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_-]`)

// goodName is a name that every protocol takes. It depends on the name alone, so that a
// conversation's calls keep it, and tells apart names that differ where marked.
func goodName(name string, marked bool) string {
	s := notInNames.ReplaceAllString(name, "_")
	if s == "" || s[0] == '-' || s[0] >= '0' && s[0] <= '9' {
		s = "_" + s
	}
	if len(s) <= maxName && !marked {
		return s
	}
	sum := sha256.Sum256([]byte(name))
	mark := "_" + hex.EncodeToString(sum[:4])
	return s[:min(len(s), maxName-len(mark))] + mark
}

// renamed gives tools whose names the upstream's protocol refuses others. back are
// the names by those that were given; none, and r itself, where all names are good.
func renamed(r *Request, op llm.Operation) (_ *Request, back map[string]string) {
	good, bounded := toolNames[op]
	if r.From == op || !bounded || !namesAny(r, func(name string) bool { return name != "" && !good.take(name) }) {
		return r, nil
	}
	given, taken := map[string]string{}, map[string]bool{}
	for _, t := range r.Tools {
		if good.take(t.Name) {
			taken[t.Name] = true
		}
	}
	rename := func(name string) string {
		if name == "" || good.take(name) {
			return name
		}
		if given[name] == "" {
			to := goodName(name, false)
			if taken[to] {
				to = goodName(name, true)
			}
			given[name], taken[to] = to, true
		}
		return given[name]
	}
	c := *r
	c.Tools = slices.Clone(r.Tools)
	for i := range c.Tools {
		if t := &c.Tools[i]; t.Namespace == "" && (t.Kind == FunctionTool || t.Kind == CustomTool) {
			t.Name = rename(t.Name)
		}
	}
	if tc := r.ToolChoice; tc != nil && tc.Namespace == "" {
		choice := *tc
		choice.Name, choice.Allowed = rename(tc.Name), slices.Clone(tc.Allowed)
		for i, name := range choice.Allowed {
			choice.Allowed[i] = rename(name)
		}
		c.ToolChoice = &choice
	}
	c.Messages = slices.Clone(r.Messages)
	for i := range c.Messages {
		parts := slices.Clone(c.Messages[i].Parts)
		for j := range parts {
			if call := parts[j].Call; call != nil && call.Namespace == "" {
				own := *call
				own.Name = rename(call.Name)
				parts[j].Call = &own
			}
			if result := parts[j].Result; result != nil {
				own := *result
				own.Name = rename(result.Name)
				parts[j].Result = &own
			}
		}
		c.Messages[i].Parts = parts
	}
	back = map[string]string{}
	for name, to := range given {
		back[to] = name
	}
	return &c, back
}

// namesAny says whether r names a tool or a call of a kind.
func namesAny(r *Request, is func(name string) bool) bool {
	for i := range r.Tools {
		if t := &r.Tools[i]; t.Namespace == "" && (t.Kind == FunctionTool || t.Kind == CustomTool) && is(t.Name) {
			return true
		}
	}
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if call := r.Messages[i].Parts[j].Call; call != nil && call.Namespace == "" && is(call.Name) {
				return true
			}
		}
	}
	return false
}

// restoring makes a, which may be nil, give calls their own names back.
func (a *Adaptation) restoring(back map[string]string) *Adaptation {
	if len(back) == 0 {
		return a
	}
	if a == nil {
		a = &Adaptation{names: map[string]original{}}
	}
	for to, name := range back {
		o := a.names[to]
		o.name = name
		a.names[to] = o
	}
	return a
}
