package prometheus

import (
	"strings"
	"sync"
	"sync/atomic"

	prom "github.com/prometheus/client_golang/prometheus"
)

// other stands for what is not told apart.
const other = "_other"

// maxLabel bounds the bytes of a label's value that callers choose.
const maxLabel = 200

// labels are the values of one set, in the order of the family's names.
type labels [5]string

// clone lets go of the requests of which the strings may be parts.
func (l labels) clone() labels {
	for i := range l {
		l[i] = strings.Clone(l[i])
	}
	return l
}

func (l labels) values() []string {
	list := make([]string, len(l))
	for i := range l {
		list[i] = strings.ToValidUTF8(l[i], "\uFFFD")
	}
	return list
}

// family holds the series of one kind of events, by their labels. Callers can invent
// values of one label without end, so the sets are bounded.
type family[S any] struct {
	open   int // the label that callers can invent values of
	max    int
	create func(labels) *S

	mu    sync.Mutex                    // held while a set of labels is added
	known atomic.Pointer[map[labels]*S] // never changed, only replaced
}

func newFamily[S any](open, most int, create func(labels) *S) *family[S] {
	f := &family[S]{open: open, max: most, create: create}
	f.known.Store(&map[labels]*S{})
	return f
}

// find returns the series of a set of labels, or of the one that stands for it.
func (f *family[S]) find(l labels) *S {
	if len(l[f.open]) > maxLabel {
		l[f.open] = other
	}
	known := *f.known.Load()
	if found, ok := known[l]; ok {
		return found
	}
	if len(known) < f.max {
		if found := f.add(l, f.max); found != nil {
			return found
		}
	}
	l[f.open] = other
	if found, ok := (*f.known.Load())[l]; ok {
		return found
	}
	if found := f.add(l, 2*f.max); found != nil {
		return found
	}
	return f.add(labels{other, other, other, other, other}, 2*f.max+1)
}

// add adds a set of labels, unless there are most already. It copies the map, so
// that find reads it without a lock; that happens at most 2*max+1 times.
func (f *family[S]) add(l labels, most int) *S {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := *f.known.Load()
	if found, ok := known[l]; ok {
		return found
	}
	if len(known) >= most {
		return nil
	}
	l = l.clone()
	grown := make(map[labels]*S, len(known)+1)
	for k, v := range known {
		grown[k] = v
	}
	added := f.create(l)
	grown[l] = added
	f.known.Store(&grown)
	return added
}

func counter(name, help string, labels []string, more ...string) *prom.CounterVec {
	return prom.NewCounterVec(prom.CounterOpts{Name: name, Help: help}, append(labels[:len(labels):len(labels)], more...))
}

func histogram(name, help string, buckets []float64, labels []string) *prom.HistogramVec {
	return prom.NewHistogramVec(prom.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}
