package admin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
)

// errNoReader tells why there are no stored events to show.
var errNoReader = errorf(http.StatusNotImplemented, "", "this gateway does not store events: it was built without a metrics writer that can be read")

// summaries sums up each kind of event, and tells the health of the pipeline.
func (a *api) summaries(w http.ResponseWriter, r *http.Request) {
	q, err := query(r.URL.Query(), []string{"from", "to"}, nil)
	if err != nil {
		a.answer(w, r, err, "", "")
		return
	}
	out := map[string]any{"pipeline": metrics.PipelineStats{}}
	if a.Pipeline != nil {
		out["pipeline"] = a.Pipeline()
	}
	if a.Reader == nil {
		a.answer(w, r, errNoReader, "", "")
		return
	}
	if out["llm"], err = a.Reader.LLMSummary(r.Context(), q); err != nil {
		a.answer(w, r, err, "", "")
		return
	}
	if out["mcp"], err = a.Reader.MCPSummary(r.Context(), q); err != nil {
		a.answer(w, r, err, "", "")
		return
	}
	reply(w, http.StatusOK, out)
}

func (a *api) exposition(w http.ResponseWriter, r *http.Request) {
	if a.Exposition == nil {
		a.answer(w, r, errorf(http.StatusNotImplemented, "", "this gateway was built without the Prometheus sink"), "", "")
		return
	}
	a.Exposition.ServeHTTP(w, r)
}

// events lists events of one kind, newest first: what read finds by the kind's
// filters.
func (a *api) events(filters []string, read func(metrics.Reader, context.Context, metrics.Query) (metrics.Page, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := query(r.URL.Query(), []string{"from", "to", "limit", "cursor", "success"}, filters)
		if err == nil && a.Reader == nil {
			err = errNoReader
		}
		if err != nil {
			a.answer(w, r, err, "", "")
			return
		}
		page, err := read(a.Reader, r.Context(), q)
		if err != nil {
			a.answer(w, r, err, "", "")
			return
		}
		items := page.Events
		if items == nil {
			items = []*metrics.Event{}
		}
		var next *string
		if page.NextCursor != "" {
			next = &page.NextCursor
		}
		reply(w, http.StatusOK, struct {
			Items      []*metrics.Event `json:"items"`
			Limit      int              `json:"limit"`
			NextCursor *string          `json:"next_cursor"`
		}{items, q.Limit, next})
	}
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// query reads the parameters of a question about events. Those that it does not
// take are refused by name.
func query(values url.Values, params, filters []string) (metrics.Query, error) {
	q := metrics.Query{Limit: defaultLimit, Where: map[string]string{}}
	for name, list := range values {
		v := list[0]
		bad := func(want string) error {
			return errorf(http.StatusBadRequest, name, "%s is %.100q; it must be %s", name, v, want)
		}
		if len(list) > 1 {
			return q, errorf(http.StatusBadRequest, name, "%s is given %d times", name, len(list))
		}
		if slices.Contains(filters, name) {
			q.Where[name] = v
			continue
		}
		if !slices.Contains(params, name) {
			return q, errorf(http.StatusBadRequest, name, "the parameter %.100q is not known: this takes %s", name, strings.Join(slices.Concat(params, filters), ", "))
		}
		var err error
		switch name {
		case "from":
			q.From, err = time.Parse(time.RFC3339, v)
		case "to":
			q.To, err = time.Parse(time.RFC3339, v)
		case "cursor":
			q.Cursor = v
		case "limit":
			if q.Limit, err = strconv.Atoi(v); err != nil || q.Limit < 1 || q.Limit > maxLimit {
				return q, bad("a number from 1 to " + strconv.Itoa(maxLimit))
			}
		case "success":
			ok, err := strconv.ParseBool(v)
			if err != nil {
				return q, bad("true or false")
			}
			q.Success = &ok
		}
		if err != nil {
			return q, bad("a time as 2026-01-31T12:00:00Z")
		}
	}
	return q, nil
}
