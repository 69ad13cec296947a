package llmproxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Endpoint is one row of a protocol's table: what a method and a path ask for.
type Endpoint struct {
	Method string
	// Path is what follows "/v1/"; {id} stands for one segment, {id...} at the
	// end for one or more.
	Path      string
	Operation llm.Operation
	Body      BodyKind
	// Shared says that another protocol has this path too; headers decide.
	Shared bool
	// Unchecked says that the request may reach models that it does not name at
	// the top, so that a caller who is held to some models may not make it.
	Unchecked bool
	// List says that the answer is a list of models, which is cut to those that
	// the caller may use.
	List bool
	// Model says where the request names its model.
	Model ModelPlace
	// Action is what stands behind the colon in a path of Gemini's; Stream says that
	// its answer is streamed.
	Action string
	Stream bool
}

// ModelPlace says where a request names its model.
type ModelPlace uint8

const (
	InBody ModelPlace = iota
	InPath
)

// NamesModel says whether a request to the endpoint is about one model.
func (e *Endpoint) NamesModel() bool {
	return e.Model == InPath || e.Body == JSONBody && !e.Unchecked
}

// translates says whether the endpoint's requests can be put in another protocol.
func (e *Endpoint) translates() bool {
	return codecs[e.Operation] != nil && e.Path != "responses/compact"
}

// BodyKind says how a request's body is treated.
type BodyKind uint8

const (
	NoBody   BodyKind = iota
	JSONBody          // read whole, scanned, may be sent again
	Upload            // streamed, one attempt
)

var endpoints = map[string][]Endpoint{
	"openai": {
		{Method: "POST", Path: "chat/completions", Operation: llm.OpenAIChat, Body: JSONBody},
		{Method: "POST", Path: "responses", Operation: llm.OpenAIResponses, Body: JSONBody},
		{Method: "POST", Path: "responses/input_tokens", Operation: llm.OpenAIInputTokens, Body: JSONBody},
		{Method: "POST", Path: "responses/compact", Operation: llm.OpenAIResponses, Body: JSONBody},
		{Method: "GET", Path: "responses/{id}", Operation: llm.OpenAIResponse},
		{Method: "DELETE", Path: "responses/{id}", Operation: llm.OpenAIResponse},
		{Method: "POST", Path: "responses/{id}/cancel", Operation: llm.OpenAIResponse},
		{Method: "GET", Path: "responses/{id}/input_items", Operation: llm.OpenAIResponse},
		{Method: "POST", Path: "embeddings", Operation: llm.OpenAIEmbeddings, Body: JSONBody},
		{Method: "POST", Path: "completions", Operation: llm.OpenAICompletions, Body: JSONBody},
		{Method: "POST", Path: "moderations", Operation: llm.OpenAIModerations, Body: JSONBody},
		{Method: "POST", Path: "images/generations", Operation: llm.OpenAIImages, Body: JSONBody},
		{Method: "POST", Path: "images/edits", Operation: llm.OpenAIImages, Body: Upload},
		{Method: "POST", Path: "images/variations", Operation: llm.OpenAIImages, Body: Upload},
		{Method: "POST", Path: "audio/speech", Operation: llm.OpenAIAudio, Body: JSONBody},
		{Method: "POST", Path: "audio/transcriptions", Operation: llm.OpenAIAudio, Body: Upload},
		{Method: "POST", Path: "audio/translations", Operation: llm.OpenAIAudio, Body: Upload},
		{Method: "POST", Path: "rerank", Operation: llm.OpenAIRerank, Body: JSONBody},
		{Method: "POST", Path: "files", Operation: llm.OpenAIFiles, Body: Upload, Shared: true},
		{Method: "GET", Path: "files", Operation: llm.OpenAIFiles, Shared: true},
		{Method: "GET", Path: "files/{id}", Operation: llm.OpenAIFiles, Shared: true},
		{Method: "DELETE", Path: "files/{id}", Operation: llm.OpenAIFiles, Shared: true},
		{Method: "GET", Path: "files/{id}/content", Operation: llm.OpenAIFiles, Shared: true},
		{Method: "POST", Path: "batches", Operation: llm.OpenAIBatches, Body: JSONBody, Unchecked: true},
		{Method: "GET", Path: "batches", Operation: llm.OpenAIBatches},
		{Method: "GET", Path: "batches/{id}", Operation: llm.OpenAIBatches},
		{Method: "POST", Path: "batches/{id}/cancel", Operation: llm.OpenAIBatches},
		{Method: "GET", Path: "models", Operation: llm.OpenAIModels, Shared: true, List: true},
		{Method: "GET", Path: "models/{id...}", Operation: llm.OpenAIModels, Shared: true},
	},
	"anthropic": {
		{Method: "POST", Path: "messages", Operation: llm.AnthropicMessages, Body: JSONBody},
		{Method: "POST", Path: "messages/count_tokens", Operation: llm.AnthropicCountTokens, Body: JSONBody},
		{Method: "GET", Path: "models", Operation: llm.AnthropicModels, Shared: true, List: true},
		{Method: "GET", Path: "models/{id}", Operation: llm.AnthropicModels, Shared: true},
		{Method: "POST", Path: "messages/batches", Operation: llm.AnthropicBatches, Body: JSONBody, Unchecked: true},
		{Method: "GET", Path: "messages/batches", Operation: llm.AnthropicBatches},
		{Method: "GET", Path: "messages/batches/{id}", Operation: llm.AnthropicBatches},
		{Method: "DELETE", Path: "messages/batches/{id}", Operation: llm.AnthropicBatches},
		{Method: "GET", Path: "messages/batches/{id}/results", Operation: llm.AnthropicBatches},
		{Method: "POST", Path: "messages/batches/{id}/cancel", Operation: llm.AnthropicBatches},
		{Method: "POST", Path: "files", Operation: llm.AnthropicFiles, Body: Upload, Shared: true},
		{Method: "GET", Path: "files", Operation: llm.AnthropicFiles, Shared: true},
		{Method: "GET", Path: "files/{id}", Operation: llm.AnthropicFiles, Shared: true},
		{Method: "DELETE", Path: "files/{id}", Operation: llm.AnthropicFiles, Shared: true},
		{Method: "GET", Path: "files/{id}/content", Operation: llm.AnthropicFiles, Shared: true},
	},
	// What Claude Code asks of a gateway, in Anthropic's form.
	"cc": {
		{Method: "POST", Path: "messages", Operation: llm.AnthropicMessages, Body: JSONBody},
		{Method: "POST", Path: "messages/count_tokens", Operation: llm.AnthropicCountTokens, Body: JSONBody},
		{Method: "GET", Path: "models", Operation: llm.AnthropicModels, Shared: true, List: true},
		{Method: "GET", Path: "models/{id}", Operation: llm.AnthropicModels, Shared: true},
	},
	"gemini": {
		{Method: "POST", Path: "models/{id...}", Action: "generateContent", Operation: llm.GeminiGenerate, Body: JSONBody, Model: InPath},
		{Method: "POST", Path: "models/{id...}", Action: "streamGenerateContent", Operation: llm.GeminiGenerate, Body: JSONBody, Model: InPath, Stream: true},
		{Method: "POST", Path: "models/{id...}", Action: "countTokens", Operation: llm.GeminiCountTokens, Body: JSONBody, Model: InPath},
		{Method: "POST", Path: "models/{id...}", Action: "embedContent", Operation: llm.GeminiEmbed, Body: JSONBody, Model: InPath},
		{Method: "POST", Path: "models/{id...}", Action: "batchEmbedContents", Operation: llm.GeminiBatchEmbed, Body: JSONBody, Model: InPath},
		{Method: "GET", Path: "models", Operation: llm.GeminiModels, Shared: true, List: true},
		{Method: "GET", Path: "models/{id...}", Operation: llm.GeminiModels, Shared: true},
	},
}

// literal finds the rows without a placeholder at once.
var literal = func() map[string]map[string]*Endpoint {
	all := map[string]map[string]*Endpoint{}
	for protocol, rows := range endpoints {
		all[protocol] = map[string]*Endpoint{}
		for i := range rows {
			if !strings.Contains(rows[i].Path, "{") {
				all[protocol][rows[i].Method+" "+rows[i].Path] = &rows[i]
			}
		}
	}
	return all
}()

// Protocols are the dialects that callers may speak.
var Protocols = []string{"openai", "anthropic", "cc", "gemini"}

// Operations lists what a protocol can be asked.
func Operations(protocol string) (ops []llm.Operation) {
	for _, e := range endpoints[protocol] {
		ops = append(ops, e.Operation)
	}
	return ops
}

// Canonical brings the escaped path behind a route's prefix into the form "/v1/…",
// or "/v1beta/…" for Gemini's. OpenAI's "/v1" is optional.
func Canonical(protocol, path string) (string, bool) {
	if protocol == "gemini" {
		for _, version := range []string{"/v1beta/", "/v1/"} {
			if rest, ok := strings.CutPrefix(path, version); ok && rest != "" {
				return "/v1beta/" + rest, true
			}
		}
		return "", false
	}
	if rest, ok := strings.CutPrefix(path, "/v1/"); ok && rest != "" {
		return path, true
	}
	if protocol == "openai" && len(path) > 1 && path[0] == '/' {
		return "/v1" + path, true
	}
	return "", false
}

// Lookup finds the endpoint of a canonical path. Without one for the method,
// allow lists the methods that there are; it is empty when the path is unknown.
func Lookup(protocol, method, path string) (e *Endpoint, allow []string) {
	rest, ok := strings.CutPrefix(path, "/v1/")
	action := ""
	if protocol == "gemini" {
		rest, ok = strings.CutPrefix(path, "/v1beta/")
		if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
			rest, action = rest[:i], rest[i+1:]
		}
	}
	if !ok {
		return nil, nil
	}
	if e := literal[protocol][method+" "+rest]; e != nil && action == "" {
		return e, nil
	}
	rows := endpoints[protocol]
	for i := range rows {
		if rows[i].Action != action || !matches(rows[i].Path, rest) {
			continue
		}
		if rows[i].Method == method {
			return &rows[i], nil
		}
		allow = append(allow, rows[i].Method)
	}
	return nil, allow
}

// Recognizes says whether some protocol has an endpoint at the end of a request's
// path, whatever stands before it.
func Recognizes(r *http.Request) bool {
	path := r.URL.EscapedPath()
	for {
		for _, protocol := range Protocols {
			if canonical, ok := Canonical(protocol, path); ok {
				if e, _ := Lookup(protocol, r.Method, canonical); e != nil {
					return true
				}
			}
		}
		i := strings.IndexByte(strings.TrimPrefix(path, "/"), '/')
		if i < 0 {
			return false
		}
		path = strings.TrimPrefix(path, "/")[i:]
	}
}

func matches(pattern, path string) bool {
	for {
		p, pRest, pMore := strings.Cut(pattern, "/")
		if p == "{id...}" {
			for seg := range strings.SplitSeq(path, "/") {
				if !safeSegment(seg) {
					return false
				}
			}
			return true
		}
		s, sRest, sMore := strings.Cut(path, "/")
		if p == "{id}" && !safeSegment(s) || p != "{id}" && p != s || pMore != sMore {
			return false
		}
		if !pMore {
			return true
		}
		pattern, path = pRest, sRest
	}
}

// safeSegment refuses what could reach another path upstream.
func safeSegment(seg string) bool {
	s, err := url.PathUnescape(seg)
	if err != nil || s == "" || s == "." || s == ".." {
		return false
	}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '?' || r == '#' })
}

// Prefers says whether a request's headers and query speak for a protocol, where
// several have the path.
func Prefers(r *http.Request, protocol string) bool {
	switch {
	case len(r.Header["Anthropic-Version"]) > 0:
		return protocol == "anthropic" || protocol == "cc"
	case len(r.Header["X-Goog-Api-Key"]) > 0 || r.URL.Query().Has("key"):
		return protocol == "gemini"
	}
	return protocol == "openai"
}
