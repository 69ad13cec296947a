// Package llmtest tests what speaks to LLM providers. It has two parts.
//
// [Upstream] is a fake provider that speaks OpenAI's, Anthropic's and Gemini's
// protocols, records what it is asked, and breaks in every way that a test asks for:
//
//	up := llmtest.NewUpstream(t)
//	up.Key = "sk-upstream"
//	up.Enqueue(llmtest.Fault{Break: llmtest.MidEvent, After: 3})
//	// … call something whose base URL is up.URL+"/v1" …
//	require.Equal(t, "/v1/chat/completions", up.Last().Path)
//
// A client in another process steers it by a marker in any text of its request:
//
//	"Hello [[fault:status=429,retry_after=2]]"
//
// [RunProvider] is the conformance suite of [llm.Provider]. Call it from the
// tests of an implementation:
//
//	llmtest.RunProvider(t, func(t *testing.T, baseURL string) llm.Provider {
//		p, err := mine.New(llm.Config{ID: "mine", BaseURL: baseURL})
//		require.NoError(t, err)
//		return p
//	}, llmtest.ProviderOptions{BasePath: "/v1", Operations: []llm.Operation{llm.OpenAIChat}})
package llmtest
