package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// stateBucket is where records are in the store, each by its subject's ID.
	stateBucket = "limits"
	// keptPeriods of one kind are in a record, so that a clock which steps back
	// finds what was used.
	keptPeriods = 4
	// retention is how long a record outlives its period.
	retention = 31 * 24 * time.Hour
)

// record is what the store knows of one subject. Keepers share it: each adds
// what it leases to Used.
type record struct {
	// By and Seq name the write, so that a keeper which does not know whether its
	// last one happened can tell.
	By      string      `json:"by"`
	Seq     int64       `json:"seq"`
	Periods []periodUse `json:"periods"`
	// Closed is the start of the latest period of each kind that is no longer kept.
	Closed map[Period]int64 `json:"closed,omitempty"`
}

type periodUse struct {
	Period Period  `json:"period"`
	Start  int64   `json:"start"`
	Used   amounts `json:"used"` // nano-dollars, tokens: leased, spent or not
}

func decode(data []byte) (record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, fmt.Errorf("limits: a stored record is not readable; delete it to begin anew: %w", err)
	}
	for i := range r.Periods {
		for u, n := range r.Periods[i].Used {
			if n < 0 {
				return record{}, errors.New("limits: a stored record says that less than nothing was used; delete it to begin anew")
			}
			r.Periods[i].Used[u] = min(n, maxSum)
		}
	}
	return r, nil
}

func (r *record) encode() []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and numbers
	}
	return data
}

func (r *record) clone() record {
	c := *r
	c.Periods = slices.Clone(r.Periods)
	c.Closed = make(map[Period]int64, len(r.Closed))
	for kind, start := range r.Closed {
		c.Closed[kind] = start
	}
	return c
}

func (r *record) used(s span) amounts {
	for i := range r.Periods {
		if p := &r.Periods[i]; p.Period == s.kind && p.Start == s.start {
			return p.Used
		}
	}
	return amounts{}
}

// book sets what was used in one period, and drops one of its kind when they
// become too many: the furthest from it. If that is an earlier one, it is closed.
func (r *record) book(s span, used amounts) {
	var same []int
	for i := range r.Periods {
		p := &r.Periods[i]
		if p.Period != s.kind {
			continue
		}
		if p.Start == s.start {
			p.Used = used
			return
		}
		same = append(same, i)
	}
	r.Periods = append(r.Periods, periodUse{s.kind, s.start, used})
	if len(same) < keptPeriods {
		return
	}
	furthest := slices.MaxFunc(same, func(a, b int) int {
		return int(distance(r.Periods[a].Start, s.start) - distance(r.Periods[b].Start, s.start))
	})
	if start := r.Periods[furthest].Start; start < s.start {
		if r.Closed == nil {
			r.Closed = map[Period]int64{}
		}
		r.Closed[s.kind] = max(r.Closed[s.kind], start)
	}
	r.Periods = slices.Delete(r.Periods, furthest, furthest+1)
}

// open returns the span to book in instead of s: s itself, or when s is closed
// the oldest of its kind, since a period that is not known any more must not
// begin anew.
func (r *record) open(s span) span {
	if closed, ok := r.Closed[s.kind]; !ok || s.start > closed {
		return s
	}
	oldest, found := s, false
	for i := range r.Periods {
		if p := &r.Periods[i]; p.Period == s.kind && (!found || p.Start < oldest.start) {
			oldest, found = s.kind.from(p.Start), true
		}
	}
	return oldest
}

// expires is on the store's clock, which is the real one. The record is written
// in every period that is used.
func (r *record) expires() time.Time {
	longest := time.Duration(0)
	for i := range r.Periods {
		switch p := r.Periods[i].Period; p {
		case Hour, Day, Week, Month:
			s := p.from(r.Periods[i].Start)
			longest = max(longest, time.Duration(s.end-s.start)*time.Second)
		default:
			return time.Time{}
		}
	}
	return time.Now().Add(longest + retention)
}

func distance(a, b int64) int64 { return max(a-b, b-a) }
