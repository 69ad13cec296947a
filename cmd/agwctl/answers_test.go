package main

const (
	chat      = "chat hi"
	claude    = "chat hi --api anthropic"
	responses = "responses hi"
)

// answers are what a data plane may say, and what becomes of it.
var answers = []struct {
	name, args string
	status     int    // 0: 200
	body       string // one that begins with "data:" is a stream
	code       int
	stdout     string
	stderr     string // a part of it; empty: nothing
}{
	{name: "chat", args: chat, body: `{"choices":[{"message":{"content":"one\ntwö"},"finish_reason":"stop"}]}`, stdout: "one\ntwö\n"},
	{name: "chat, nothing said", args: chat, body: `{"choices":[{"message":{"content":null}}]}`, stdout: "\n"},
	{name: "chat, refusal", args: chat, body: `{"choices":[{"message":{"content":null,"refusal":"no"}}]}`, stdout: "no\n"},
	{name: "chat, cut", args: chat, body: `{"choices":[{"message":{"content":"one"},"finish_reason":"length"}]}`, stdout: "one\n", stderr: "agwctl: the answer is cut short (length)\n"},
	{name: "chat, tool calls", args: chat, body: `{"choices":[{"message":{"content":"look","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}},{"function":{"name":"g","arguments":"{}"}}]}}]}`,
		stdout: "look\n[tool call f {\"a\":1}]\n[tool call g {}]\n"},
	{name: "chat, error with success", args: chat, body: `{"error":{"message":"overloaded"}}`, code: 1, stderr: "the model failed: overloaded"},
	{name: "chat, another protocol", args: chat, body: `{"content":[]}`, code: 1, stderr: "not one of this protocol"},
	{name: "chat, no JSON", args: chat, body: `<html>`, code: 1, stderr: "the answer is not JSON"},

	{name: "chat stream", args: chat, body: events(`{"choices":[{"delta":{"role":"assistant","content":""}}]}
		{"choices":[{"delta":{"content":"one "}}]}
		{"choices":[{"delta":{"content":"two"}}]}
		{"choices":[{"delta":{},"finish_reason":"stop"}]}
		{"choices":[],"usage":{"total_tokens":3}}
		[DONE]`), stdout: "one two\n"},
	{name: "chat stream, tool calls in pieces", args: chat, body: events(`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}
		{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}},{"index":1,"function":{"name":"g","arguments":"{}"}}]}}]}
		{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},"finish_reason":"tool_calls"}]}
		[DONE]`), stdout: "[tool call f {\"a\":1}]\n[tool call g {}]\n"},
	{name: "chat stream, an error in it", args: chat, body: events(`{"choices":[{"delta":{"content":"one"}}]}
		{"error":{"message":"upstream died","type":"server_error"}}`), code: 1, stdout: "one\n", stderr: "the model failed: upstream died"},
	{name: "chat stream, no end", args: chat, body: events(`{"choices":[{"delta":{"content":"one"}}]}
		{"choices":[{"delta":{},"finish_reason":"stop"}]}`), code: 1, stdout: "one\n", stderr: "the stream ended without [DONE]"},
	{name: "chat stream, ended in an event", args: chat, body: events(`{"choices":[{"delta":{"content":"one"}}]}`) + `data: {"cho`, code: 1, stdout: "one\n", stderr: "the stream ended without [DONE]"},
	{name: "chat stream, no JSON", args: chat, body: events(`{"choices":[`), code: 1, stderr: "an event that is not JSON"},
	{name: "chat stream, comments and line ends", args: chat, body: "data:\r\n\r\n: ping\r\n\r\ndata: {\"choices\":[\r\ndata: {\"delta\":{\"content\":\"one\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n", code: 1, stderr: "an event that is not JSON"},
	{name: "chat stream, an event of two lines", args: chat, body: "data: {\"choices\":[\r\ndata: {\"delta\":{\"content\":\"one\"}}]}\r\n\r\n: ping\r\n\r\ndata: [DONE]\r\n\r\n", stdout: "one\n"},

	{name: "messages", args: claude, body: `{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"one"},{"type":"tool_use","name":"f","input":{"a":1}}],"stop_reason":"tool_use"}`, stdout: "one\n[tool call f {\"a\":1}]\n"},
	{name: "messages, cut", args: claude, body: `{"content":[{"type":"text","text":"one"}],"stop_reason":"max_tokens"}`, stdout: "one\n", stderr: "cut short (max_tokens)"},
	{name: "messages stream", args: claude, body: events(`{"type":"message_start","message":{"content":[]}}
		{"type":"ping"}
		{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}
		{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"one"}}
		{"type":"content_block_stop","index":0}
		{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","name":"f","input":{}}}
		{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}
		{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1}"}}
		{"type":"content_block_stop","index":1}
		{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","name":"g","input":{}}}
		{"type":"content_block_stop","index":2}
		{"type":"message_delta","delta":{"stop_reason":"tool_use"}}
		{"type":"message_stop"}`), stdout: "one\n[tool call f {\"a\":1}]\n[tool call g {}]\n"},
	{name: "messages stream, an error in it", args: claude, body: events(`{"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}`), code: 1, stderr: "the model failed: overloaded"},
	{name: "messages stream, no end", args: claude, body: events(`{"type":"content_block_delta","delta":{"text":"one"}}
		{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`), code: 1, stdout: "one\n", stderr: "without message_stop"},

	{name: "responses", args: responses, body: `{"status":"completed","error":null,"output":[{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"one"}]},{"type":"function_call","name":"f","arguments":"{}"}]}`,
		stdout: "one\n[tool call f {}]\n"},
	{name: "responses, failed", args: responses, body: `{"status":"failed","error":{"message":"no luck"},"output":[]}`, code: 1, stderr: "the model failed: no luck"},
	{name: "responses stream", args: responses, body: events(`{"type":"response.created","response":{"status":"in_progress"}}
		{"type":"response.output_text.delta","delta":"one "}
		{"type":"response.output_text.delta","delta":"two"}
		{"type":"response.output_item.done","item":{"type":"message","content":[{"type":"output_text","text":"one two"}]}}
		{"type":"response.output_item.done","item":{"type":"custom_tool_call","name":"f","input":"x"}}
		{"type":"response.completed","response":{"status":"completed"}}`), stdout: "one two\n[tool call f x]\n"},
	{name: "responses stream, cut", args: responses, body: events(`{"type":"response.output_text.delta","delta":"one"}
		{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}`), stdout: "one\n", stderr: "cut short (max_output_tokens)"},
	{name: "responses stream, failed", args: responses, body: events(`{"type":"response.failed","response":{"status":"failed","error":{"message":"no luck"}}}`), code: 1, stderr: "the model failed: no luck"},
	{name: "responses stream, an error in it", args: responses, body: events(`{"type":"error","code":"x","message":"no luck"}`), code: 1, stderr: "the model failed: no luck"},
	{name: "responses stream, no end", args: responses, body: events(`{"type":"response.output_text.delta","delta":"one"}`), code: 1, stdout: "one\n", stderr: "without response.completed"},

	{name: "wrong key", args: chat, status: 401, body: `{"error":{"message":"invalid key"}}`, code: 1, stderr: "the gateway answered 401: invalid key: the virtual key is wrong"},
	{name: "not allowed", args: claude, status: 403, body: `{"type":"error","error":{"type":"permission_error","message":"not on this route"}}`, code: 1, stderr: "not on this route: see the key's allowed_route_ids"},
	{name: "no route", args: chat, status: 404, body: "404 page not found\n", code: 1, stderr: "the gateway answered 404: Not Found: is there a route at this base URL"},
	{name: "too many", args: chat, status: 429, body: `{"error":{"message":"slow down"}}`, code: 1, stderr: "slow down: try again in 7 s"},
	{name: "an error as a text", args: chat, status: 500, body: `{"error":"broken"}`, code: 1, stderr: "the gateway answered 500: broken\n"},
	{name: "elsewhere", args: chat, status: 307, code: 1, stderr: "redirects, which is not followed"},
	{name: "control characters", args: chat, status: 500, body: `{"error":{"message":"a\n\u001b[31mb"}}`, code: 1, stderr: "agwctl: error: the gateway answered 500: a [31mb\n"},
}
