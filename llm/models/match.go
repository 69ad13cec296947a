package models

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// rule is a list of which one member must match.
type rule []member

// member matches when all of its conditions do.
type member []condition

type condition struct {
	kind byte // one of = ^ $ ~ /
	text string
	re   *regexp.Regexp
	not  bool
}

func (r rule) match(name string) bool {
	for _, m := range r {
		if m.match(name) {
			return true
		}
	}
	return false
}

func (m member) match(name string) bool {
	for i := range m {
		if m[i].match(name) == m[i].not {
			return false
		}
	}
	return true
}

func (c *condition) match(name string) bool {
	switch c.kind {
	case '=':
		return name == c.text
	case '^':
		return strings.HasPrefix(name, c.text)
	case '$':
		return strings.HasSuffix(name, c.text)
	case '~':
		return strings.Contains(name, c.text)
	}
	return c.re.MatchString(name)
}

func (r *rule) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("a rule is a list: %w", err)
	}
	*r = make(rule, len(list))
	for i, raw := range list {
		var all struct {
			All []string `json:"all"`
		}
		if raw[0] == '"' {
			all.All = make([]string, 1)
			if err := json.Unmarshal(raw, &all.All[0]); err != nil {
				return err
			}
		} else if err := json.Unmarshal(raw, &all); err != nil {
			return fmt.Errorf("a member of a rule is a string or {\"all\":[…]}: %w", err)
		}
		if len(all.All) == 0 {
			return fmt.Errorf("rule %s: a member without conditions would match every name", b)
		}
		for _, s := range all.All {
			c, err := parseCondition(s)
			if err != nil {
				return err
			}
			(*r)[i] = append((*r)[i], c)
		}
	}
	return nil
}

func parseCondition(s string) (c condition, err error) {
	text, not := strings.CutPrefix(s, "!")
	if len(text) < 2 || !strings.Contains("=^$~/", text[:1]) {
		return c, fmt.Errorf("condition %q must begin with one of = ^ $ ~ /, or with ! and one of them, and go on", s)
	}
	c = condition{kind: text[0], text: text[1:], not: not}
	if c.kind == '/' {
		if c.re, err = regexp.Compile(c.text); err != nil {
			return c, fmt.Errorf("condition %q: %w", s, err)
		}
	}
	return c, nil
}

// exact returns the names that r consists of, when it consists of nothing else.
func (r rule) exact() (names []string, all bool) {
	for _, m := range r {
		if len(m) != 1 || m[0].kind != '=' || m[0].not {
			return nil, false
		}
		names = append(names, m[0].text)
	}
	return names, true
}
