package configstore

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Fault is one thing wrong with one field of an object.
type Fault struct {
	Field string // dotted path, "" for the object itself
	Text  string // reads on after the field's name
}

func (f Fault) String() string {
	if f.Field == "" {
		return f.Text
	}
	return f.Field + " " + f.Text
}

type faults []Fault

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, Fault{field, fmt.Sprintf(format, args...)})
}

func (f *faults) required(field, v string) {
	if v == "" {
		f.add(field, "is required")
	}
}

// id accepts what can be one segment of a path and one column of a table.
func (f *faults) id(id string) {
	switch {
	case id == "":
		f.add("id", "is required")
	case len(id) > 200:
		f.add("id", "is longer than 200 bytes")
	case strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp) || r == '/' || r == '\\' || r == '?' || r == '#' || r == '%'
	}):
		f.add("id", "is %q; spaces, control characters and any of / \\ ? # %% do not go into an id", id)
	case id == "." || id == "..":
		f.add("id", "is %q, which a URL cannot carry", id)
	}
}

func (f *faults) oneOf(field, v string, allowed ...string) {
	if slices.Contains(allowed, v) {
		return
	}
	shown := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
	if v == "" {
		f.add(field, "is required: one of %s", strings.Join(shown, ", "))
		return
	}
	f.add(field, "is %q; it must be one of %s", v, strings.Join(shown, ", "))
}

func (f *faults) url(field, v string, schemes ...string) {
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	switch {
	case err != nil && strings.Contains(v, "://"):
		f.add(field, "is not a URL")
	case err != nil || !slices.Contains(schemes, u.Scheme):
		f.add(field, "must begin with %s://", strings.Join(schemes, ":// or "))
	case u.Hostname() == "":
		f.add(field, "names no host")
	case u.User != nil:
		f.add(field, "must not carry a user name or password: they would be shown to readers of the configuration")
	case u.RawQuery != "" || u.Fragment != "":
		f.add(field, "must not carry a query or a fragment")
	}
}

// notForExtraHeaders lists the headers that the gateway itself sets.
var notForExtraHeaders = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding", "Trailer", "Upgrade", "Te"}

func (f *faults) headers(field string, h map[string]Secret) {
	for name, v := range h {
		switch {
		case !validToken(name):
			f.add(field, "has %q, which is not a header's name", name)
		case slices.Contains(notForExtraHeaders, http.CanonicalHeaderKey(name)):
			f.add(field+"."+name, "is set by the gateway itself")
		case strings.ContainsFunc(v.Reveal(), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			f.add(field+"."+name, "has a control character in its value")
		}
	}
}

// key accepts what a header can carry.
func (f *faults) key(field string, v Secret) {
	if s := v.Reveal(); !visibleASCII(s) {
		f.add(field, "has a space, a line break or another character that a header cannot carry: check how it was copied")
	}
}

// duration accepts "10m"; empty is for whoever has a default.
func (f *faults) duration(field, v string) {
	if v == "" {
		return
	}
	switch d, err := time.ParseDuration(v); {
	case err != nil:
		f.add(field, "is %q; it must be a duration such as 30s or 10m", v)
	case d < time.Second:
		f.add(field, "is %q; it must be at least 1s", v)
	}
}

func (f *faults) notNegative(field string, v float64) {
	if v < 0 {
		f.add(field, "is negative")
	}
}

func (f *faults) atMost(field string, v, most float64) {
	if v > most {
		f.add(field, "is more than %v", most)
	}
}

func (f *faults) noneEmpty(field string, list []string) {
	for i, s := range list {
		if s == "" {
			f.add(fmt.Sprintf("%s[%d]", field, i), "is empty")
		}
	}
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func (f *faults) match(field string, m MatchPolicy) {
	switch {
	case m.PathPrefix == "":
		f.add(field+".path_prefix", "is required: / takes every path")
	case m.PathPrefix[0] != '/':
		f.add(field+".path_prefix", "is %q; it must begin with /", m.PathPrefix)
	case strings.ContainsAny(m.PathPrefix, "?#%\\") || strings.Contains(m.PathPrefix, "//") || slices.ContainsFunc(strings.Split(m.PathPrefix, "/"), func(s string) bool { return s == "." || s == ".." }):
		f.add(field+".path_prefix", "is %q; empty or dot segments and any of ? # %% \\ do not go into a prefix", m.PathPrefix)
	}
	for i, method := range m.Methods {
		f.oneOf(fmt.Sprintf("%s.methods[%d]", field, i), method, methods...)
	}
	if h := strings.TrimPrefix(m.Host, "*."); m.Host != "" && (h == "" || strings.ContainsAny(h, "*/ :") && !strings.HasPrefix(h, "[")) {
		f.add(field+".host", "is %q; it must be a host name without a port, or *. and a domain", m.Host)
	}
}

// normalize brings a match into its one form: "/a/" is "/a", methods are upper
// case, hosts lower.
func (m *MatchPolicy) normalize() {
	if len(m.PathPrefix) > 1 {
		m.PathPrefix = strings.TrimRight(m.PathPrefix, "/")
		if m.PathPrefix == "" {
			m.PathPrefix = "/"
		}
	}
	m.Host = strings.ToLower(m.Host)
	for i, method := range m.Methods {
		m.Methods[i] = strings.ToUpper(method)
	}
}

func validToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func visibleASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || !unicode.IsGraphic(r) || unicode.IsSpace(r) || r > '~' })
}
