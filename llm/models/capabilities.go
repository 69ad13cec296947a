package models

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// group is a list of rows of which the first that matches counts.
type group []row

type row struct {
	upstreams []string
	match     rule
	set       map[string]json.RawMessage
}

func (r *row) matches(upstream, name string) bool {
	return (len(r.upstreams) == 0 || slices.Contains(r.upstreams, upstream)) && (len(r.match) == 0 || r.match.match(name))
}

// capabilities merges what the groups say; later ones win.
func capabilities(groups []group, upstream, name string) (c llm.Capabilities) {
	for _, g := range groups {
		if i := slices.IndexFunc(g, func(r row) bool { return r.matches(upstream, name) }); i >= 0 {
			// Checked when the group was made.
			_ = merge(&c, g[i].set)
		}
	}
	return c
}

// fields are those of llm.Capabilities by their names in JSON.
var fields = func() map[string]int {
	m := map[string]int{}
	t := reflect.TypeFor[llm.Capabilities]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		m[name] = i
	}
	return m
}()

// merge sets the fields that are named, to false as well, and no others.
func merge(c *llm.Capabilities, set map[string]json.RawMessage) error {
	v := reflect.ValueOf(c).Elem()
	for name, raw := range set {
		i, ok := fields[name]
		if !ok {
			return &fieldError{name, "is not known"}
		}
		// A new value: decoding into the old one would write into a slice that is shared.
		f := reflect.New(v.Field(i).Type())
		if err := json.Unmarshal(raw, f.Interface()); err != nil {
			return &fieldError{name, "must be " + kindOf(f.Elem().Type())}
		}
		if n, ok := f.Elem().Interface().(int64); ok && n < 0 {
			return &fieldError{name, "must not be negative"}
		}
		v.Field(i).Set(f.Elem())
	}
	return nil
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list of strings"
	}
	return "an integer"
}

type fieldError struct{ field, what string }

func (e *fieldError) Error() string { return e.field + " " + e.what }

func newGroups(file string, list []groupJSON) ([]group, error) {
	groups := make([]group, len(list))
	for i, g := range list {
		for n, r := range g.Rows {
			if err := merge(new(llm.Capabilities), r.Set); err != nil {
				return nil, fmt.Errorf("%s: %s, row %d: %w", file, g.Name, n, err)
			}
			groups[i] = append(groups[i], row{r.Upstreams, r.Match, r.Set})
		}
	}
	return groups, nil
}
