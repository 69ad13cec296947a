// OpenAI's chat completions, and with thoughts OpenRouter's form of them.
import { any, base64, bool, closed, filled, like, list, map, number, object, orNull, refuse, tagged, text, textOr, whole, word } from './shape.mjs';
import { pieces, sse, use } from './server.mjs';

const name = like(/^[a-zA-Z0-9_-]{1,64}$/);
const fn = object({ name, 'description?': text, 'parameters?': map, 'strict?': orNull(bool) });
const custom = object({ name, 'description?': text, 'format?': tagged('type', { text: object({ type: any }), grammar: object({ type: any, grammar: object({ syntax: word('lark', 'regex'), definition: text }) }) }) });
const breakpoint = { 'prompt_cache_breakpoint?': any };
const textPart = object({ type: any, text: filled, ...breakpoint });
const parts = tagged('type', {
  text: textPart,
  image_url: object({ type: any, image_url: object({ url: like(/^(https?:\/\/|data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$)/), 'detail?': word('auto', 'low', 'high') }), ...breakpoint }),
  input_audio: object({ type: any, input_audio: object({ data: base64, format: word('wav', 'mp3') }), ...breakpoint }),
  file: object({ type: any, file: object({ 'file_id?': text, 'filename?': text, 'file_data?': like(/^data:[a-z/+.-]+;base64,/) }), ...breakpoint }),
});
const texts = textOr(list(textPart, 1));
const call = tagged('type', {
  function: object({ id: filled, type: any, function: object({ name, arguments: text }) }),
  custom: object({ id: filled, type: any, custom: object({ name, input: text }) }),
});
// What OpenRouter takes besides.
const thoughts = { 'reasoning?': orNull(text), 'reasoning_details?': list(map) };
const assistant = (more) =>
  object({
    role: any, 'content?': orNull(textOr(list(tagged('type', { text: textPart, refusal: object({ type: any, refusal: text }) }), 1))), 'refusal?': orNull(text),
    'name?': text, 'audio?': any, 'annotations?': any, 'tool_calls?': list(call, 1), 'function_call?': any, ...more,
  });
const message = (more) =>
  tagged('role', {
    system: object({ role: any, content: texts, 'name?': text }),
    developer: object({ role: any, content: texts, 'name?': text }),
    user: object({ role: any, content: textOr(list(parts, 1)), 'name?': text }),
    assistant: assistant(more),
    tool: object({ role: any, content: textOr(list(textPart)), tool_call_id: filled }),
  });
const request = (more) =>
  object({
    model: filled, messages: list(message(more), 1), 'audio?': any, 'frequency_penalty?': orNull(number(-2, 2)), 'logit_bias?': orNull(map),
    'logprobs?': orNull(bool), 'max_completion_tokens?': orNull(whole(1)), 'max_tokens?': orNull(whole(1)), 'metadata?': orNull(map),
    'modalities?': any, 'moderation?': any, 'n?': orNull(whole(1, 128)), 'parallel_tool_calls?': bool, 'prediction?': any,
    'presence_penalty?': orNull(number(-2, 2)), 'prompt_cache_key?': orNull(text), 'prompt_cache_options?': any, 'prompt_cache_retention?': any,
    'reasoning_effort?': orNull(word('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')),
    'response_format?': tagged('type', {
      text: object({ type: any }), json_object: object({ type: any }),
      json_schema: object({ type: any, json_schema: object({ name, 'description?': text, 'schema?': map, 'strict?': orNull(bool) }) }),
    }),
    'safety_identifier?': orNull(text), 'seed?': orNull(whole()), 'service_tier?': orNull(word('auto', 'default', 'flex', 'scale', 'priority', 'fast')),
    'stop?': orNull(textOr(list(filled, 1, 4))), 'store?': orNull(bool), 'stream?': orNull(bool),
    'stream_options?': orNull(object({ 'include_usage?': bool, 'include_obfuscation?': bool })), 'temperature?': orNull(number(0, 2)),
    'tool_choice?': (v, path) =>
      typeof v === 'string'
        ? word('none', 'auto', 'required')(v, path)
        : tagged('type', {
            function: object({ type: any, function: object({ name }) }), custom: object({ type: any, custom: object({ name }) }),
            allowed_tools: object({ type: any, allowed_tools: object({ mode: word('auto', 'required'), tools: list(map, 1) }) }),
          })(v, path),
    'tools?': list(tagged('type', { function: object({ type: any, function: fn }), custom: object({ type: any, custom }) }), 1),
    'top_logprobs?': orNull(whole(0, 20)), 'top_p?': orNull(number(0, 1)), 'user?': text, 'verbosity?': any, 'web_search_options?': map,
    ...(more ? { 'reasoning?': any } : {}),
  });
const shapes = { own: request(), router: request(thoughts) };

const reasons = (model) => /^(gpt-5|o\d)/.test(model);

function rules(b, path = '') {
  if (!b.tools && b.tool_choice !== undefined && b.tool_choice !== 'none') refuse('tool_choice', 'is only allowed when tools are specified');
  if (!b.tools && b.parallel_tool_calls !== undefined) refuse('parallel_tool_calls', 'is only allowed when tools are specified');
  if (b.stream_options && !b.stream) refuse('stream_options', 'is only allowed when stream is enabled');
  if (b.top_logprobs != null && !b.logprobs) refuse('top_logprobs', 'needs logprobs');
  if (b.metadata && !b.store) refuse('metadata', 'is only allowed when store is enabled');
  if (reasons(b.model)) {
    for (const f of ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty']) {
      if (b[f] != null && b[f] !== (f.endsWith('penalty') ? 0 : 1)) refuse(f, `only the default is supported with ${b.model}`);
    }
    if (b.stop != null && /^o[34]/.test(b.model)) refuse('stop', `unsupported parameter with ${b.model}`);
    for (const f of ['logprobs', 'top_logprobs', 'logit_bias', 'max_tokens']) if (b[f] != null) refuse(f, `unsupported parameter with ${b.model}`);
  } else if (b.reasoning_effort && !b.model.includes('/')) refuse('reasoning_effort', `unsupported parameter with ${b.model}`);
  const f = b.response_format?.json_schema;
  if (f?.strict) closed(f.schema, 'response_format.json_schema.schema');
  for (const [i, t] of (b.tools ?? []).entries()) if (t.function?.strict) closed(t.function.parameters, `tools[${i}].function.parameters`);
  let open = [];
  b.messages.forEach((m, i) => {
    if (m.role === 'tool') {
      if (!open.includes(m.tool_call_id)) refuse(`messages[${i}]`, `a tool message must follow a call with its id ${m.tool_call_id}`);
      open = open.filter((id) => id !== m.tool_call_id);
      return;
    }
    if (open.length) refuse(`messages[${i}]`, `tool_calls must be followed by tool messages; missing ${open}`);
    open = (m.tool_calls ?? []).map((c) => c.id);
    if (new Set(open).size !== open.length) refuse(`messages[${i}]`, 'two calls have one id');
    for (const c of m.tool_calls ?? []) if (c.function) JSON.parse(c.function.arguments);
    if (m.role === 'assistant' && m.content == null && !open.length && !m.refusal) refuse(`messages[${i}].content`, 'is required without tool_calls');
  });
  if (open.length) refuse('messages', `tool_calls must be followed by tool messages; missing ${open}`);
}

const said = (c) => (typeof c === 'string' ? c : (c ?? []).map((p) => p.text ?? '').join(''));

export const chat = {
  name: 'chat',
  keyOf: (req) => req.headers.authorization?.replace('Bearer ', ''),
  modelOf: (body) => body.model,
  streams: (body) => body.stream === true,

  check(body, up, url) {
    if (url.pathname !== (up.router ? '/api' : '') + '/v1/chat/completions') refuse('', `no such path ${url.pathname}`);
    shapes[up.router ? 'router' : 'own'](body, '');
    rules(body);
    for (const [i, m] of body.messages.entries()) {
      for (const d of m.reasoning_details ?? []) {
        const proof = d.signature ?? d.data;
        if (!up.signed.has(proof)) refuse(`messages[${i}].reasoning_details`, 'holds a signature that this provider has not made');
        if (d.signature && up.signed.get(proof) !== d.text) refuse(`messages[${i}].reasoning_details`, 'the signature is of another text');
      }
    }
  },

  view(b) {
    const turns = b.messages.filter((m) => m.role === 'user' || m.role === 'assistant');
    return {
      system: b.messages.filter((m) => m.role === 'system' || m.role === 'developer').map((m) => said(m.content)).join('\n'),
      prompt: said(turns.findLast((m) => m.role === 'user')?.content),
      said: turns.filter((m) => m.role === 'assistant').map((m) => said(m.content)).filter(Boolean),
      images: b.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : [])).flatMap((p) => (p.image_url ? [p.image_url.url] : [])),
      calls: b.messages.flatMap((m) => m.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, args: JSON.parse(c.function.arguments) })),
      results: b.messages.filter((m) => m.role === 'tool').map((m) => ({ id: m.tool_call_id, text: said(m.content) })),
      schema: b.response_format?.json_schema?.schema,
      proofs: b.messages.flatMap((m) => m.reasoning_details ?? []).map((d) => d.signature ?? d.data),
      tools: (b.tools ?? []).map((t) => ({ name: t.function.name, schema: t.function.parameters })),
    };
  },

  plain(step, asked, up) {
    const details = [], calls = [];
    let content = null;
    for (const p of step.parts) {
      if (p.text) content = (content ?? '') + p.text;
      if (p.call) calls.push({ id: up.id('call_'), type: 'function', function: { name: p.call.name, arguments: JSON.stringify(p.call.args) } });
      if (up.router) details.push(...detail(p, details.length, up));
    }
    const thinking = step.parts.map((p) => p.think ?? '').join('');
    return {
      id: up.id('chatcmpl-'), object: 'chat.completion', created: 1764000000, model: `${asked.model}-2026-04-14`,
      choices: [{
        index: 0,
        message: {
          role: 'assistant', content, refusal: null, annotations: [], ...(calls.length && { tool_calls: calls }),
          ...(details.length && { reasoning: thinking, reasoning_details: details }),
        },
        logprobs: null, finish_reason: calls.length ? 'tool_calls' : 'stop',
      }],
      usage, service_tier: 'default', system_fingerprint: 'fp_44709d6fcb',
    };
  },

  stream(step, asked, up) {
    const head = { id: up.id('chatcmpl-'), object: 'chat.completion.chunk', created: 1764000000, model: `${asked.model}-2026-04-14`, service_tier: 'default', system_fingerprint: 'fp_44709d6fcb' };
    const chunk = (delta, finish_reason = null) => sse({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason }], usage: null, obfuscation: 'aK3' });
    const events = [chunk({ role: 'assistant', content: '', refusal: null })];
    let calls = 0, at = 0;
    for (const p of step.parts) {
      for (const piece of pieces(p.text ?? '')) events.push(chunk({ content: piece }));
      if (p.call) {
        events.push(chunk({ tool_calls: [{ index: calls, id: up.id('call_'), type: 'function', function: { name: p.call.name, arguments: '' } }] }));
        for (const piece of pieces(JSON.stringify(p.call.args))) events.push(chunk({ tool_calls: [{ index: calls, function: { arguments: piece } }] }));
        calls++;
      }
      if (up.router) {
        for (const d of detail(p, at, up)) {
          for (const piece of pieces(d.text ?? '')) events.push(chunk({ content: '', reasoning: piece, reasoning_details: [{ type: d.type, text: piece, format: d.format, index: at }] }));
          const { text, ...rest } = d;
          events.push(chunk({ content: '', reasoning: null, reasoning_details: [rest] }));
          at++;
        }
      }
    }
    events.push(chunk({}, calls ? 'tool_calls' : 'stop'));
    if (asked.body.stream_options?.include_usage) events.push(sse({ ...head, choices: [], usage, obfuscation: '' }));
    return [...events, 'data: [DONE]\n\n'];
  },

  failure: (message) => sse({ error: { message, type: 'server_error', param: null, code: null } }),
  error: (status, message, param = null) => ({ error: { message, type: types[status] ?? 'server_error', param, code: codes[status] ?? null } }),
};

export const types = { 400: 'invalid_request_error', 401: 'invalid_request_error', 404: 'invalid_request_error', 429: 'requests' };
export const codes = { 401: 'invalid_api_key', 404: 'model_not_found', 429: 'rate_limit_exceeded' };

const usage = {
  prompt_tokens: use.input, completion_tokens: use.output, total_tokens: use.input + use.output,
  prompt_tokens_details: { cached_tokens: use.cached, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: use.think, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
};

function detail(p, index, up) {
  if (p.redacted) return [{ type: 'reasoning.encrypted', data: up.sign(''), id: up.id('rs_'), format: 'anthropic-claude-v1', index }];
  if (p.think) return [{ type: 'reasoning.text', text: p.think, signature: up.sign(p.think), format: 'anthropic-claude-v1', index }];
  return [];
}
