// Package e2e drives the gateway with the official Go SDKs: agwd as a real
// process, in front of the fake upstream. With AGW_E2E_DIRECT=1 the gateway is
// left out.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

var direct = os.Getenv("AGW_E2E_DIRECT") == "1"

const (
	upstreamKey  = "sk-e2e-upstream-key"
	virtualKey   = "vk-e2e-everything-0123456789"
	elsewhereKey = "vk-e2e-elsewhere-0123456789" // may use another route only
	password     = "e2e-password"
)

// What the fake upstream says to "hello".
const greeting = "Grüße 🌍 from the fake upstream. You said: hello"

// prompt is the number of tokens of the whole prompt, as OpenAI counts.
const prompt = llmtest.InputTokens + llmtest.CacheReadTokens + llmtest.CacheWriteTokens

// stack is what all tests share. They do not run in parallel.
var stack struct {
	up            *llmtest.Upstream
	origin, admin string
	key           string
	dump          func() string // ends the gateway and tells its goroutines
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	up := &llmtest.Upstream{Key: upstreamKey}
	srv := httptest.NewUnstartedServer(up)
	srv.Config.ConnState = up.ConnState
	srv.Start()
	defer func() {
		up.Close()
		srv.CloseClientConnections()
		srv.Close()
	}()
	up.URL = srv.URL
	stack.up, stack.origin, stack.key = up, srv.URL, upstreamKey
	if !direct {
		stop, err := startGateway(srv.URL)
		if err != nil {
			return 1, err
		}
		defer stop()
		before, err := goroutines()
		if err != nil {
			return 1, err
		}
		code := m.Run()
		srv.CloseClientConnections() // idle ones the gateway may keep
		return code, returned(before)
	}
	return m.Run(), nil
}

// few goroutines come and go by themselves, such as those of the connection that
// asks. The tests break hundreds of calls: a leak is more than that.
const few = 8

// returned waits until the gateway has no more goroutines than before the tests:
// whatever they broke, nothing of it is left behind.
func returned(before int) error {
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		http.DefaultClient.CloseIdleConnections()
		now, err := goroutines()
		if err != nil || now <= before+few {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("agwd has %d goroutines; before the tests it had %d:\n%s", now, before, stack.dump())
		}
	}
}

// goroutines asks the gateway how many it has.
func goroutines() (n int, err error) {
	req, err := http.NewRequest(http.MethodGet, stack.admin+"/admin/metrics/prometheus", nil)
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth("admin", password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "go_goroutines "); ok {
			return strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return 0, fmt.Errorf("/admin/metrics/prometheus does not tell go_goroutines:\n%s", text)
}

// startGateway runs agwd until stop is called.
func startGateway(upstream string) (stop func(), err error) {
	agwd, err := filepath.Abs(cmp.Or(os.Getenv("AGWD"), "../../agwd"))
	if err != nil {
		return nil, err
	}
	hash, err := exec.Command(agwd, "hash-password", "--plaintext", password).Output()
	if err != nil {
		return nil, fmt.Errorf("%s hash-password: %w (build agwd, or set AGWD)", agwd, err)
	}
	dir, err := os.MkdirTemp("", "agw-e2e-")
	if err != nil {
		return nil, err
	}
	bundle := filepath.Join(dir, "bundle.json")
	if err := os.WriteFile(bundle, config(upstream), 0o600); err != nil {
		return nil, err
	}
	addr, adminAddr := freeAddr(), freeAddr()
	cmd := exec.Command(agwd, "--addr", addr, "--admin-addr", adminAddr,
		"--admin-basic-auth-hash", "admin:"+strings.TrimSpace(string(hash)),
		"--config-store", filepath.Join(dir, "configstore.db"), "--static-config", bundle)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AGW_MASTER_KEY=" + os.Getenv("AGW_MASTER_KEY")}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	stack.dump = func() string { // Go programs print their goroutines when they are told to quit
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		err := <-exited
		exited <- err
		return log.String()
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
		_ = os.RemoveAll(dir)
	}
	stack.origin, stack.admin, stack.key = "http://"+addr, "http://"+adminAddr, virtualKey
	for range 200 {
		select {
		case err := <-exited:
			exited <- err
			stop()
			return nil, fmt.Errorf("agwd ended: %v\n%s", err, log.String())
		case <-time.After(50 * time.Millisecond):
		}
		if answers(stack.admin+"/admin/health") && answers(stack.origin) {
			return stop, nil
		}
	}
	stop()
	return nil, fmt.Errorf("agwd does not get ready:\n%s", log.String())
}

func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil
}

func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// config is the bundle: one route for each protocol at /, and some beside it.
func config(upstream string) []byte {
	type object = map[string]any
	provider := func(id, kind, base, key string) object {
		return object{"id": id, "provider_type": kind, "base_url": base, "api_key": key}
	}
	route := func(id, protocol, prefix, providerID string) object {
		return object{"id": id, "protocol": protocol, "match_policy": object{"path_prefix": prefix},
			"auth_policy":   object{"require_virtual_key": true},
			"target_policy": object{"provider_target": object{"provider_id": providerID}}}
	}
	b, _ := json.Marshal(object{
		"apiVersion": "gateway.agw/v1alpha1", "kind": "GatewayBundle",
		"providers": []object{
			provider("openai-up", "openai", upstream+"/v1", upstreamKey),
			provider("anthropic-up", "anthropic", upstream, upstreamKey),
			provider("openai-badkey", "openai", upstream+"/v1", "sk-not-the-right-one"),
			provider("anthropic-badkey", "anthropic", upstream, "sk-not-the-right-one"),
		},
		"llmRoutes": []object{
			route("openai-main", "openai", "/", "openai-up"),
			route("anthropic-main", "anthropic", "/", "anthropic-up"),
			route("openai-badkey", "openai", "/badkey", "openai-badkey"),
			route("anthropic-badkey", "anthropic", "/badkey", "anthropic-badkey"),
		},
		"virtualKeys": []object{
			{"id": "everything", "key": virtualKey, "allowed_route_ids": []string{"*"}},
			{"id": "elsewhere", "key": elsewhereKey, "allowed_route_ids": []string{"openai-badkey"}},
		},
	})
	return b
}

func newOpenAI(prefix, key string) openai.Client {
	return openai.NewClient(openaioption.WithBaseURL(stack.origin+prefix+"/v1"), openaioption.WithAPIKey(key), openaioption.WithMaxRetries(0), openaioption.WithHTTPClient(http.DefaultClient))
}

func newAnthropic(prefix, key string) anthropic.Client {
	return anthropic.NewClient(anthropicoption.WithBaseURL(stack.origin+prefix), anthropicoption.WithAPIKey(key), anthropicoption.WithMaxRetries(0), anthropicoption.WithHTTPClient(http.DefaultClient))
}

// begin resets the upstream and bounds the test.
func begin(t *testing.T) context.Context {
	t.Helper()
	stack.up.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// canceled waits until the upstream has seen a caller go away.
func canceled(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.NoError(t, stack.up.WaitCanceled(ctx))
}

// admin decodes an answer of the Admin API.
func admin(t *testing.T, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stack.admin+path, nil)
	require.NoError(t, err)
	req.SetBasicAuth("admin", password)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode, path)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}

// status is the HTTP status in an SDK's typed error.
func status(t *testing.T, err error) int {
	t.Helper()
	var o *openai.Error
	var a *anthropic.Error
	switch {
	case errors.As(err, &o):
		return o.StatusCode
	case errors.As(err, &a):
		return a.StatusCode
	}
	require.Fail(t, "not a typed error of an SDK", "%T: %v", err, err)
	return 0
}
