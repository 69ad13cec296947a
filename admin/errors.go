package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
	"github.com/agent-gateway/agent-gateway/internal/strict"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// Error is an error with the status that it is answered with.
type apiError struct {
	status int
	field  string
	text   string
}

func (e *apiError) Error() string { return e.text }

func errorf(status int, field, format string, args ...any) error {
	return &apiError{status, field, fmt.Sprintf(format, args...)}
}

// fail answers with {"error": …, "field": …}.
func fail(w http.ResponseWriter, status int, field, format string, args ...any) {
	reply(w, status, struct {
		Error string `json:"error"`
		Field string `json:"field,omitempty"`
	}{fmt.Sprintf(format, args...), field})
}

// answer is the one place where errors become statuses. kind and id are the
// object that was asked about, if it was one.
func (a *api) answer(w http.ResponseWriter, r *http.Request, err error, kind, id string) {
	var known *apiError
	var problems runtime.Problems
	switch {
	case errors.As(err, &known):
		fail(w, known.status, known.field, "%s", known.text)
	case errors.As(err, &problems):
		// What is wrong with the object itself says most. What is wrong with
		// another one is so because of this change.
		own := slices.DeleteFunc(slices.Clone(problems), func(p runtime.Problem) bool { return p.Kind != kind || p.ID != id })
		status := http.StatusBadRequest
		if len(own) == 0 || own[0].Conflict {
			status = http.StatusConflict
		}
		if len(own) > 0 {
			problems = own
		}
		fail(w, status, problems[0].Field, "%s", strings.Join(texts(problems), "; "))
	case errors.Is(err, metrics.ErrQuery):
		fail(w, http.StatusBadRequest, "", "%s", err)
	default:
		a.Log.ErrorContext(r.Context(), "an Admin API request failed", "path", r.URL.Path, "error", err)
		if errors.Is(err, runtime.ErrStore) {
			fail(w, http.StatusServiceUnavailable, "", "the configuration store failed; nothing was changed, and the log has the cause")
			return
		}
		fail(w, http.StatusInternalServerError, "", "the request failed; the log has the cause")
	}
}

func texts(problems runtime.Problems) (out []string) {
	for _, p := range problems {
		if len(out) == 5 {
			return append(out, fmt.Sprintf("and %d more", len(problems)-5))
		}
		out = append(out, p.Error())
	}
	return out
}

// readBody reads at most max bytes.
func readBody(w http.ResponseWriter, r *http.Request, max int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, max))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, errorf(http.StatusRequestEntityTooLarge, "", "the body is larger than %d bytes", max)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errorf(http.StatusRequestTimeout, "", "the body did not come in time")
	}
	if err != nil {
		return nil, errorf(http.StatusBadRequest, "", "the body could not be read to its end")
	}
	return b, nil
}

// parseBody reads a body that is one JSON value, in which no name stands twice.
func parseBody(w http.ResponseWriter, r *http.Request) ([]byte, *strict.Node, error) {
	body, err := readBody(w, r, maxObject)
	if err != nil {
		return nil, nil, err
	}
	node, err := strict.ParseJSON(body)
	if err != nil {
		return nil, nil, errorf(http.StatusBadRequest, "", "the body is not JSON: %s", err)
	}
	return body, node, nil
}

// faultError makes one error of what is wrong with a body.
func faultError(kind configstore.Kind, id string, found []strict.Fault) error {
	var all []string
	for _, f := range found[:min(len(found), 10)] {
		text := f.Text
		if f.Path != "" {
			text = f.Path + " " + text
		}
		all = append(all, text)
	}
	name := kind.Name
	if id != "" {
		name += " " + id
	}
	return errorf(http.StatusBadRequest, found[0].Path, "%s: %s", name, strings.Join(all, "; "))
}
