package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Report is what applying a bundle did or, in a dry run, would do. With any
// error nothing was applied.
type Report struct {
	Status  string   `json:"status"` // "ok" or "error"
	Actions []Action `json:"actions"`
	Counts  Counts   `json:"counts"`
}

// Action is what was done with one object of a bundle.
type Action struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Action string `json:"action"` // create, update, skip or error
	Error  string `json:"error,omitempty"`
}

// Counts sums up the actions.
type Counts struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Skip   int `json:"skip"`
	Error  int `json:"error"`
}

// ApplyBundle applies a bundle, all of it or nothing; a dry run only says what
// would happen. The content type is application/json or application/yaml. The
// server does not expand variables. Faults in the bundle are no error here but a
// Report whose Status is "error".
func (c *Client) ApplyBundle(ctx context.Context, body []byte, contentType string, dryRun bool) (Report, error) {
	r := call{method: http.MethodPost, path: "bundle", body: body, contentType: contentType, accept: "application/json"}
	if dryRun {
		r.query = url.Values{"dry_run": {"1"}}
	}
	status, answer, err := c.do(ctx, r)
	if err != nil {
		return Report{}, err
	}
	var report Report
	isReport := json.Unmarshal(answer, &report) == nil && (report.Status == "ok" || report.Status == "error")
	switch {
	case isReport && (status/100 == 2 || report.Status == "error"):
		return report, nil
	case status/100 != 2:
		return Report{}, c.newError(status, answer)
	}
	return Report{}, c.foreign(r.path)
}

// ExportBundle returns the gateway's configuration as a bundle in YAML, without
// secrets. Applied to the same gateway it changes nothing.
func (c *Client) ExportBundle(ctx context.Context) ([]byte, error) {
	r := call{method: http.MethodGet, path: "bundle", accept: "application/yaml"}
	status, body, err := c.do(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case status/100 != 2:
		return nil, c.newError(status, body)
	case !bytes.Contains(body, []byte("apiVersion")):
		return nil, c.foreign(r.path)
	}
	return body, nil
}
