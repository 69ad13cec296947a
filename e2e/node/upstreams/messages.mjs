// Anthropic's Messages.
import { any, base64, bool, filled, like, list, map, number, object, orNull, refuse, tagged, text, textOr, whole, word } from './shape.mjs';
import { pieces, sse, use } from './server.mjs';

const name = like(/^[a-zA-Z0-9_-]{1,128}$/);
const id = like(/^[a-zA-Z0-9_-]+$/);
const cache = { 'cache_control?': orNull(object({ type: word('ephemeral'), 'ttl?': word('5m', '1h') })) };
const textBlock = object({ type: any, text: filled, ...cache, 'citations?': orNull(list(map)) });
const image = object({
  type: any, ...cache,
  source: tagged('type', {
    base64: object({ type: any, media_type: word('image/jpeg', 'image/png', 'image/gif', 'image/webp'), data: base64 }),
    url: object({ type: any, url: like(/^https?:\/\//) }), file: object({ type: any, file_id: text }),
  }),
});
const document = object({
  type: any, ...cache, 'citations?': orNull(object({ enabled: bool })), 'context?': orNull(text), 'title?': orNull(text),
  source: tagged('type', {
    base64: object({ type: any, media_type: word('application/pdf'), data: base64 }), text: object({ type: any, media_type: word('text/plain'), data: text }),
    url: object({ type: any, url: text }), file: object({ type: any, file_id: text }), content: object({ type: any, content: any }),
  }),
});
const result = object({ type: any, tool_use_id: id, ...cache, 'is_error?': bool, 'content?': textOr(list(tagged('type', { text: textBlock, image, document }))) });
const user = tagged('type', { text: textBlock, image, document, tool_result: result });
const assistant = tagged('type', {
  text: textBlock,
  tool_use: object({ type: any, id, name, input: map, ...cache, 'caller?': any }),
  thinking: object({ type: any, thinking: text, signature: filled }),
  redacted_thinking: object({ type: any, data: filled }),
});
const effort = word('low', 'medium', 'high', 'xhigh', 'max');
const parallel = { 'disable_parallel_tool_use?': bool };
const request = object({
  model: filled, max_tokens: whole(1, 128000), 'stream?': bool, 'system?': textOr(list(textBlock, 1)), 'cache_control?': any, 'container?': any, 'inference_geo?': any,
  messages: list(tagged('role', { user: object({ role: any, content: textOr(list(user, 1)) }), assistant: object({ role: any, content: textOr(list(assistant, 1)) }) }), 1),
  'metadata?': object({ 'user_id?': orNull(text) }), 'service_tier?': word('auto', 'standard_only'), 'speed?': any, 'stop_sequences?': list(like(/\S/)),
  'temperature?': number(0, 1), 'top_k?': whole(0), 'top_p?': number(0, 1),
  'output_config?': object({ 'effort?': effort, 'format?': object({ type: word('json_schema'), schema: held }) }),
  'thinking?': tagged('type', {
    enabled: object({ type: any, budget_tokens: whole(1024), 'display?': word('summarized', 'omitted') }),
    adaptive: object({ type: any, 'display?': word('summarized', 'omitted') }), disabled: object({ type: any }),
  }),
  'tool_choice?': tagged('type', { auto: object({ type: any, ...parallel }), any: object({ type: any, ...parallel }), tool: object({ type: any, name, ...parallel }), none: object({ type: any }) }),
  'tools?': list((v, path) =>
    /^(web_search|code_execution)_\d+$/.test(v.type)
      ? map(v, path)
      : object({
          'type?': orNull(word('custom')), name, 'description?': text, 'strict?': bool, ...cache, 'defer_loading?': bool,
          input_schema: (s, at) => s?.type === 'object' || refuse(`${at}.type`, 'Input should be \'object\''),
        })(v, path), 1),
});

// held is the dialect of schemas that an answer can be held to.
function held(s, path) {
  map(s, path);
  const known = ['type', 'title', 'description', 'enum', 'const', 'properties', 'required', 'additionalProperties', 'items', 'anyOf', 'allOf', '$ref', '$defs', 'definitions', 'format', 'minItems', 'default'];
  for (const k of Object.keys(s)) if (!known.includes(k)) refuse(path, `for '${s.type}' type, property '${k}' is not supported`);
  if (s.type === 'object' && s.additionalProperties !== false) refuse(path, "for 'object' type, 'additionalProperties' must be explicitly set to false");
  if (s.minItems > 1) refuse(path, 'minItems must be 0 or 1');
  for (const group of [s.properties, s.$defs, s.definitions]) for (const [k, v] of Object.entries(group ?? {})) held(v, `${path}.${k}`);
  if (s.items) held(s.items, `${path}.items`);
  for (const v of [...(s.anyOf ?? []), ...(s.allOf ?? [])]) held(v, path);
}

const blocks = (m) => (typeof m.content === 'string' ? [{ type: 'text', text: m.content }] : m.content);

function rules(b, up) {
  const adaptive = /claude-(opus-4-[6-9]|sonnet-4-6|\w+-5)/.test(b.model), newest = /claude-(opus-4-[7-9]|\w+-5)/.test(b.model);
  const on = b.thinking && b.thinking.type !== 'disabled';
  if (b.thinking?.type === 'adaptive' && !adaptive) refuse('thinking.type', `adaptive thinking is not supported on ${b.model}`);
  if (b.thinking?.type === 'enabled' && newest) refuse('thinking.type', `"thinking.type.enabled" is not supported for ${b.model}: use adaptive`);
  if (b.output_config?.effort && !adaptive && !b.model.includes('opus-4-5')) refuse('output_config.effort', 'This model does not support the effort parameter.');
  if (b.thinking?.budget_tokens >= b.max_tokens) refuse('max_tokens', '`max_tokens` must be greater than `thinking.budget_tokens`');
  if (newest) for (const f of ['temperature', 'top_p', 'top_k']) if (f in b) refuse(f, `is not supported with ${b.model}`);
  if (b.temperature !== undefined && b.top_p !== undefined) refuse('', '`temperature` and `top_p` cannot both be specified for this model');
  if (on) {
    if (b.temperature !== undefined && b.temperature !== 1) refuse('temperature', 'may only be set to 1 when thinking is enabled');
    if (b.top_p !== undefined && b.top_p < 0.95) refuse('top_p', 'must be at least 0.95 when thinking is enabled');
    if ('top_k' in b) refuse('top_k', 'must be unset when thinking is enabled');
    if (['any', 'tool'].includes(b.tool_choice?.type)) refuse('tool_choice', 'Thinking may not be enabled when tool_choice forces tool use.');
  }
  if (b.tool_choice && !b.tools) refuse('tool_choice', 'may only be specified while providing tools');
  if (JSON.stringify(b).split('"cache_control":{').length > 5) refuse('', 'a maximum of 4 blocks with cache_control may be provided');
  if (b.messages[0].role !== 'user') refuse('messages[0]', 'the first message must use the user role');
  let open = [], before;
  const used = new Set();
  b.messages.forEach((m, i) => {
    const at = `messages[${i}]`, list = blocks(m);
    if (m.role === before) refuse(at, 'roles must alternate between "user" and "assistant"');
    before = m.role;
    const results = list.filter((x) => x.type === 'tool_result').map((x) => x.tool_use_id);
    if (open.length || results.length) {
      const head = list.slice(0, results.length);
      if (head.some((x) => x.type !== 'tool_result')) refuse(at, '`tool_result` blocks must come first in the content');
      const missing = open.filter((x) => !results.includes(x)), odd = results.filter((x) => !open.includes(x));
      if (missing.length) refuse(at, `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing}`);
      if (odd.length) refuse(at, `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${odd}`);
      if (new Set(results).size !== results.length) refuse(at, 'each tool_use must have a single result');
    }
    open = list.filter((x) => x.type === 'tool_use').map((x) => x.id);
    for (const id of open) used.has(id) ? refuse(at, '`tool_use` ids must be unique') : used.add(id);
    list.forEach((x, j) => {
      const proof = x.signature ?? x.data;
      if (proof === undefined) return;
      if (!up.signed.has(proof)) refuse(`${at}.content[${j}]`, `Invalid \`${x.signature ? 'signature' : 'data'}\` in \`${x.type}\` block`);
      if (x.signature && up.signed.get(proof) !== x.thinking) refuse(`${at}.content[${j}]`, 'the `thinking` block cannot be modified');
    });
    const last = list.at(-1);
    if (m.role === 'assistant' && /thinking/.test(last.type)) refuse(at, 'the final block in an assistant message cannot be `thinking`');
  });
  if (open.length) refuse('messages', `\`tool_use\` ids were found without \`tool_result\` blocks: ${open}`);
  const n = b.messages.length;
  if (b.thinking?.type === 'enabled' && blocks(b.messages[n - 1])[0].type === 'tool_result' && !/thinking/.test(blocks(b.messages[n - 2])[0].type)) {
    refuse(`messages[${n - 2}].content[0]`, 'Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block');
  }
}

const said = (c) => (typeof c === 'string' ? c : (c ?? []).map((p) => p.text ?? '').join(''));

export const messages = {
  name: 'messages',
  keyOf: (req) => req.headers['x-api-key'] ?? req.headers.authorization?.replace('Bearer ', ''),
  modelOf: (body) => body.model,
  streams: (body) => body.stream === true,

  check(body, up, url, headers) {
    if (url.pathname !== '/v1/messages') refuse('', `no such path ${url.pathname}`);
    if (!/^20\d\d-\d\d-\d\d$/.test(headers['anthropic-version'])) refuse('anthropic-version', 'header is required');
    request(body, '');
    rules(body, up);
  },

  view(b) {
    const all = b.messages.flatMap((m) => blocks(m).map((x) => ({ role: m.role, ...x })));
    return {
      system: said(b.system).length ? blocks({ content: b.system }).map((x) => x.text).join('\n') : '',
      prompt: said(blocks(b.messages.findLast((m) => m.role === 'user' && blocks(m).some((x) => x.type === 'text')) ?? { content: '' }).filter((x) => x.type === 'text')),
      said: b.messages.filter((m) => m.role === 'assistant').map((m) => said(blocks(m))).filter(Boolean),
      images: all.filter((x) => x.type === 'image').map((x) => x.source.url ?? `data:${x.source.media_type};base64,${x.source.data}`),
      calls: all.filter((x) => x.type === 'tool_use').map((x) => ({ id: x.id, name: x.name, args: x.input })),
      results: all.filter((x) => x.type === 'tool_result').map((x) => ({ id: x.tool_use_id, text: said(x.content) })),
      schema: b.output_config?.format?.schema,
      proofs: all.filter((x) => /thinking/.test(x.type)).map((x) => x.signature ?? x.data),
      tools: (b.tools ?? []).map((t) => ({ name: t.name, schema: t.input_schema })),
    };
  },

  plain: (step, asked, up) => ({ ...head(asked, up), content: content(step, asked, up), ...finish(step), usage }),

  stream(step, asked, up) {
    const ev = (type, data = {}) => sse({ type, ...data }, type);
    const events = [ev('message_start', { message: { ...head(asked, up), content: [], ...finish(), usage: { ...usage, output_tokens: 2, output_tokens_details: null } } }), ev('ping')];
    content(step, asked, up).forEach((block, index) => {
      const add = (delta) => events.push(ev('content_block_delta', { index, delta }));
      const { start, deltas } = {
        text: () => ({ start: { ...block, text: '' }, deltas: pieces(block.text).map((t) => ({ type: 'text_delta', text: t })) }),
        tool_use: () => ({ start: { ...block, input: {} }, deltas: ['', ...pieces(JSON.stringify(block.input))].map((t) => ({ type: 'input_json_delta', partial_json: t })) }),
        thinking: () => ({ start: { ...block, thinking: '', signature: '' }, deltas: [...pieces(block.thinking).map((t) => ({ type: 'thinking_delta', thinking: t })), { type: 'signature_delta', signature: block.signature }] }),
        redacted_thinking: () => ({ start: block, deltas: [] }),
      }[block.type]();
      events.push(ev('content_block_start', { index, content_block: start }));
      deltas.forEach(add);
      events.push(ev('content_block_stop', { index }));
    });
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, output_tokens_details, server_tool_use } = usage;
    events.push(
      ev('message_delta', {
        delta: { ...finish(step), container: null }, usage: { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, output_tokens_details, server_tool_use },
      }),
      ev('message_stop'),
    );
    return events;
  },

  failure: (message) => sse({ type: 'error', error: { type: 'overloaded_error', message }, request_id: 'req_011' }, 'error'),
  error: (status, message) => ({ type: 'error', error: { type: types[status] ?? 'api_error', message }, request_id: 'req_011' }),
};

const types = { 400: 'invalid_request_error', 401: 'authentication_error', 404: 'not_found_error', 429: 'rate_limit_error', 529: 'overloaded_error' };

const usage = {
  input_tokens: use.input - use.cached, cache_creation_input_tokens: 0, cache_read_input_tokens: use.cached,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 }, output_tokens: use.output, output_tokens_details: { thinking_tokens: use.think },
  server_tool_use: null, service_tier: 'standard', inference_geo: 'global', speed: 'standard',
};

const head = ({ model }, up) => ({ id: up.id('msg_'), type: 'message', role: 'assistant', model, container: null, diagnostics: null });

const finish = (step) => ({ stop_reason: step ? (step.parts.some((p) => p.call) ? 'tool_use' : 'end_turn') : null, stop_sequence: null, stop_details: null });

function content(step, { body }, up) {
  const thinks = body.thinking && body.thinking.type !== 'disabled';
  return step.parts.flatMap((p) => {
    if (p.text) return [{ type: 'text', text: p.text, citations: null }];
    if (p.call) return [{ type: 'tool_use', id: up.id('toolu_'), name: p.call.name, input: p.call.args, caller: { type: 'direct' } }];
    if (!thinks) return [];
    return [p.redacted ? { type: 'redacted_thinking', data: up.sign('') } : { type: 'thinking', thinking: p.think, signature: up.sign(p.think) }];
  });
}
