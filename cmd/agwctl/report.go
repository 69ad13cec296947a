package main

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/agent-gateway/agent-gateway/admin/client"
	"github.com/agent-gateway/agent-gateway/configstore"
)

// localReport is the report on a bundle that was not sent: its faults.
func localReport(faults []configstore.BundleFault) client.Report {
	report := client.Report{Status: "error", Actions: []client.Action{}}
	for _, f := range faults {
		if f.Warning {
			continue
		}
		text := faultText(f)
		if f.Line > 0 {
			text = fmt.Sprintf("line %d: %s", f.Line, text)
		}
		report.Actions = append(report.Actions, client.Action{Kind: f.Kind, ID: f.ID, Action: "error", Error: text})
		report.Counts.Error++
	}
	return report
}

// faultText is a fault without its place.
func faultText(f configstore.BundleFault) string {
	if f.Field == "" {
		return f.Text
	}
	return f.Field + " " + f.Text
}

// printReport prints what was done to each object but those that are as they
// were. What is about the bundle itself goes under the file's name.
func (a *app) printReport(title, file string, r client.Report) error {
	if a.global.Output == "json" || a.global.Output == "yaml" {
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return a.printJSON(b)
	}
	fmt.Fprintln(a.stdout, title)
	for _, action := range r.Actions {
		if action.Action == "skip" {
			continue
		}
		kind, id := cmp.Or(action.Kind, "bundle"), action.ID
		if id == "" && action.Kind == "" {
			id = file
		}
		line := fmt.Sprintf("%s %s %s", action.Action, kind, cmp.Or(id, "-"))
		if action.Error != "" {
			line += ": " + action.Error
		}
		fmt.Fprintln(a.stdout, " ", oneLine(line))
	}
	_, err := fmt.Fprintf(a.stdout, "summary: create=%d update=%d skip=%d error=%d\n", r.Counts.Create, r.Counts.Update, r.Counts.Skip, r.Counts.Error)
	return err
}

// printFaults prints one line for each fault, in the form that editors follow.
func (a *app) printFaults(file string, objects int, faults []configstore.BundleFault) error {
	errors, warnings := 0, 0
	for _, f := range faults {
		prefix := ""
		if f.Warning {
			prefix = "warning: "
			warnings++
		} else {
			errors++
		}
		place := file
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", file, f.Line)
		}
		object := ""
		if f.Kind != "" {
			object = f.Kind + " " + cmp.Or(f.ID, "-") + ": "
		}
		fmt.Fprintln(a.stdout, oneLine(prefix+place+": "+object+faultText(f)))
	}
	fmt.Fprintf(a.stdout, "summary: objects=%d error=%d warning=%d\n", objects, errors, warnings)
	if errors > 0 {
		return exitStatus(exitError)
	}
	return nil
}
