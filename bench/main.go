// Command bench measures what the gateway adds to a call, in one run on one
// machine, beside three others in the same seat: no proxy at all, a plain
// httputil.ReverseProxy, and a plain net/http server with one
// http.Transport.RoundTrip. Calls that the gateway translates, and those that it
// routes by a logical model and holds to limits, are measured beside those that it
// relays. It prints Markdown.
//
//	go run ./bench                          everything, in about six minutes
//	go run ./bench -scenarios stream,stream-translated -rounds 9
//	go run ./bench -million                 memory over a million requests
//	go run ./bench -sessions                memory of 1,000 MCP sessions
//
// The gateway is the built agwd with all of its work on: virtual keys, routing,
// and usage recorded into SQLite. Every party is a process of its own, so that
// CPU time and memory are the kernel's figures for that process alone. They come
// from /proc, which only Linux has.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		err = serveRole(os.Args[1], os.Args[2:], os.Stdin, os.Stdout)
	} else {
		err = run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	agwd      string
	rounds    int
	d         time.Duration
	scenarios []scenario
	targets   []string
	million   bool
	sessions  bool
	whole     bool // everything, sessions after the scenarios
}

func parse(args []string, errOut io.Writer) (config, error) {
	var c config
	all := scenarios()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.StringVar(&c.agwd, "agwd", "./agwd", "the gateway's binary")
	flags.IntVar(&c.rounds, "rounds", 5, "rounds; in each, every target does every scenario")
	flags.DurationVar(&c.d, "d", 600*time.Millisecond, "measured time of one run")
	chosen := flags.String("scenarios", "", "some of "+strings.Join(names(all), ",")+"; empty is all")
	targets := flags.String("targets", "", "some of direct,relay,reverseproxy,gateway; empty is all")
	flags.BoolVar(&c.million, "million", false, "instead: a million small requests, memory after each 100,000 (of the gateway, unless -targets says others)")
	flags.BoolVar(&c.sessions, "sessions", false, "instead: 1,000 MCP sessions at once, memory while they call and after their end")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is not a flag: try -h", flags.Arg(0))
	}
	if c.million && c.sessions {
		return c, errors.New("-million and -sessions are not together")
	}
	if c.rounds < 1 || c.d <= 0 {
		return c, errors.New("-rounds and -d must be positive")
	}
	for name := range list(*chosen) {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return c, fmt.Errorf("-scenarios: there is no %q", name)
		}
		c.scenarios = append(c.scenarios, all[i])
	}
	if c.scenarios == nil {
		c.scenarios = all
	}
	for name := range list(*targets) {
		if !slices.Contains(targetNames, name) {
			return c, fmt.Errorf("-targets: there is no %q", name)
		}
		c.targets = append(c.targets, name)
	}
	c.whole = *chosen == "" && *targets == ""
	if c.targets == nil {
		c.targets = targetNames
		if c.million || c.sessions {
			c.targets = []string{"gateway"}
		}
	}
	if !slices.Contains(c.targets, "gateway") && *chosen != "" {
		for _, s := range c.scenarios {
			if s.beside != "" {
				return c, fmt.Errorf("-scenarios: %s is the gateway's alone, which -targets leaves out", s.name)
			}
		}
	}
	return c, nil
}

func names(all []scenario) (names []string) {
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}

// list yields the words between commas.
func list(s string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for word := range strings.SplitSeq(s, ",") {
			if word = strings.TrimSpace(word); word != "" && !yield(word) {
				return
			}
		}
	}
}

func run(ctx context.Context, args []string, out, errOut io.Writer) (err error) {
	c, err := parse(args, errOut)
	if err != nil {
		return err
	}
	b, err := start(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	switch {
	case c.million:
		return b.million(ctx, out)
	case c.sessions:
		return b.sessions(ctx, out)
	}
	samples, err := b.measureAll(ctx, c, errOut)
	if err != nil {
		return err
	}
	err = b.report(ctx, out, c, samples)
	if err == nil && c.whole {
		err = b.sessions(ctx, out)
	}
	return err
}
