package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/llm"
)

// The provider type echo answers offline with what it was asked.
const exampleBundle = `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
  - id: demo
    provider_type: echo
llmRoutes:
  - id: openai
    protocol: openai
    match_policy: {path_prefix: /}
    auth_policy: {require_virtual_key: true}
    target_policy: {provider_target: {provider_id: demo}}
virtualKeys:
  - id: team
    key: ${TEAM_KEY}
    allowed_route_ids: [openai]
`

// env stands for os.LookupEnv.
func env(name string) (string, bool) {
	return "vk-example-0123456789", name == "TEAM_KEY"
}

// ask sends a request and prints the answer's status and what the model said.
func ask(base, path, body string) {
	req, err := http.NewRequest("POST", base+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", "Bearer vk-example-0123456789")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	_, answer, _ := strings.Cut(string(text), `"content":"`)
	answer, _, _ = strings.Cut(answer, `"`)
	fmt.Println(resp.StatusCode, answer)
}

// The gateway is one handler, configured by a bundle that nothing can change.
func Example() {
	gw, err := gateway.New(gateway.WithStaticBundle([]byte(exampleBundle), env), gateway.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := httptest.NewServer(gw)
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
		_ = gw.Shutdown(context.Background())
	}()

	ask(srv.URL, "/v1/chat/completions", `{"model":"any","messages":[{"role":"user","content":"hello"}]}`)
	// Output: 200 hello
}

// Under a mux of one's own, the part of the path that leads to the gateway is
// stripped. The Admin API goes where its users are, behind authentication.
func Example_mux() {
	onlyAdmins := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, password, _ := r.BasicAuth(); password != "correct horse" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	gw, err := gateway.New(gateway.WithStaticBundle([]byte(exampleBundle), env), gateway.WithAdminAuth(onlyAdmins))
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/ai/", http.StripPrefix("/ai", gw))
	mux.Handle("/admin/", gw.Admin())
	srv := httptest.NewServer(mux)
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
		_ = gw.Shutdown(context.Background())
	}()

	ask(srv.URL, "/ai/v1/chat/completions", `{"model":"any","messages":[{"role":"user","content":"under a prefix"}]}`)
	resp, err := http.Get(srv.URL + "/admin/virtual_keys")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output:
	// 200 under a prefix
	// 401
}

// parrot is a model that runs in this process.
type parrot struct{}

// Native says that the parrot speaks OpenAI's chat completions only.
func (parrot) Native(op llm.Operation, _ string) []llm.Operation {
	if op == llm.OpenAIChat {
		return []llm.Operation{op}
	}
	return nil
}

// Send answers in that protocol.
func (parrot) Send(_ context.Context, call *llm.Call) (*llm.Response, error) {
	return llm.JSONResponse(http.StatusOK, fmt.Appendf(nil,
		`{"object":"chat.completion","model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"squawk"},"finish_reason":"stop"}]}`, call.Model)), nil
}

// A provider of one's own stands behind routes like any other.
func ExampleWithProvider() {
	gw, err := gateway.New(
		gateway.WithProvider("parrot", parrot{}),
		gateway.WithStatic(&configstore.LLMRoute{
			ID: "birds", Protocol: "openai",
			MatchPolicy:  configstore.MatchPolicy{PathPrefix: "/birds"},
			TargetPolicy: configstore.TargetPolicy{ProviderTarget: configstore.ProviderTarget{ProviderID: "parrot"}},
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := httptest.NewServer(gw)
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
		_ = gw.Shutdown(context.Background())
	}()

	ask(srv.URL, "/birds/v1/chat/completions", `{"model":"grey","messages":[{"role":"user","content":"hello"}]}`)
	// Output: 200 squawk
}

// countingStore is a store of one's own: here one that counts what is committed
// to another.
type countingStore struct {
	configstore.Store
	commits int
}

func (s *countingStore) Commit(ctx context.Context, base int64, ops ...configstore.Op) (int64, error) {
	s.commits++
	return s.Store.Commit(ctx, base, ops...)
}

// A store of one's own keeps the configuration that the Admin API changes.
func ExampleWithStore() {
	store := &countingStore{Store: configstore.NewMemory()}
	defer func() { _ = store.Close() }()
	gw, err := gateway.New(
		gateway.WithStore(store),
		gateway.WithMasterKey([]byte("at least 32 bytes, from a secret store")), // seals the secrets
		gateway.WithInsecureAdmin(),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = gw.Shutdown(context.Background()) }()
	before := store.commits

	req := httptest.NewRequest("POST", "/admin/llm/providers", strings.NewReader(`{"id":"demo","provider_type":"echo"}`))
	answer := httptest.NewRecorder()
	gw.Admin().ServeHTTP(answer, req)
	fmt.Println(answer.Code, store.commits-before)
	// Output: 201 1
}

// A dispatcher takes the requests that routes of its protocols match, and leaves
// all others to the next handler.
func ExampleGateway_Dispatcher() {
	gw, err := gateway.New(gateway.WithStaticBundle([]byte(exampleBundle), env))
	if err != nil {
		fmt.Println(err)
		return
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"content":"the page %s"}`, r.URL.Path) })
	srv := httptest.NewServer(gw.Dispatcher(site, gateway.OpenAI))
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
		_ = gw.Shutdown(context.Background())
	}()

	ask(srv.URL, "/v1/chat/completions", `{"model":"any","messages":[{"role":"user","content":"to the model"}]}`)
	ask(srv.URL, "/about", ``)
	// Output:
	// 200 to the model
	// 200 the page /about
}
