// One server that speaks all four protocols as an upstream, by the path that it is
// asked for. What it says is up to the script of the test: a function of the request
// which returns the parts of the answer.
import { once } from 'node:events';
import { createServer } from 'node:http';

// What an answer claims to have consumed, unless its script sets the usage of the
// request.
export const usage = { input: 120, output: 7 };

// What any prompt is said to have when it is asked for.
export const counted = 4321;

export class Upstream {
  requests = []; // {protocol, method, url, path, headers, text, body}, and what read takes from them
  failed; // what a script threw
  script;

  async start() {
    this.server = createServer((req, res) => {
      this.#serve(req, res).catch((err) => {
        this.failed ??= err;
        if (!res.headersSent) res.writeHead(400, { 'content-type': 'application/json' });
        res.end(JSON.stringify({ error: { type: 'invalid_request_error', message: String(err) } }));
      });
    }).listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  // reset forgets the requests; script is what is said from now on.
  reset(script) {
    this.requests = [];
    this.failed = undefined;
    this.script = script;
  }

  async #serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const path = new URL(req.url, 'http://upstream').pathname;
    const r = { method: req.method, url: req.url, path, headers: req.headers, text, protocol: protocolOf(req.method, path) };
    this.requests.push(r);
    if (path === '/v1/messages/count_tokens') {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ input_tokens: counted }));
      return;
    }
    if (!r.protocol) {
      res.writeHead(404, { 'content-type': 'application/json' });
      res.end('{"error":{"message":"there is no such thing"}}');
      return;
    }
    r.body = JSON.parse(text);
    Object.assign(r, read[r.protocol](r), { usage });
    const said = this.script(r);
    if (said.status) { // an error instead
      res.writeHead(said.status, { 'content-type': 'application/json', ...said.headers });
      res.end(JSON.stringify(said.body));
      return;
    }
    if (!r.stream) throw new Error(`${r.protocol}: the CLIs stream, and this request does not: ${text.slice(0, 500)}`);
    res.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_upstream' });
    for (const event of write[r.protocol](said.map((p) => (p.call ? called(p, r) : p)), r)) {
      res.write(event);
      await new Promise((done) => setImmediate(done)); // in pieces, as the real ones come
    }
    res.end();
  }
}

function protocolOf(method, path) {
  if (method !== 'POST') return undefined;
  if (path === '/v1/messages') return 'messages';
  if (path === '/v1/chat/completions') return 'chat';
  if (path === '/v1/responses') return 'responses';
  if (/^\/v1(beta)?\/models\/[^/]+:(streamG|g)enerateContent$/.test(path)) return 'gemini';
}

// read takes from a request what scripts decide by: whether a stream is wanted, the
// tools, and the results of tools. It refuses results that answer no call, as the real
// upstreams do.
const read = {
  messages({ body }) {
    const blocks = body.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : []));
    return {
      stream: body.stream === true, model: body.model,
      tools: (body.tools ?? []).map((t) => ({ name: t.name, type: t.type ?? 'function' })),
      results: matched(blocks.filter((b) => b.type === 'tool_use').map((b) => b.id), blocks.filter((b) => b.type === 'tool_result'), (b) => b.tool_use_id),
    };
  },
  chat({ body }) {
    const calls = body.messages.flatMap((m) => m.tool_calls ?? []);
    return {
      stream: body.stream === true, model: body.model,
      tools: (body.tools ?? []).map((t) => ({ name: t[t.type].name, type: t.type })),
      results: matched(calls.map((c) => c.id), body.messages.filter((m) => m.role === 'tool'), (m) => m.tool_call_id),
    };
  },
  responses({ body }) {
    const input = Array.isArray(body.input) ? body.input : [];
    return {
      stream: body.stream === true, model: body.model,
      tools: [...(body.tools ?? []), ...input.flatMap((i) => (i.type === 'additional_tools' || i.type === 'tool_search_output' ? i.tools : []))].flatMap((t) =>
        t.type === 'namespace' ? t.tools.map((in_) => ({ name: in_.name, type: in_.type, namespace: t.name })) : [{ name: t.name ?? t.type, type: t.type }]),
      results: matched(input.filter((i) => i.type.endsWith('_call')).map((i) => i.call_id), input.filter((i) => i.type.endsWith('_output')), (i) => i.call_id),
    };
  },
  gemini({ body, path }) {
    const parts = body.contents.flatMap((c) => c.parts);
    const calls = parts.filter((p) => p.functionCall).map((p) => p.functionCall.name);
    const results = parts.filter((p) => p.functionResponse);
    for (const r of results) {
      if (!calls.includes(r.functionResponse.name)) throw new Error(`gemini: a response of ${r.functionResponse.name}, which was not called`);
    }
    return {
      stream: path.includes(':stream'), model: decodeURIComponent(path.split('/models/')[1].split(':')[0]),
      tools: (body.tools ?? []).flatMap((t) => t.functionDeclarations ?? []).map((t) => ({ name: t.name, type: 'function' })),
      results,
    };
  },
};

function matched(calls, results, idOf) {
  for (const r of results) {
    if (!calls.includes(idOf(r))) throw new Error(`the result ${JSON.stringify(r).slice(0, 200)} answers no call`);
  }
  return results;
}

const named = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const unnamed = (data) => `data: ${JSON.stringify(data)}\n\n`;

// halves parts text, so that whoever reads must join.
const halves = (text) => [text.slice(0, text.length >> 1), text.slice(text.length >> 1)];

let serial = 0;

// called is a call as the request has it: the name in or without its namespace, and a
// text as input (args is then a string) of a custom tool, or in a function's arguments.
function called({ call, args }, r) {
  const tool = r.tools.find((t) => t.name === call) ?? r.tools.find((t) => t.name.endsWith(`__${call}`));
  if (!tool) throw new Error(`${r.protocol}: no tool ${call} among ${JSON.stringify(r.tools)}`);
  const custom = tool.type === 'custom';
  const text = typeof args === 'string' ? (custom ? args : JSON.stringify({ input: args })) : JSON.stringify(args);
  return { call: tool.name, type: tool.type, namespace: tool.namespace, custom, text };
}

// write says parts in a protocol's stream. A part is {text}, {call, args} or
// {thought, proof}; proof is what the protocol wants back with a thought.
const write = {
  *messages(parts, r) {
    yield named('message_start', { type: 'message_start', message: { id: `msg_${++serial}`, type: 'message', role: 'assistant', model: r.model, content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: r.usage.input, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 } } });
    let index = 0;
    for (const p of parts) {
      const block = p.call ? { type: 'tool_use', id: `toolu_${++serial}`, name: p.call, input: {} } : p.thought ? { type: 'thinking', thinking: '', signature: '' } : { type: 'text', text: '' };
      yield named('content_block_start', { type: 'content_block_start', index, content_block: block });
      const delta = (d) => named('content_block_delta', { type: 'content_block_delta', index, delta: d });
      if (p.call) for (const piece of halves(p.text)) yield delta({ type: 'input_json_delta', partial_json: piece });
      else if (p.text) for (const piece of halves(p.text)) yield delta({ type: 'text_delta', text: piece });
      if (p.thought) {
        for (const piece of halves(p.thought)) yield delta({ type: 'thinking_delta', thinking: piece });
        yield delta({ type: 'signature_delta', signature: p.proof });
      }
      yield named('content_block_stop', { type: 'content_block_stop', index });
      index++;
    }
    const stop_reason = parts.some((p) => p.call) ? 'tool_use' : 'end_turn';
    yield named('message_delta', { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: r.usage.output } });
    yield named('message_stop', { type: 'message_stop' });
  },

  *chat(parts, r) {
    const id = `chatcmpl-${++serial}`;
    const chunk = (rest) => unnamed({ id, object: 'chat.completion.chunk', created: 1, model: r.model, ...rest });
    const delta = (d, finish_reason = null) => chunk({ choices: [{ index: 0, delta: d, finish_reason }] });
    yield delta({ role: 'assistant', content: '' });
    let index = 0;
    for (const p of parts) {
      if (p.text && !p.call) for (const piece of halves(p.text)) yield delta({ content: piece });
      if (p.thought) for (const piece of halves(p.thought)) yield delta({ reasoning_content: piece });
      if (p.call) {
        const [first, second] = halves(p.text);
        const [inner, of] = p.custom ? ['custom', 'input'] : ['function', 'arguments'];
        yield delta({ tool_calls: [{ index, id: `call_${++serial}`, type: inner, [inner]: { name: p.call, [of]: first } }] });
        yield delta({ tool_calls: [{ index: index++, [inner]: { [of]: second } }] });
      }
    }
    yield delta({}, parts.some((p) => p.call) ? 'tool_calls' : 'stop');
    if (r.body.stream_options?.include_usage) {
      yield chunk({ choices: [], usage: { prompt_tokens: r.usage.input, completion_tokens: r.usage.output, total_tokens: r.usage.input + r.usage.output } });
    }
    yield 'data: [DONE]\n\n';
  },

  *responses(parts, r) {
    let n = 0;
    const event = (type, rest) => named(type, { type, sequence_number: n++, ...rest });
    const response = { id: `resp_${++serial}`, object: 'response', created_at: 1, model: r.model };
    yield event('response.created', { response: { ...response, status: 'in_progress', output: [] } });
    const output = [];
    for (const p of parts) {
      const at = { output_index: output.length };
      const id = `item_${++serial}`;
      let item;
      if (p.text && !p.call) {
        const part = { type: 'output_text', text: p.text, annotations: [] };
        item = { id, type: 'message', role: 'assistant', status: 'completed', content: [part] };
        yield event('response.output_item.added', { ...at, item: { ...item, status: 'in_progress', content: [] } });
        yield event('response.content_part.added', { ...at, item_id: id, content_index: 0, part: { ...part, text: '' } });
        for (const delta of halves(p.text)) yield event('response.output_text.delta', { ...at, item_id: id, content_index: 0, delta });
        yield event('response.output_text.done', { ...at, item_id: id, content_index: 0, text: p.text });
        yield event('response.content_part.done', { ...at, item_id: id, content_index: 0, part });
      } else if (p.thought) {
        const part = { type: 'summary_text', text: p.thought };
        item = { id, type: 'reasoning', summary: [part] };
        if (r.body.include?.includes('reasoning.encrypted_content')) item.encrypted_content = p.proof;
        yield event('response.output_item.added', { ...at, item: { id, type: 'reasoning', summary: [] } });
        yield event('response.reasoning_summary_part.added', { ...at, item_id: id, summary_index: 0, part: { ...part, text: '' } });
        for (const delta of halves(p.thought)) yield event('response.reasoning_summary_text.delta', { ...at, item_id: id, summary_index: 0, delta });
        yield event('response.reasoning_summary_text.done', { ...at, item_id: id, summary_index: 0, text: p.thought });
        yield event('response.reasoning_summary_part.done', { ...at, item_id: id, summary_index: 0, part });
      } else if (p.type === 'tool_search') {
        item = { id, type: 'tool_search_call', call_id: `call_${++serial}`, execution: 'client', status: 'completed', arguments: JSON.parse(p.text) };
        yield event('response.output_item.added', { ...at, item });
      } else {
        const [type, of] = p.custom ? ['custom_tool_call', 'input'] : ['function_call', 'arguments'];
        item = { id, type, status: 'completed', call_id: `call_${++serial}`, name: p.call, [of]: p.text, ...(p.namespace && { namespace: p.namespace }) };
        const pieces = p.custom ? 'response.custom_tool_call_input' : 'response.function_call_arguments';
        yield event('response.output_item.added', { ...at, item: { ...item, status: 'in_progress', [of]: '' } });
        for (const delta of halves(p.text)) yield event(`${pieces}.delta`, { ...at, item_id: id, delta });
        yield event(`${pieces}.done`, { ...at, item_id: id, [of]: p.text });
      }
      yield event('response.output_item.done', { ...at, item });
      output.push(item);
    }
    yield event('response.completed', { response: { ...response, status: 'completed', output, usage: {
      input_tokens: r.usage.input, input_tokens_details: { cached_tokens: 0 }, output_tokens: r.usage.output, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: r.usage.input + r.usage.output,
    } } });
  },

  *gemini(parts, r) {
    const responseId = `r${++serial}`;
    const chunk = (parts, rest) => unnamed({ candidates: [{ content: { role: 'model', parts }, index: 0, ...rest?.candidate }], modelVersion: r.model, responseId, ...rest?.top });
    for (const p of parts) {
      if (p.text && !p.call) for (const text of halves(p.text)) yield chunk([{ text }]);
      if (p.thought) for (const text of halves(p.thought)) yield chunk([{ text, thought: true }]);
      if (p.call) {
        const call = { functionCall: { name: p.call, args: JSON.parse(p.text) } };
        const proof = parts.find((p) => p.thought)?.proof;
        if (proof) call.thoughtSignature = proof;
        yield chunk([call]);
      }
    }
    yield chunk([{ text: '' }], { candidate: { finishReason: 'STOP' }, top: { usageMetadata: { promptTokenCount: r.usage.input, candidatesTokenCount: r.usage.output, totalTokenCount: r.usage.input + r.usage.output } } });
  },
};
