package main

import (
	"context"
	"errors"
	"os"
	"slices"
)

// targetNames is the order in which reports list them.
var targetNames = []string{"direct", "relay", "reverseproxy", "gateway"}

// target is what stands where the gateway may stand.
type target struct {
	name, addr, key string
	proc            *child // nil for direct
	sent            int    // requests that it got, all in all
}

// bench holds the processes of one run.
type bench struct {
	dir     string // of the gateway
	up      *child
	targets []*target
}

// start starts everything that the run needs. The caller stops it.
func start(ctx context.Context, c config) (b *bench, err error) {
	b = &bench{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "agw-bench-"); err != nil {
		return b, err
	}
	if b.up, err = startRole("upstream"); err != nil {
		return b, err
	}
	url := "http://" + b.up.addr
	for _, name := range targetNames {
		if !slices.Contains(c.targets, name) {
			continue
		}
		t := &target{name: name, addr: b.up.addr, key: upstreamKey}
		switch name {
		case "direct":
		case "gateway":
			t.key = virtualKey
			t.proc, err = startGateway(ctx, c.agwd, b.dir, url)
		default:
			t.key = virtualKey
			t.proc, err = startRole(name, url)
		}
		if err != nil {
			return b, err
		}
		if t.proc != nil {
			t.addr = t.proc.addr
		}
		b.targets = append(b.targets, t)
	}
	return b, nil
}

func (b *bench) stop() error {
	var all []error
	for _, t := range b.targets {
		if t.proc != nil {
			all = append(all, t.proc.stop())
		}
	}
	if b.up != nil {
		all = append(all, b.up.stop())
	}
	return errors.Join(append(all, os.RemoveAll(b.dir))...)
}
