// Package gosdk drives the gateway, and the servers behind it, with the official Go SDK.
package gosdk

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// A target is a way to a server; see stack.mjs.
type target struct {
	ID, Via, Era, Transport, URL, Command string
	Args                                  []string
	Headers                               map[string]string
}

var targets []target

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e/mcp/gosdk:", err)
		code = 1
	}
	os.Exit(code)
}

// run has the servers and the gateway run for as long as the tests do.
func run(m *testing.M) (int, error) {
	cmd := exec.Command("node", "../serve.mjs", "everything-http", "everything-sse", "everything-stdio", "fixture-http", "fixture-stdio", "modern-http", "modern-stdio")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return 1, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return 1, fmt.Errorf("serve.mjs tells no targets: %w", err)
	}
	if err := json.Unmarshal(line, &targets); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// each runs a test for every way to every server of an era.
func each(t *testing.T, era string, test func(t *testing.T, to target)) {
	for _, to := range targets {
		if to.Era == era {
			t.Run(to.ID+" "+to.Via, func(t *testing.T) { test(t, to) })
		}
	}
}

// heard is what a session was told.
type heard struct {
	mu       sync.Mutex
	progress []float64
	logs     []any
	changed  chan string
}

// header adds a target's headers to every request.
type header map[string]string

func (h header) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range h {
		r.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func connect(t *testing.T, to target) (*mcp.ClientSession, *heard) {
	t.Helper()
	h := &heard{changed: make(chan string, 100)}
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e-go", Version: "1"}, &mcp.ClientOptions{
		CreateMessageHandler: func(_ context.Context, r *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			asked := r.Params.Messages[0].Content.(*mcp.TextContent).Text
			return &mcp.CreateMessageResult{Role: "assistant", Model: "m", Content: &mcp.TextContent{Text: strings.ToUpper(asked)}}, nil
		},
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada", "username": "ada", "email": "ada@example.com"}}, nil
		},
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { h.changed <- "tools" },
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) { h.changed <- r.Params.URI },
		LoggingMessageHandler: func(_ context.Context, r *mcp.LoggingMessageRequest) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.logs = append(h.logs, r.Params.Data)
		},
		ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.progress = append(h.progress, r.Params.Progress)
		},
	})
	client.AddRoots(&mcp.Root{URI: "file:///go", Name: "go"})
	var transport mcp.Transport
	switch to.Transport {
	case "stdio":
		transport = &mcp.CommandTransport{Command: exec.Command(to.Command, to.Args...)}
	case "sse":
		transport = &mcp.SSEClientTransport{Endpoint: to.URL}
	default:
		transport = &mcp.StreamableClientTransport{Endpoint: to.URL, HTTPClient: &http.Client{Transport: header(to.Headers)}}
	}
	session, err := client.Connect(t.Context(), transport, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	return session, h
}

func call(t *testing.T, session *mcp.ClientSession, name string, args map[string]any) *mcp.CallToolResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	params := &mcp.CallToolParams{Name: name}
	if args != nil { // else it would be null, which servers refuse
		params.Arguments = args
	}
	params.SetProgressToken("token-" + name)
	result, err := session.CallTool(ctx, params)
	require.NoError(t, err)
	require.NotEmpty(t, result.Content)
	return result
}

func text(t *testing.T, session *mcp.ClientSession, name string, args map[string]any) string {
	t.Helper()
	return call(t, session, name, args).Content[0].(*mcp.TextContent).Text
}

// told waits until the session has been told of a change.
func told(t *testing.T, h *heard, what string) {
	t.Helper()
	for deadline := time.After(10 * time.Second); ; {
		select {
		case got := <-h.changed:
			if got == what {
				return
			}
		case <-deadline:
			require.Fail(t, "nothing was told of "+what)
		}
	}
}

func TestLegacy(t *testing.T) {
	each(t, "legacy", func(t *testing.T, to target) {
		session, h := connect(t, to)
		require.Equal(t, "2025-11-25", session.InitializeResult().ProtocolVersion)
		require.NoError(t, session.Ping(t.Context(), nil))
		tools, err := session.ListTools(t.Context(), nil)
		require.NoError(t, err)
		require.Greater(t, len(tools.Tools), 10)
		if strings.HasPrefix(to.ID, "everything") {
			everything(t, session, h)
		} else {
			fixture(t, session, h)
		}
	})
}

func everything(t *testing.T, session *mcp.ClientSession, h *heard) {
	ctx := t.Context()
	require.Equal(t, "Echo: Grüße 🌍", text(t, session, "echo", map[string]any{"message": "Grüße 🌍"}))
	require.Contains(t, text(t, session, "trigger-sampling-request", map[string]any{"prompt": "a haiku"}), "A HAIKU")
	require.Contains(t, text(t, session, "get-roots-list", nil), "file:///go")

	began := time.Now()
	require.Contains(t, text(t, session, "trigger-long-running-operation", map[string]any{"duration": 0.5, "steps": 5}), "completed")
	require.Greater(t, time.Since(began), 400*time.Millisecond)
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.progress) == 5
	}, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, []float64{1, 2, 3, 4, 5}, h.progress)

	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err := session.CallTool(short, &mcp.CallToolParams{Name: "trigger-long-running-operation", Arguments: map[string]any{"duration": 20, "steps": 2}})
	require.Error(t, err)

	uri := "demo://resource/dynamic/text/" + fmt.Sprint(time.Now().UnixNano())
	require.NoError(t, session.Subscribe(ctx, &mcp.SubscribeParams{URI: uri}))
	call(t, session, "toggle-subscriber-updates", nil)
	told(t, h, uri)
	call(t, session, "toggle-subscriber-updates", nil)

	prompt, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: "args-prompt", Arguments: map[string]string{"city": "Köln"}})
	require.NoError(t, err)
	require.Equal(t, "What's weather in Köln?", prompt.Messages[0].Content.(*mcp.TextContent).Text)
	done, err := session.Complete(ctx, &mcp.CompleteParams{
		Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "completable-prompt"}, Argument: mcp.CompleteParamsArgument{Name: "department", Value: "S"},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"Sales", "Support"}, done.Completion.Values)
}

func fixture(t *testing.T, session *mcp.ClientSession, h *heard) {
	ctx := t.Context()
	var prompts []string
	for prompt, err := range session.Prompts(ctx, nil) { // page by page
		require.NoError(t, err)
		prompts = append(prompts, prompt.Name)
	}
	require.Len(t, prompts, 4)
	require.Contains(t, text(t, session, "test_elicitation", map[string]any{"message": "Who?"}), "ada@example.com")
	require.NoError(t, session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: "debug"}))
	call(t, session, "test_tool_with_logging", nil)
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.logs) == 3
	}, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, []any{"Tool execution started", "Tool processing data", "Tool execution completed"}, h.logs)
	require.Equal(t, `progress token: "token-test_tool_with_progress"`, text(t, session, "test_tool_with_progress", nil))
	require.Contains(t, text(t, session, "test_reconnection", nil), "reconnected")
	call(t, session, "change", nil)
	told(t, h, "tools")

	_, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "test://none"})
	require.ErrorContains(t, err, "Resource not found")
}

func TestModern(t *testing.T) {
	each(t, "modern", func(t *testing.T, to target) {
		ctx := t.Context()
		session, h := connect(t, to)
		require.Equal(t, "2026-07-28", session.InitializeResult().ProtocolVersion)
		require.Equal(t, "e2e-modern", session.InitializeResult().ServerInfo.Name)
		tools, err := session.ListTools(ctx, nil)
		require.NoError(t, err)
		require.Greater(t, len(tools.Tools), 8)
		require.Equal(t, "Echo: Grüße", text(t, session, "echo", map[string]any{"message": "Grüße"}))

		require.Equal(t, "slept 4 times", text(t, session, "slow", map[string]any{"steps": 4, "ms": 100}))
		require.Eventually(t, func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return len(h.progress) == 4
		}, 5*time.Second, 10*time.Millisecond)

		// Input that is required is given in rounds. This SDK cannot read a request for the
		// roots as the server writes it, without params.
		require.JSONEq(t, `{"name":"Ada","poem":"ADA WANTS A POEM ABOUT GO"}`, text(t, session, "interview", map[string]any{"topic": "go", "without_roots": true}))

		// An argument that goes into a header, once the tool's schema is known.
		if to.Transport == "streamable_http" {
			require.Contains(t, text(t, session, "region", map[string]any{"region": "Zürich 1"}), "Zürich 1")
		}

		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err = session.CallTool(short, &mcp.CallToolParams{Name: "slow", Arguments: map[string]any{"steps": 100, "ms": 100}})
		require.Error(t, err)
		require.Equal(t, "Echo: after", text(t, session, "echo", map[string]any{"message": "after"}))

		read, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "demo://watched"})
		require.NoError(t, err)
		require.Equal(t, "watched text «ü»", read.Contents[0].Text)
		require.NoError(t, session.Subscribe(ctx, &mcp.SubscribeParams{URI: "demo://watched"}))
		if strings.HasSuffix(to.ID, "stdio") {
			call(t, session, "change", nil)
			told(t, h, "demo://watched")
		}
	})
}
