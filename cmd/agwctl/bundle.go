package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/agent-gateway/agent-gateway/admin/client"
	"github.com/agent-gateway/agent-gateway/configstore"
)

// maxBundle bounds the bundles that are read.
const maxBundle = 32 << 20

// bundleFile is the flag of the commands that read a bundle.
type bundleFile struct {
	File string `short:"f" required:"" placeholder:"FILE" help:"The bundle, in YAML or JSON; - reads it from the standard input."`
}

// name is what reports call the file.
func (f *bundleFile) name() string {
	if f.File == "-" {
		return "<stdin>"
	}
	return f.File
}

// parse reads the bundle and expands its variables. The bundle is nil when a
// fault is more than a warning; the error is about the file.
func (f *bundleFile) parse(a *app) (*configstore.Bundle, []configstore.BundleFault, error) {
	data, err := f.read(a.stdin)
	if err != nil {
		return nil, nil, err
	}
	format := configstore.YAML
	if filepath.Ext(f.File) == ".json" || f.File == "-" && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		format = configstore.JSON
	}
	b, faults := configstore.ParseBundle(data, format, a.env)
	return b, faults, nil
}

func (f *bundleFile) read(stdin io.Reader) ([]byte, error) {
	in := stdin
	if f.File != "-" {
		file, err := os.Open(f.File)
		if err != nil {
			return nil, fileError("read", f.File, err)
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxBundle+1))
	switch {
	case err != nil:
		return nil, fileError("read", f.name(), err)
	case len(data) > maxBundle:
		return nil, fmt.Errorf("%s is larger than %d MiB", f.name(), maxBundle>>20)
	}
	return data, nil
}

func fileError(verb, name string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("cannot %s %s: %w", verb, name, err)
}

type applyCmd struct{ bundleFile }

// Help is shown by kong.
func (c *applyCmd) Help() string {
	return `Variables such as ${OPENAI_API_KEY} and ${NAME:-default} are expanded from the environment of agwctl.
With any error nothing is applied.

Examples:

    OPENAI_API_KEY=sk-... agwctl gateway apply -f gateway.bundle.yaml
    agwctl gateway export | agwctl gateway apply -f -`
}

// Run applies the bundle.
func (c *applyCmd) Run(ctx context.Context, a *app) error {
	_, err := c.send(ctx, a, "apply", false)
	return err
}

type diffCmd struct{ bundleFile }

// Help is shown by kong.
func (c *diffCmd) Help() string {
	return "Example:\n\n    agwctl gateway diff -f gateway.bundle.yaml || echo \"not what is running\""
}

// Run shows what applying would do.
func (c *diffCmd) Run(ctx context.Context, a *app) error {
	report, err := c.send(ctx, a, "diff", true)
	if err == nil && report.Counts.Create+report.Counts.Update > 0 {
		return exitStatus(exitDifferent)
	}
	return err
}

// send checks the bundle here, then has the gateway plan or apply it, and prints
// the report of whoever found a fault first.
func (f *bundleFile) send(ctx context.Context, a *app, verb string, dryRun bool) (client.Report, error) {
	admin, err := a.admin()
	if err != nil {
		return client.Report{}, err
	}
	bundle, faults, err := f.parse(a)
	if err != nil {
		return client.Report{}, err
	}
	report := localReport(faults)
	if bundle != nil {
		body, err := bundle.JSON()
		if err != nil {
			return report, err
		}
		if report, err = admin.ApplyBundle(ctx, body, "application/json", dryRun); err != nil {
			return report, err
		}
	}
	if err := a.printReport("gateway "+verb+": "+f.name(), f.name(), report); err != nil {
		return report, err
	}
	if report.Status == "error" {
		return report, exitStatus(exitError)
	}
	return report, nil
}

type validateCmd struct{ bundleFile }

// Help is shown by kong.
func (c *validateCmd) Help() string {
	return "Every fault is reported, with its line. References to what is not in the bundle are warnings: it may be in the gateway's store.\n\nExample:\n\n    agwctl gateway validate -f gateway.bundle.yaml"
}

// Run checks the bundle.
func (c *validateCmd) Run(a *app) error {
	bundle, faults, err := c.parse(a)
	if err != nil {
		return err
	}
	objects := 0
	if bundle != nil {
		objects = len(bundle.Items)
		faults = append(faults, bundle.Check()...)
	}
	slices.SortStableFunc(faults, func(x, y configstore.BundleFault) int { return cmp.Compare(x.Line, y.Line) })
	return a.printFaults(c.name(), objects, faults)
}

type exportCmd struct {
	File string `short:"f" placeholder:"FILE" help:"Write to this file instead of the standard output."`
}

// Help is shown by kong.
func (c *exportCmd) Help() string {
	return "Secrets are written as variables, such as ${OPENAI_MAIN_API_KEY:-********}: applied to the same gateway, the bundle keeps what is stored.\n\nExamples:\n\n    agwctl gateway export\n    agwctl gateway export -f gateway.bundle.yaml"
}

// Run prints the bundle, always in YAML.
func (c *exportCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	bundle, err := admin.ExportBundle(ctx)
	if err != nil {
		return err
	}
	if c.File == "" || c.File == "-" {
		_, err := a.stdout.Write(bundle)
		return err
	}
	if err := os.WriteFile(c.File, bundle, 0o644); err != nil {
		return fileError("write", c.File, err)
	}
	return nil
}
