package llmtest

import "github.com/agent-gateway/agent-gateway/llm"

// ProviderOptions say what RunProvider may expect of a provider.
type ProviderOptions struct {
	// Operations are those that the provider serves natively; all are tested, at
	// least one is needed.
	Operations []llm.Operation
	// Unserved are operations for which Native must be empty.
	Unserved []llm.Operation
	// BasePath is what the provider's base URL has after the origin: "/v1" for
	// one that follows OpenAI's SDKs, empty for one that follows Anthropic's or
	// Google's.
	BasePath string
	// PathPrefix is what the upstream has before the calls' paths: "/openai" when
	// "/v1/models" is asked for at "/openai/v1/models". Usually empty.
	PathPrefix string
	// Bearer says that the credential goes into Authorization, whatever the protocol.
	Bearer bool
	// KeyHeader is the header that the credential goes into as it is, and into no
	// other. Empty for where the protocol, or Bearer, wants it.
	KeyHeader string
	// SentBody returns what the upstream receives for a body that lies in memory, for
	// a provider that changes some; one that does not lie in memory it must send as it
	// is. Nil: all arrive as they are.
	SentBody func(op llm.Operation, body []byte) []byte
	// Collects says that the provider asks for a stream even when the call does not,
	// and answers such a call when it has read the stream to its end. A stream that
	// breaks off is then an error of Send, as no response has started.
	Collects bool
	// InProcess says that the provider answers by itself. It is then given an
	// empty base URL, and spared what concerns the way to an upstream.
	InProcess bool
}

// sent is what the upstream receives for a body that lies in memory.
func (o ProviderOptions) sent(op llm.Operation, body []byte) []byte {
	if o.SentBody == nil || body == nil {
		return body
	}
	return o.SentBody(op, body)
}
