package codec

import "slices"

// Losses collects what a translation could not carry, by neutral field name. Its
// zero value is empty and ready; a nil one forgets. It is not safe for concurrent
// use.
type Losses struct{ fields []string }

// Drop reports a field whose value did not go on.
func (l *Losses) Drop(field string) {
	if l != nil && !slices.Contains(l.fields, field) && len(l.fields) < maxLosses {
		l.fields = append(l.fields, field)
	}
}

// maxLosses bounds what a header must carry.
const maxLosses = 64

// Fields are what was dropped, in the order in which it was found.
func (l *Losses) Fields() []string {
	if l == nil {
		return nil
	}
	return l.fields
}
