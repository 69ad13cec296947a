// Package llm holds what the gateway and an LLM provider say to each other.
//
// A [Provider] makes one upstream call at the level of bytes: it is handed the
// operation, the headers and a [Body], and answers with a status, headers and a
// stream of bytes. It decodes nothing, so nothing is lost. Implement it to put
// an upstream of your own behind the gateway:
//
//	type canned struct{}
//
//	func (canned) Native(op llm.Operation, model string) []llm.Operation {
//		if op == llm.OpenAIChat {
//			return []llm.Operation{op}
//		}
//		return nil
//	}
//
//	func (canned) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
//		return llm.JSONResponse(200, []byte(`{"object":"chat.completion","choices":[]}`)), nil
//	}
//
// Package llmtest has the conformance suite that every provider here passes.
// The packages openai, anthropic and echo below are the built-in providers.
package llm
