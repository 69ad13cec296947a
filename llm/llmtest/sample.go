package llmtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// sample is one good call of an operation.
type sample struct {
	op           llm.Operation
	method, path string
	query        string
	body         string // "" for none; %s is replaced by some text
	stream       bool
	binary       bool // the answer is not JSON
	multipart    bool
	object       bool // asks for an object by its id, which may not exist
}

const (
	get  = http.MethodGet
	post = http.MethodPost

	boundary = "llmtest-boundary"
	upload   = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n" +
		"--" + boundary + "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nllmtest\r\n" +
		"--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n" +
		"Content-Type: application/octet-stream\r\n\r\n%s \x00\xff\xfe\r\n\r\n--" + boundary + "--\r\n"
)

var samples = []sample{
	{op: llm.OpenAIChat, method: post, path: "/v1/chat/completions", body: `{"model":"llmtest","messages":[{"role":"user","content":"%s"}]}`},
	{op: llm.OpenAIChat, method: post, path: "/v1/chat/completions", body: `{"model":"llmtest","stream":true,"messages":[{"role":"user","content":"%s"}]}`, stream: true},
	{op: llm.OpenAIResponses, method: post, path: "/v1/responses", body: `{"model":"llmtest","input":"%s"}`},
	{op: llm.OpenAIResponses, method: post, path: "/v1/responses", body: `{"model":"llmtest","input":"%s","stream":true}`, stream: true},
	{op: llm.OpenAIResponse, method: get, path: "/v1/responses/resp_1", object: true},
	{op: llm.OpenAIInputTokens, method: post, path: "/v1/responses/input_tokens", body: `{"model":"llmtest","input":"%s"}`},
	{op: llm.OpenAIEmbeddings, method: post, path: "/v1/embeddings", body: `{"model":"llmtest","input":["%s","b"]}`},
	{op: llm.OpenAICompletions, method: post, path: "/v1/completions", body: `{"model":"llmtest","prompt":"%s"}`},
	{op: llm.OpenAICompletions, method: post, path: "/v1/completions", body: `{"model":"llmtest","prompt":"%s","stream":true}`, stream: true},
	{op: llm.OpenAIModerations, method: post, path: "/v1/moderations", body: `{"model":"llmtest","input":"%s"}`},
	{op: llm.OpenAIImages, method: post, path: "/v1/images/generations", body: `{"model":"llmtest","prompt":"%s"}`},
	{op: llm.OpenAIAudio, method: post, path: "/v1/audio/speech", body: `{"model":"llmtest","input":"%s","voice":"alloy"}`, binary: true},
	{op: llm.OpenAIAudio, method: post, path: "/v1/audio/transcriptions", body: upload, multipart: true},
	{op: llm.OpenAIFiles, method: post, path: "/v1/files", body: upload, multipart: true},
	{op: llm.OpenAIFiles, method: get, path: "/v1/files"},
	{op: llm.OpenAIFiles, method: get, path: "/v1/files/a%2Fb", object: true},
	{op: llm.OpenAIBatches, method: post, path: "/v1/batches", body: `{"input_file_id":"%s","endpoint":"/v1/responses","completion_window":"24h"}`},
	{op: llm.OpenAIRerank, method: post, path: "/v1/rerank", body: `{"model":"llmtest","query":"%s","documents":["a","b"]}`},
	{op: llm.OpenAIModels, method: get, path: "/v1/models"},
	{op: llm.OpenAIModels, method: get, path: "/v1/models/vendor%2Fmodel%3A1", object: true},
	{op: llm.AnthropicMessages, method: post, path: "/v1/messages", body: `{"model":"llmtest","max_tokens":64,"messages":[{"role":"user","content":"%s"}]}`},
	{op: llm.AnthropicMessages, method: post, path: "/v1/messages", body: `{"model":"llmtest","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"%s"}]}`, stream: true},
	{op: llm.AnthropicCountTokens, method: post, path: "/v1/messages/count_tokens", body: `{"model":"llmtest","messages":[{"role":"user","content":"%s"}]}`},
	{op: llm.AnthropicModels, method: get, path: "/v1/models"},
	{op: llm.AnthropicModels, method: get, path: "/v1/models/vendor%2Fmodel", object: true},
	{op: llm.AnthropicBatches, method: post, path: "/v1/messages/batches", body: `{"requests":[{"custom_id":"%s","params":{"model":"llmtest","max_tokens":1,"messages":[]}}]}`},
	{op: llm.AnthropicFiles, method: post, path: "/v1/files", body: upload, multipart: true},
	{op: llm.GeminiGenerate, method: post, path: "/v1beta/models/llmtest:generateContent", body: `{"contents":[{"role":"user","parts":[{"text":"%s"}]}]}`},
	{op: llm.GeminiGenerate, method: post, path: "/v1beta/models/llmtest:streamGenerateContent", query: "alt=sse", body: `{"contents":[{"role":"user","parts":[{"text":"%s"}]}]}`, stream: true},
	{op: llm.GeminiGenerate, method: post, path: "/v1beta/models/llmtest:streamGenerateContent", body: `{"contents":[{"parts":[{"text":"%s"}]}]}`}, // a JSON array
	{op: llm.GeminiGenerate, method: post, path: "/v1/models/llmtest:generateContent", body: `{"contents":[{"parts":[{"text":"%s"}]}]}`},
	{op: llm.GeminiCountTokens, method: post, path: "/v1beta/models/llmtest:countTokens", body: `{"contents":[{"parts":[{"text":"%s"}]}]}`},
	{op: llm.GeminiEmbed, method: post, path: "/v1beta/models/llmtest:embedContent", body: `{"content":{"parts":[{"text":"%s"}]}}`},
	{op: llm.GeminiBatchEmbed, method: post, path: "/v1beta/models/llmtest:batchEmbedContents", body: `{"requests":[{"model":"models/llmtest","content":{"parts":[{"text":"%s"}]}}]}`},
	{op: llm.GeminiModels, method: get, path: "/v1beta/models"},
	{op: llm.GeminiModels, method: get, path: "/v1beta/models/vendor%2Fmodel%3A1", object: true},
}

// samplesOf returns the calls of an operation: an unknown one is made up.
func samplesOf(op llm.Operation) []sample {
	var list []sample
	for _, s := range samples {
		if s.op == op {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		list = []sample{{op: op, method: post, path: "/v1/" + string(op), body: `{"model":"llmtest","text":"%s"}`}}
	}
	return list
}

func (s sample) String() string {
	name := fmt.Sprintf("%s %s", s.method, s.path)
	if s.stream {
		name += " (stream)"
	}
	return strings.ReplaceAll(name, "/", "∕") // a slash would nest the subtests
}

// streams says whether the operation can have a stream.
func (s sample) streams() bool {
	return slices.ContainsFunc(samples, func(x sample) bool { return x.op == s.op && x.stream })
}

// call is the sample as a call.
func (s sample) call() *llm.Call { return s.saying("hello llmtest") }

func (s sample) saying(text string) *llm.Call {
	return s.sending([]byte(strings.Replace(s.body, "%s", text, 1)))
}

// sending is the call with a body of its own.
func (s sample) sending(body []byte) *llm.Call {
	call := &llm.Call{
		Operation: s.op, Method: s.method, Path: s.path, Model: "llmtest", Stream: s.stream,
		Header:     http.Header{"X-Llmtest": {"one", "two"}},
		Credential: llm.Credential{ID: "llmtest", Source: "provider", APIKey: upstreamKey},
	}
	if s.query != "" {
		call.Query, _ = url.ParseQuery(s.query)
	}
	if s.op.Protocol() == "anthropic" {
		call.Header.Set("Anthropic-Version", "2023-06-01")
	}
	if s.body != "" {
		call.Header.Set("Content-Type", "application/json")
		if s.multipart {
			call.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
		}
		call.Body = llm.BytesBody(body)
	}
	return call
}

// terminator is what a whole stream of the operation ends with.
func (s sample) terminator() string {
	switch s.op {
	case llm.OpenAIResponses:
		return "response.completed"
	case llm.AnthropicMessages:
		return "message_stop"
	case llm.GeminiGenerate:
		return `"finishReason"`
	}
	return "[DONE]"
}
