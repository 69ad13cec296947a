package codec_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/chat"
	"github.com/agent-gateway/agent-gateway/llm/codec/gemini"
	"github.com/agent-gateway/agent-gateway/llm/codec/messages"
	"github.com/agent-gateway/agent-gateway/llm/codec/responses"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

var codecs = []struct {
	name string
	codec.Codec
}{{"chat", chat.Codec}, {"responses", responses.Codec}, {"messages", messages.Codec}, {"gemini", gemini.Codec}}

// row is one kind of thing that the protocols carry. Its golden file has it as each
// protocol says it, and what becomes of that in each other.
type row struct {
	file string
	what string
	// says are pieces of text that tell whether it has arrived: "section: text" in the
	// row's own file, or "path: text" in a golden file of one codec.
	says []string
}

var matrix = []row{
	{"system", "the words of the system and of developers, in their order", []string{
		`messages request > chat: {"role":"system","content":"one\n\ntwo"}`, `responses request > chat: "role":"developer"`,
		`chat request > responses: "role":"developer"`, `gemini request > responses: "instructions":"one\n\ntwo"`,
		`chat request > messages: "system":[{"type":"text","text":"one"},{"type":"text","text":"two"}]`, `chat request > messages lost: messages.system_position`,
		`messages request > gemini: "systemInstruction":{"parts":[{"text":"one"},{"text":"two"}]}`}},
	{"content", "texts, images and documents of the user", []string{
		`messages request > chat: "image_url":{"url":"data:image/png;base64,iVBO"}`, `gemini request > chat: "file_data":"data:application/pdf;base64,JVBE"`,
		`chat request > responses: {"type":"input_image","image_url":"https://a.test/b.jpg","detail":"high"}`, `messages request > responses: "type":"input_file"`,
		`chat request > messages: {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}`, `responses request > messages: {"type":"url","url":"https://a.test/b.jpg"}`, `chat request > messages lost: messages.detail`,
		`messages request > gemini: "fileUri":"https://a.test/b.jpg"`, `chat request > gemini: "mediaResolution":"MEDIA_RESOLUTION_HIGH"`}},
	{"content_stored", "files that one provider has, and no other", []string{
		`messages request > chat refused: stored with another provider`, `responses request > chat: "file_id":"file-1"`,
		`gemini request bucket > responses refused: stored with another provider`, `chat request > responses: "file_id":"file-1"`,
		`chat request > messages refused: file_id`, `chat request > gemini refused: stored with another provider`}},
	{"audio", "sound that the model is to hear", []string{
		`gemini request > chat: "input_audio":{"data":"UklG","format":"wav"}`, `chat request > responses: "input_audio":{"data":"UklG","format":"wav"}`,
		`chat request > messages refused: it does not hear`, `chat request > gemini: "inlineData":{"mimeType":"audio/wav","data":"UklG"}`}},
	{"tool_calls", "calls of tools, with ids and with the bytes of their arguments", []string{
		`gemini answer > chat: "id":"call_r1_0"`, `messages answer > chat: "arguments":"{\"z\": 1, \"a\":12345678901234567890}"`,
		`chat request > responses: {"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"z\": 1,`, `messages answer > responses: "type":"function_call"`,
		`chat request > messages: {"type":"tool_use","id":"call_1","name":"f","input":{"z": 1, "a":12345678901234567890}}`, `chat answer > messages: {"type":"tool_use","id":"call_2","name":"f","input":{}}`,
		`messages request > gemini: "functionCall":{"name":"f","args":{"z": 1, "a":12345678901234567890}}`, `chat answer > gemini: "functionCall"`,
		`chat/testdata/foreign_stream/anthropic.txtar: "tool_calls":[{"index":0,"function":{"arguments":`, `responses/testdata/stream/full.txtar: response.function_call_arguments.delta`,
		`messages/testdata/events/chat.txtar: "type":"input_json_delta"`, `gemini/testdata/streams/partial_args.txtar: "partialArgs"`}},
	{"tool_calls_broken", "arguments that are no JSON object", []string{
		`chat request > responses: "arguments":"{\"z\":"`, `chat request > messages refused: it must be the text of a JSON object`, `chat request > gemini refused: they must be a JSON object`}},
	{"tool_results", "results of tools, before what the user says, with images and failures", []string{
		`messages request > chat: {"role":"tool","tool_call_id":"toolu_1","content":"broken"},{"role":"tool","tool_call_id":"toolu_2"`, `messages request > chat lost: is_error`, `messages request > chat lost: tool_result.image`,
		`messages request > responses: {"type":"function_call_output","call_id":"toolu_2","output":[{"type":"input_text","text":"shot"},{"type":"input_image"`,
		`chat request > messages: {"type":"tool_result","tool_use_id":"call_1","content":[{"type":"text","text":"one"}],"cache_control":{"type":"ephemeral"}},{"type":"tool_result"`,
		`messages request > gemini: "functionResponse":{"name":"f","response":{"error":"broken"}}`, `chat request > gemini: "parts":[{"inlineData"`, `chat request > gemini: {"output":"one"}`}},
	{"tool_choice", "which tools must be called, or may", []string{
		`messages request any > chat: "tool_choice":"required"`, `responses request some > chat: "tool_choice":{"type":"allowed_tools"`, `gemini request validated > chat lost: tool_choice.validated`,
		`chat request named > responses: "tool_choice":{"type":"function","name":"g"}`, `chat request some > messages: "tools":[{"name":"g"`, `chat request required > messages: "tool_choice":{"type":"any"}`,
		`messages request named > gemini: {"mode":"ANY","allowedFunctionNames":["g"]}`, `chat request none > gemini: {"mode":"NONE"}`}},
	{"forced_tool", "a tool that must be called, where the model takes no such order", []string{
		`messages request > chat: "tool_choice"`, `chat request > responses lost: tool_choice`, `chat request > messages: "tool_choice":{"type":"auto"}`, `chat request > messages lost: tool_choice`, `chat request > gemini lost: tool_choice`}},
	{"forced_tool_while_thinking", "the same, where the model thinks by a budget", []string{
		`chat request > responses: "tool_choice":"required"`, `chat request > messages: "tool_choice":{"type":"auto"}`, `chat request > messages lost: tool_choice`, `chat request > gemini: {"mode":"ANY"}`}},
	{"parallel", "one call at a time", []string{
		`messages request > chat: "parallel_tool_calls":false`, `chat request > responses: "parallel_tool_calls":false`,
		`chat request > messages: "tool_choice":{"type":"auto","disable_parallel_tool_use":true}`, `chat request > gemini lost: parallel_tool_calls`}},
	{"schema", "schemas of tools and of answers, and whether the model is held to them", []string{
		`gemini request > chat: "type":["string","null"]`, `responses request > chat: "strict":true`, `messages request > responses: "text":{"format":{"type":"json_schema"`,
		`chat request > messages: "anyOf":[{"type":"string","description":"{pattern: \"^x\"}"}`, `chat request > messages lost: response_format.schema`, `chat request > messages: "output_config":{"format":{"type":"json_schema"`,
		`chat request > gemini: "responseJsonSchema":`, `chat request > gemini lost: tools.strict`}},
	{"schema_open", "a schema that allows what it does not name", []string{
		`chat request > responses: "additionalProperties":true`, `chat request > messages refused: properties that it does not name`, `chat request > gemini: "additionalProperties":true`}},
	{"json_object", "an answer in JSON, of whatever form", []string{
		`gemini request > chat: "response_format":{"type":"json_object"}`, `chat request > responses: "text":{"format":{"type":"json_object"}}`,
		`chat request > messages: Answer with one valid JSON object`, `chat request > messages lost: response_format`, `chat request > gemini: "responseMimeType":"application/json"`}},
	{"max_tokens", "how long the answer may be", []string{
		`messages request > chat: "max_completion_tokens":20`, `chat request > responses: "max_output_tokens":20`, `chat request > messages: "max_tokens":20`, `messages request > gemini: "maxOutputTokens":20`}},
	{"max_tokens_unsaid", "the same, where only one protocol must say it", []string{
		`gemini request > chat: "content":"hi"`, `chat request > responses: "store":false`, `chat request > messages: "max_tokens":64000`, `chat request > gemini: {"text":"hi"}`}},
	{"sampling", "temperature and the like, digit by digit", []string{
		`messages request > chat: "temperature":0.50`, `messages request > chat lost: top_k`, `chat request > responses: "temperature":1.50`,
		`chat request > messages: "temperature":1,`, `chat request > messages lost: temperature`, `gemini request > messages: "top_k":5`, `messages request > gemini: "temperature":0.50,"topP":0.9,"topK":5`,
		`messages/testdata/encode/sampling_one.txtar: top_p`, `messages/testdata/encode/budget_default.txtar: temperature`}},
	{"sampling_rejected", "the same, where the model refuses to be told", []string{
		`messages request > chat lost: temperature`, `chat request > responses lost: top_p`, `chat request > messages lost: temperature`, `chat request > gemini lost: temperature`}},
	{"stop", "texts at which the model stops", []string{
		`messages request > chat: "stop":["a","b","c","d"]`, `messages request > chat lost: stop`, `chat request > responses lost: stop`,
		`chat request > messages: "stop_sequences":["END","a","b"]`, `chat request > gemini: "stopSequences":["END"," \n","a","b"]`, `messages request > gemini refused: at most 5`}},
	{"choices", "several answers to one request", []string{
		`gemini request > chat: "n":2`, `chat request > responses refused: one answer`, `chat request > messages refused: one answer`, `chat request > gemini: "candidateCount":2`}},
	{"chat_only", "probabilities, biases, seeds, penalties and predictions", []string{
		`gemini request > chat: "seed":7`, `gemini request > chat: "top_logprobs":3`, `chat request > responses: "message.output_text.logprobs"`, `chat request > responses lost: logit_bias`,
		`chat request > messages lost: seed`, `chat request > messages lost: prediction`, `chat request > gemini: "presencePenalty":0.5`, `chat request > gemini: "responseLogprobs":true`, `chat request > gemini lost: logit_bias`}},
	{"audio_answer", "sound that the model is to make", []string{
		`chat request > responses refused: modalities`, `chat request > messages refused: modalities`, `chat request > gemini refused: modalities`}},
	{"reasoning", "how much the model is to think, and whether it shows that", []string{
		`messages request > chat: "reasoning_effort":"high"`, `messages request adaptive > chat lost: thinking.display`, `responses request > chat lost: reasoning.summary`,
		`messages request adaptive > responses: "reasoning":{"effort":"low","summary":"auto"}`, `chat request > messages: "thinking":{"type":"adaptive"}`, `responses request > messages: "output_config":{"effort":"high"}`, `chat request none > messages: "thinking":{"type":"disabled"}`,
		`chat request > gemini: "thinkingLevel":"MEDIUM"`, `responses request > gemini: "includeThoughts":true`,
		`messages/testdata/encode/none_between_tools.txtar: "between_tools"`, `messages/testdata/encode/none_rejected.txtar: reasoning_effort`, `messages/testdata/encode/effort_and_budget.txtar: "budget_tokens"`}},
	{"reasoning_budget", "the same, counted in tokens", []string{
		`gemini request > chat: "reasoning_effort":"low"`, `messages request > responses: "effort":"low"`, `chat request > messages: "thinking":{"type":"enabled","budget_tokens":16384}`, `chat request > gemini: "thinkingBudget":16384`,
		`messages/testdata/encode/budget_said.txtar: "budget_tokens":1024`, `messages/testdata/encode/budget_bounded.txtar: "budget_tokens":3072`}},
	{"thoughts", "what the model thought, which is never what it says", []string{
		`messages answer > chat: "content":"yes","refusal":null,"reasoning_content":"hm"`, `chat answer > responses: "type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]`,
		`chat answer > messages: {"type":"thinking","thinking":"hm","signature":""}`, `messages answer > gemini: {"text":"hm","thought":true`,
		`chat/testdata/foreign_stream/anthropic.txtar: "delta":{"reasoning_content":"hm"}`, `responses/testdata/foreign-streams.txtar: response.reasoning_summary_text.delta`,
		`messages/testdata/events/chat.txtar: "type":"thinking_delta"`, `gemini/testdata/answers_streamed/thoughts.golden: "thought":true`}},
	{"signatures", "what proves to a provider that a thought is its own, on its way to the caller", []string{
		`messages answer > chat: {"type":"redacted_thinking","data":"agw-sig1.anthropic.messages.`, `gemini answer > chat: "extra_content":{"google":{"thought_signature":"QUJD"}}`,
		`messages answer > responses: "encrypted_content":"agw-sig1.anthropic.messages.`, `responses answer > messages: "signature":"agw-sig1.openai.responses.`, `gemini answer > messages: "data":"agw-sig1.gemini.generate.UVVKRA"`,
		`messages answer > gemini: "thoughtSignature":"YWd3LXNpZzEu`, `responses request > messages: "model":"up"`,
		`messages/testdata/events/signatures.txtar: "type":"signature_delta"`, `gemini/testdata/encode/signatures.golden: "thoughtSignature":"CCC="`}},
	{"signatures_back", "the same on its way back, and what another's provider makes of it", []string{
		`responses request > chat lost: thinking`, `gemini request > chat lost: messages.thought_signature`, `messages request > responses: "encrypted_content":"gAAA"`, `chat request > responses lost: thinking`,
		`chat request > messages: {"type":"thinking","thinking":"hm","signature":"sig"}`, `gemini request > messages lost: thought_signature`,
		`chat request > gemini: {"functionCall":{"name":"f","args":{}},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"name":"f","args":{}}}]`}},
	{"cache", "what is to be cached, and for how long", []string{
		`messages request > chat lost: cache_control`, `responses request > chat: "prompt_cache_key":"k"`, `gemini request > chat refused: cachedContent`,
		`messages request > responses: "prompt_cache_breakpoint":{"mode":"explicit"}`, `chat request > responses: "prompt_cache_retention":"24h"`,
		`chat request > messages: "cache_control":{"type":"ephemeral","ttl":"1h"}`, `chat request > messages lost: prompt_cache_key`, `messages request > gemini lost: system.cache_control`,
		`messages/testdata/encode/breakpoints.txtar: messages.cache_control`, `gemini/testdata/requests/basic.txtar: "cachedContent"`}},
	{"citations", "what the answer's text is taken from", []string{
		`messages answer > chat: "url_citation":{"start_index":4,"end_index":8,"url":"https://a.test","title":"A"}`, `gemini answer > responses: {"type":"url_citation","start_index":0,"end_index":4`,
		`chat answer > messages: "citations":[{"type":"web_search_result_location","cited_text":"Köln"`, `chat answer > gemini: "groundingSupports":[{"segment":{"partIndex":0,"startIndex":0,"endIndex":5,"text":"Köln"}`,
		`chat/testdata/stream/annotations.txtar: url_citation`, `messages/testdata/events/chat.txtar: "type":"citations_delta"`, `gemini/testdata/answers_streamed/sources.golden: "groundingChunks"`}},
	{"server_tools", "searches of the web that the provider makes, and what it ran, which is no call of the caller's", []string{
		`messages request > chat: "web_search_options":{`, `messages answer > chat lost: server_tool_use`, `messages answer > chat: "message":{"role":"assistant","content":"found","refusal":null}`,
		`chat request > responses: "tools":[{"type":"web_search"`, `chat request > messages: "type":"web_search_20250305"`, `responses answer > messages lost: content.web_search_call`,
		`messages request > gemini: "googleSearch":{}`, `messages/testdata/encode/web_search.txtar: "type":"web_search_20260318"`}},
	{"server_tools_refused", "tools that only their own provider runs", []string{
		`gemini request > chat refused: run by the provider itself`, `messages request > responses refused: only its own provider can run it`, `responses request > messages refused: does not run this tool`, `responses request > gemini refused: does not run the tool`}},
	{"custom_tools", "tools that take a text, by a grammar or none", []string{
		`responses request > chat: "type":"custom","custom":{"name":"patch","input":"*** \"a\""}`, `messages answer > chat: "custom":{"name":"patch","input":"*** \"b\""}`,
		`gemini answer > responses: {"id":"ctc_r1_0","type":"custom_tool_call","status":"completed","input":"*** \"b\""`,
		`responses request > messages: "input":{"input":"*** \"a\""}`, `responses request > messages: The input must follow this lark grammar`, `responses request > gemini: "args":{"input":"*** \"a\""}`,
		`responses/testdata/stream/full.txtar: response.custom_tool_call_input.delta`}},
	{"stop_reasons", "why the answer ended", []string{
		`messages answer model_context_window_exceeded > chat: "finish_reason":"length"`, `messages answer pause_turn > chat: "finish_reason":"stop"`, `messages answer unheard_of > chat: "finish_reason":"stop"`,
		`gemini answer IMAGE_SAFETY > chat: "finish_reason":"content_filter"`, `gemini answer SPII > chat: "finish_reason":"content_filter"`, `gemini answer BLOCKLIST > chat: "finish_reason":"content_filter"`, `gemini answer PROHIBITED_CONTENT > chat: "finish_reason":"content_filter"`,
		`gemini answer RECITATION > chat: "finish_reason":"content_filter"`, `gemini answer SAFETY > chat: "finish_reason":"content_filter"`, `gemini answer MAX_TOKENS > chat: "finish_reason":"length"`, `gemini answer calls > chat: "finish_reason":"tool_calls"`,
		`gemini answer MALFORMED_FUNCTION_CALL > chat refused: upstream_error`, `gemini answer blocked > chat: "finish_reason":"content_filter"`, `responses answer failed > chat refused: broken`,
		`chat answer length > responses: "incomplete_details":{"reason":"max_output_tokens"}`, `chat answer content_filter > responses: "incomplete_details":{"reason":"content_filter"}`, `chat answer tool_calls > responses: "status":"completed"`,
		`chat answer content_filter > messages: "stop_reason":"refusal"`, `chat answer length > messages: "stop_reason":"max_tokens"`, `responses answer calls > messages: "stop_reason":"tool_use"`,
		`chat answer length > gemini: "finishReason":"MAX_TOKENS"`, `messages answer tool_use > gemini: "finishReason":"STOP"`, `chat answer content_filter > gemini: "finishReason":"SAFETY"`}},
	{"refusal", "a model that will not", []string{
		`messages answer > chat: "refusal":"no"`, `messages answer > chat: "finish_reason":"content_filter"`, `chat answer > responses: {"type":"refusal","refusal":"no"}`,
		`responses answer > messages: "stop_reason":"refusal"`, `responses answer > messages: "explanation":"no"`, `chat request > messages: {"role":"assistant","content":[{"type":"text","text":"no"}]}`,
		`messages answer > gemini: "finishMessage":"no"`, `messages/testdata/events/refusal.txtar: "stop_reason":"refusal"`, `chat/testdata/foreign_stream/refusal.txtar: "delta":{"refusal":"no"}`}},
	{"service_tier", "how soon the call is served, and at what price", []string{
		`messages request > chat: "service_tier":"default"`, `messages answer > chat: "service_tier":"priority"`, `gemini answer > responses: "service_tier":"flex"`,
		`chat request > messages: "service_tier":"standard_only"`, `chat request priority > messages: "service_tier":"auto"`, `chat request > messages lost: service_tier`, `responses request > gemini: "serviceTier":"standard"`, `chat answer > gemini: "serviceTier":"flex"`, `messages answer > gemini: "serviceTier":"priority"`}},
	{"state", "what a provider keeps between calls", []string{
		`responses request previous > chat refused: previous_response_id`, `responses request reference > chat refused: item_reference`, `chat request store > responses: "store":true`,
		`responses request conversation > messages refused: conversation`, `responses request store > messages lost: store`, `responses request background > gemini refused: background`}},
	{"usage", "tokens, with those of the cache and of thoughts counted as each protocol counts them", []string{
		`messages answer > chat: "usage":{"prompt_tokens":35,"completion_tokens":7,"total_tokens":42,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":5}`, `gemini answer > chat: "prompt_tokens":35,"completion_tokens":7`,
		`messages answer > responses: "usage":{"input_tokens":35,"input_tokens_details":{"cached_tokens":20,"cache_write_tokens":5}`,
		`chat answer > messages: "input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":20,"output_tokens":7,"output_tokens_details":{"thinking_tokens":3}`,
		`chat answer > gemini: "promptTokenCount":35,"cachedContentTokenCount":20,"candidatesTokenCount":4,"thoughtsTokenCount":3,"totalTokenCount":42`,
		`messages/testdata/stream/usage_absent.txtar: "output_tokens"`, `gemini/testdata/streams/text.txtar: "usageMetadata"`}},
}

// What a row's golden file says each protocol becomes is what it becomes, and the file has
// what the row is about.
func TestMatrix(t *testing.T) {
	files, err := filepath.Glob("testdata/matrix/*.txtar")
	require.NoError(t, err)
	require.Len(t, files, len(matrix), "each file belongs to one row")
	for _, row := range matrix {
		t.Run(row.file, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // so that answers are always made at the same time
				name := filepath.Join("testdata", "matrix", row.file+".txtar")
				want, err := txtar.ParseFile(name)
				require.NoError(t, err)
				now := translated(t, archive{want})
				if *update {
					require.NoError(t, os.WriteFile(name, txtar.Format(now.Archive), 0o644))
					want = now.Archive
				}
				require.Len(t, now.Files, len(want.Files), name)
				for i, f := range want.Files {
					require.Equal(t, f.Name, now.Files[i].Name, name)
					require.Equal(t, string(f.Data), string(now.Files[i].Data), "%s of %s", f.Name, name)
				}
				row.check(t, now)
			})
		})
	}
}

// check holds the row to name a text for each protocol that its file leads to.
func (r row) check(t *testing.T, a archive) {
	told := map[string]bool{}
	for _, say := range r.says {
		where, text, found := strings.Cut(say, ": ")
		require.True(t, found, say)
		in, ok := a.get(where)
		if strings.Contains(where, "/testdata/") {
			var err error
			in, err = os.ReadFile(where)
			require.NoError(t, err, r.what)
		} else {
			require.True(t, ok, "%s: nothing is named %q", r.what, where)
		}
		require.Contains(t, string(in), text, "%s: %s", r.what, where)
		_, to, _ := strings.Cut(where, " > ")
		to, _, _ = strings.Cut(to, " ")
		told[to] = true
	}
	for _, f := range a.Files {
		if _, to, found := strings.Cut(f.Name, " > "); found {
			to, _, _ = strings.Cut(to, " ")
			require.True(t, told[to], "%s: the row does not say what tells it in %s", r.what, to)
		}
	}
}

// archive is a row's golden file. Its inputs are requests and answers as the protocols
// have them, named "chat request" or "gemini answer SAFETY", and what is known of a
// protocol's model, "messages caps"; all else is made of them.
type archive struct{ *txtar.Archive }

func (a archive) get(name string) ([]byte, bool) {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data, true
		}
	}
	return nil, false
}

func (a archive) add(name, text string) {
	if text != "" {
		a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(newID.ReplaceAllString(text, "_new") + "\n")})
	}
}

// newID is an id that was made because there was none.
var newID = regexp.MustCompile(`_[0-9a-f]{24}`)

// echoed is what an answer of Responses repeats of its request, which is left out.
var echoed = regexp.MustCompile(`(?m)^"(access_programs|background|instructions|max_output_tokens|max_tool_calls|metadata|parallel_tool_calls|previous_response_id|prompt_cache_key|reasoning|safety_identifier|store|temperature|text|tool_choice|tools|top_logprobs|top_p|truncation)":.*\n?`)

// translated is the archive with its inputs, and what is made of them now.
func translated(t *testing.T, in archive) archive {
	out := archive{&txtar.Archive{Comment: in.Comment}}
	for _, f := range in.Files {
		from, kind, _ := strings.Cut(f.Name, " ")
		if strings.Contains(kind, " > ") {
			continue
		}
		out.Files = append(out.Files, f)
		for _, a := range codecs {
			for _, b := range codecs {
				if a.name != from || b.name == from || kind == "caps" {
					continue
				}
				name, lost := f.Name+" > "+b.name, new(codec.Losses)
				var text string
				var err error
				if strings.HasPrefix(kind, "request") {
					_, _, text, err = asked(t, in, f.Data, a.Codec, b.name, b.Codec, lost)
				} else {
					text, err = answered(t, in, f.Data, a.name, a.Codec, b.name, b.Codec, lost)
				}
				if err != nil {
					e := llm.AsError(err)
					out.add(name+" refused", string(e.Code)+"\n"+e.Message)
					continue
				}
				require.True(t, json.Valid([]byte(text)), "%s: %s", name, text)
				text = lines(text)
				if strings.HasPrefix(kind, "answer") && b.name == "responses" {
					text = strings.TrimRight(echoed.ReplaceAllString(text, ""), ",\n") + "}"
				}
				out.add(name, text)
				out.add(name+" lost", strings.Join(lost.Fields(), "\n"))
			}
		}
	}
	return out
}

// asked writes a request for an upstream as the gateway does.
func asked(t *testing.T, in archive, body []byte, down codec.Codec, name string, up codec.Codec, lost *codec.Losses) (*codec.Request, *codec.Adaptation, string, error) {
	target := codec.Target{Model: "up"}
	if caps, ok := in.get(name + " caps"); ok {
		require.NoError(t, json.Unmarshal(caps, &target.Caps))
	}
	req, err := down.DecodeRequest(body, "", false)
	require.NoError(t, err)
	fit, adapted, err := codec.Adapt(req, up.Operation(), target.Caps, lost)
	if err != nil {
		return req, nil, "", err
	}
	out, err := up.EncodeRequest(fit, target, lost)
	return req, adapted, string(out), err
}

// answered writes an upstream's answer for a caller, who has sent the archive's request of
// his protocol if there is one.
func answered(t *testing.T, in archive, text []byte, upName string, up codec.Codec, name string, down codec.Codec, lost *codec.Losses) (string, error) {
	req := &codec.Request{From: down.Operation(), Model: "asked"}
	var adapted *codec.Adaptation
	if body, ok := in.get(name + " request"); ok {
		var err error
		req, adapted, _, err = asked(t, in, body, down, upName, up, new(codec.Losses))
		require.NoError(t, err)
	}
	resp, err := up.DecodeResponse(text)
	if err != nil {
		return "", err
	}
	adapted.Response(resp)
	out, err := down.EncodeResponse(resp, req, lost)
	return string(out), err
}

// lines puts each member of an object on a line, and changes no byte of any.
func lines(text string) string {
	var b bytes.Buffer
	depth, quoted, escaped := 0, false, false
	for _, c := range []byte(text) {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if b.WriteByte(c); c == ',' && depth == 1 && !quoted {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
