package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
)

// value is what is stored: NULL for what is empty or unknown. It is old where that
// is the same.
func (c *column) value(old driver.Value) driver.Value {
	switch f := c.field.(type) {
	case *string:
		if *f != "" {
			return same(old, *f)
		}
	case latency:
		return milliseconds(f.of.Latency())
	case *bool:
		return *f
	case *int:
		return same(old, int64(*f))
	case *metrics.Count:
		if f.Known {
			return same(old, f.N)
		}
	case **float64:
		if *f != nil {
			return **f
		}
	case *time.Time:
		return nanos(*f)
	case *time.Duration:
		if *f > 0 {
			return milliseconds(*f)
		}
	case *[]metrics.Try:
		if len(*f) > 0 {
			return metrics.TriesJSON(*f)
		}
	case *[]string:
		if len(*f) > 0 {
			list, _ := json.Marshal(*f) // strings always marshal
			return string(list)
		}
	}
	return nil
}

func same[T comparable](old driver.Value, v T) driver.Value {
	if o, ok := old.(T); ok && o == v {
		return old
	}
	return v
}

// Scan sets the field to what value stored, as [sql.Scanner].
func (c *column) Scan(stored any) (err error) {
	switch f := c.field.(type) {
	case latency:
	case *string:
		*f, _, err = scan[string](stored)
	case *bool:
		*f, _, err = scan[bool](stored)
	case *int:
		*f, _, err = scan[int](stored)
	case *metrics.Count:
		f.N, f.Known, err = scan[int64](stored)
	case **float64:
		v, known, e := scan[float64](stored)
		if err = e; known {
			*f = &v
		}
	case *time.Time:
		var n int64
		n, _, err = scan[int64](stored)
		*f = fromNanos(n)
	case *time.Duration:
		var ms float64
		ms, _, err = scan[float64](stored)
		*f = time.Duration(math.Round(ms * float64(time.Millisecond)))
	case *[]metrics.Try:
		var list string
		if list, _, err = scan[string](stored); list != "" {
			err = json.Unmarshal([]byte(list), f)
		}
	case *[]string:
		var list string
		if list, _, err = scan[string](stored); list != "" {
			err = json.Unmarshal([]byte(list), f)
		}
	default:
		err = fmt.Errorf("no column holds a %T", f)
	}
	return err
}

// scan returns the zero value for NULL, which it reports as not known.
func scan[T any](stored any) (v T, known bool, err error) {
	n := sql.Null[T]{}
	err = n.Scan(stored)
	return n.V, n.Valid, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// nanos is t as it is stored: nanoseconds since 1970, as far as they go.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// The zero time is before the earliest, and is stored as that.
var earliest, latest = time.Unix(0, math.MinInt64+1), time.Unix(0, math.MaxInt64)

func fromNanos(n int64) time.Time {
	if n == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
