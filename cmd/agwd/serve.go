package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	gateway "github.com/agent-gateway/agent-gateway"
	configsqlite "github.com/agent-gateway/agent-gateway/configstore/sqlite"
	"github.com/agent-gateway/agent-gateway/metrics/prometheus"
	metricssqlite "github.com/agent-gateway/agent-gateway/metrics/sqlite"
)

// common are the flags of both ways to serve.
type common struct {
	Addr                 string     `default:"127.0.0.1:8080" help:"Address of the data plane."`
	AdminAddr            string     `default:"localhost:8019" help:"Address of the Admin API."`
	AdminBasicAuthHash   *string    `env:"AGW_ADMIN_BASIC_AUTH_HASH" placeholder:"USER:BCRYPT" help:"Who may use the Admin API: a user name, a colon, and the output of agwd hash-password."`
	AdminOrigin          []string   `placeholder:"ORIGIN" help:"A foreign origin whose pages may use the Admin API, as https://host. Repeats."`
	InsecureAdmin        bool       `help:"Let the Admin API listen beyond loopback without authentication."`
	AllowStdio           bool       `env:"AGW_ALLOW_STDIO" help:"Let whoever may use the Admin API write MCP services that run a command on this machine. Without it only static configuration and callers over loopback may."`
	ProviderType         []string   `placeholder:"TYPE" help:"Enable this provider type only. Repeats; all are enabled without it."`
	MetricsRetentionDays int        `default:"30" help:"How long events are kept; =-1 keeps them forever."`
	MaxAgentDepth        int        `default:"0" help:"Refuse call chains that have come through a gateway this often; 0 is no limit."`
	LogLevel             slog.Level `default:"info" help:"debug, info, warn or error."`
}

type serveCommand struct {
	common
	ConfigStore  string `default:"./data/configstore.db" placeholder:"FILE" help:"The SQLite file of configuration and events. Its secrets are sealed with AGW_MASTER_KEY, or else with a key file made beside it."`
	StaticConfig string `placeholder:"FILE" help:"A bundle that lies over the store and cannot be changed while the daemon runs. $${VAR} is expanded."`
}

// Run serves until ctx is done.
func (c *serveCommand) Run(ctx context.Context, o output) error {
	var opts []gateway.Option
	if c.StaticConfig != "" {
		text, err := os.ReadFile(c.StaticConfig)
		if err != nil {
			return fmt.Errorf("--static-config: %w", err)
		}
		opts = append(opts, named(c.StaticConfig, gateway.WithStaticBundle(text, os.LookupEnv)))
	}
	return c.serve(ctx, o, c.ConfigStore, opts, func(*daemon) error { return nil })
}

// named adds the file's name to each fault of an option.
func named(file string, opt gateway.Option) gateway.Option {
	return func(s *gateway.Settings) error {
		err := opt(s)
		var many interface{ Unwrap() []error }
		if !errors.As(err, &many) {
			return err
		}
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, fmt.Errorf("%s: %w", file, e))
		}
		return errors.Join(all...)
	}
}

// daemon is a gateway that listens.
type daemon struct {
	gw          *gateway.Gateway
	data, admin net.Listener
}

// serve runs a gateway until ctx is done; started is called when it listens.
func (c *common) serve(ctx context.Context, o output, file string, opts []gateway.Option, started func(*daemon) error) (err error) {
	if c.MaxAgentDepth < 0 {
		return fmt.Errorf("--max-agent-depth is %d; it must not be negative", c.MaxAgentDepth)
	}
	if c.MetricsRetentionDays == 0 || c.MetricsRetentionDays < -1 {
		return fmt.Errorf("--metrics-retention-days is %d; it must be at least 1, or -1 to keep events forever", c.MetricsRetentionDays)
	}
	log := newLogger(o.log, c.LogLevel)
	auth, err := c.adminAuth(log)
	if err != nil {
		return err
	}
	// Addresses first: a port in use is the most common mistake, and nothing has
	// been made yet.
	d := &daemon{}
	if d.data, err = listen("--addr", c.Addr); err != nil {
		return err
	}
	defer func() { _ = d.data.Close() }()
	if d.admin, err = listen("--admin-addr", c.AdminAddr); err != nil {
		return err
	}
	defer func() { _ = d.admin.Close() }()

	key, err := masterKey(file, os.Getenv("AGW_MASTER_KEY"))
	if err != nil {
		return err
	}
	store, err := configsqlite.Open(ctx, file)
	if err != nil {
		return fmt.Errorf("--config-store: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	events, err := metricssqlite.Open(ctx, file, metricssqlite.Options{RetentionDays: c.MetricsRetentionDays, Logger: log})
	if err != nil {
		return fmt.Errorf("--config-store: %w", err)
	}
	defer func() { err = errors.Join(err, events.Close()) }()

	counters := prometheus.New(prometheus.Options{Runtime: true})
	if c.AllowStdio {
		opts = append(opts, gateway.WithAllowStdio())
	}
	d.gw, err = gateway.New(append([]gateway.Option{
		gateway.WithStore(store), gateway.WithMasterKey(key), gateway.WithEventWriter(events), gateway.WithSink(counters), gateway.WithExposition(counters),
		gateway.WithLogger(log), gateway.WithAdminAuth(auth), gateway.WithAdminOrigins(c.AdminOrigin...), gateway.WithProviderTypes(c.ProviderType...),
		gateway.WithMaxAgentDepth(c.MaxAgentDepth),
	}, opts...)...)
	if err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, d.gw.Shutdown(drain))
	}()
	return d.run(ctx, log, started)
}

// run serves both listeners until ctx is done or one of them fails.
func (d *daemon) run(ctx context.Context, log *slog.Logger, started func(*daemon) error) error {
	servers := []*http.Server{newServer(d.gw, log), newServer(d.gw.Admin(), log)}
	servers[0].RegisterOnShutdown(d.gw.Drain)
	ended := make(chan error, len(servers))
	for i, ln := range []net.Listener{d.data, d.admin} {
		go func() { ended <- servers[i].Serve(ln) }()
	}
	log.Info("serving", "addr", d.data.Addr().String(), "admin_addr", d.admin.Addr().String())
	var failed error
	running := len(servers)
	if failed = started(d); failed == nil {
		select {
		case <-ctx.Done():
			log.Info("stopping; requests under way have 30 seconds to end")
		case failed = <-ended:
			running--
		}
	}
	grace, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, s := range servers {
		if err := s.Shutdown(grace); err != nil {
			log.Warn("requests were cut off", "error", err)
			_ = s.Close()
		}
	}
	for range running {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: stdlog.New(serverLog{log}, "", 0),
	}
}

// serverLog takes what net/http's server says: much of it is about callers that
// went away, some of it about this program.
type serverLog struct{ log *slog.Logger }

func (s serverLog) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.HasPrefix(line, []byte("http: Accept error")) || bytes.HasPrefix(line, []byte("http: panic")) {
		level = slog.LevelError
	}
	s.log.Log(context.Background(), level, string(bytes.TrimSpace(line)))
	return len(line), nil
}

func listen(flag, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s %s: another program listens there already: stop it, or choose another address with %s", flag, addr, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return ln, nil
}

// loopback says whether an address can be reached from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
