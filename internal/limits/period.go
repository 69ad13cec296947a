package limits

import (
	"math"
	"time"
)

// Period is how long a budget lasts. The zero value, and any that is not known,
// is [Total]: the strictest.
type Period string

// Periods begin with the calendar's in UTC.
const (
	Hour  Period = "hour"
	Day   Period = "day"
	Week  Period = "week" // from Monday
	Month Period = "month"
	Total Period = "total" // never resets
)

const (
	hour = 60 * 60
	day  = 24 * hour
	week = 7 * day
)

// Valid says whether p is one of the periods that have a name.
func (p Period) Valid() bool {
	switch p {
	case Hour, Day, Week, Month, Total:
		return true
	}
	return false
}

// span is one period: [start, end) in Unix seconds.
type span struct {
	kind       Period
	start, end int64
}

// at returns the span of p that t is in.
func (p Period) at(t time.Time) span {
	now := t.Unix()
	switch p {
	case Hour:
		return p.from(now - floorMod(now, hour))
	case Day:
		return p.from(now - floorMod(now, day))
	case Week:
		const monday = 4 * day // 1970-01-05
		return p.from(now - floorMod(now-monday, week))
	case Month:
		t = t.UTC()
		return p.from(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).Unix())
	default:
		return Total.from(0)
	}
}

// from returns the span of p that begins at start.
func (p Period) from(start int64) span {
	switch p {
	case Hour:
		return span{p, start, start + hour}
	case Day:
		return span{p, start, start + day}
	case Week:
		return span{p, start, start + week}
	case Month:
		return span{p, start, time.Unix(start, 0).UTC().AddDate(0, 1, 0).Unix()}
	default:
		return span{Total, 0, math.MaxInt64}
	}
}

// holds says whether s is the span of p at Unix second t, without a calendar.
func (s *span) holds(p Period, t int64) bool {
	if s.kind == Total {
		return p == Total || !p.Valid()
	}
	return s.kind == p && s.start <= t && t < s.end
}

// reset is when the span ends; zero for a total.
func (s *span) reset() time.Time {
	if s.kind == Total {
		return time.Time{}
	}
	return time.Unix(s.end, 0).UTC()
}

func floorMod(a, b int64) int64 { return (a%b + b) % b }
