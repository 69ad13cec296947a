// OpenAI's Responses.
import { any, bool, closed, filled, like, list, map, number, object, orNull, refuse, tagged, text, textOr, whole, word } from './shape.mjs';
import { pieces, sse, use } from './server.mjs';
import { codes, types } from './chat.mjs';

const name = like(/^[a-zA-Z0-9_-]{1,64}$/);
const status = word('in_progress', 'completed', 'incomplete');
const breakpoint = { 'prompt_cache_breakpoint?': any };
const inputs = {
  input_text: object({ type: any, text: filled, ...breakpoint }),
  input_image: object({
    type: any, detail: word('low', 'high', 'auto', 'original'), 'file_id?': orNull(text), ...breakpoint,
    'image_url?': orNull(like(/^(https?:\/\/|data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$)/)),
  }),
  input_file: object({ type: any, 'detail?': text, 'file_data?': text, 'file_id?': orNull(text), 'file_url?': like(/^https?:/), 'filename?': text, ...breakpoint }),
  input_audio: object({ type: any, input_audio: object({ data: text, format: word('mp3', 'wav') }) }),
};
const outputs = {
  output_text: object({ type: any, text, 'annotations?': list(map), 'logprobs?': any }), // Codex leaves them out
  refusal: object({ type: any, refusal: text }),
};
const message = tagged('role', {
  user: object({ 'type?': any, role: any, content: textOr(list(tagged('type', inputs), 1)), 'status?': status, 'id?': text }),
  system: object({ 'type?': any, role: any, content: textOr(list(tagged('type', inputs), 1)), 'status?': status, 'id?': text }),
  developer: object({ 'type?': any, role: any, content: textOr(list(tagged('type', inputs), 1)), 'status?': status, 'id?': text }),
  assistant: object({ 'type?': any, role: any, content: textOr(list(tagged('type', outputs), 1)), 'status?': status, 'id?': like(/^msg_/), 'phase?': any }),
});
const output = textOr(list(tagged('type', { input_text: inputs.input_text, input_image: inputs.input_image, input_file: inputs.input_file })));
const item = tagged('type', {
  message,
  function_call: object({ type: any, call_id: filled, name, arguments: text, 'id?': like(/^fc_/), 'status?': status, 'namespace?': text, 'async?': any, 'caller?': any, 'parsed_arguments?': any }),
  function_call_output: object({ type: any, call_id: filled, output, 'id?': like(/^fc/), 'status?': status, 'name?': text }),
  custom_tool_call: object({ type: any, call_id: filled, name, input: text, 'id?': like(/^ctc_/), 'status?': status }),
  custom_tool_call_output: object({ type: any, call_id: filled, output, 'id?': text }),
  reasoning: object({
    type: any, summary: list(object({ type: word('summary_text'), text })), 'id?': like(/^rs_/), 'content?': list(map), 'encrypted_content?': orNull(text), 'status?': orNull(status),
  }),
}, message);
const request = object({
  model: filled, input: textOr(list(item, 1)), 'background?': orNull(bool), 'context_management?': any, 'conversation?': any,
  'include?': orNull(list(word('reasoning.encrypted_content', 'message.output_text.logprobs', 'web_search_call.action.sources', 'file_search_call.results'))),
  'instructions?': orNull(text), 'max_output_tokens?': orNull(whole(16)), 'max_tool_calls?': orNull(whole(1)), 'metadata?': orNull(map), 'moderation?': any,
  'parallel_tool_calls?': orNull(bool), 'previous_response_id?': any, 'prompt?': any, 'prompt_cache_key?': text, 'prompt_cache_options?': any,
  'prompt_cache_retention?': orNull(word('in_memory', '24h')),
  'reasoning?': orNull(object({
    'effort?': orNull(word('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')), 'summary?': orNull(word('auto', 'concise', 'detailed')), 'context?': any, 'mode?': any,
  })),
  'safety_identifier?': text, 'service_tier?': orNull(word('auto', 'default', 'flex', 'priority', 'scale')), 'store?': orNull(bool), 'stream?': orNull(bool),
  'stream_options?': orNull(object({ 'include_obfuscation?': bool })), 'temperature?': orNull(number(0, 2)),
  'text?': object({
    'verbosity?': orNull(word('low', 'medium', 'high')),
    'format?': tagged('type', {
      text: object({ type: any }), json_object: object({ type: any }),
      json_schema: object({ type: any, name, schema: map, 'description?': text, 'strict?': orNull(bool) }),
    }),
  }),
  'tool_choice?': (v, path) =>
    typeof v === 'string'
      ? word('none', 'auto', 'required')(v, path)
      : tagged('type', {
          function: object({ type: any, name }), custom: object({ type: any, name }), web_search: object({ type: any }),
          allowed_tools: object({ type: any, mode: word('auto', 'required'), tools: list(map, 1) }),
        })(v, path),
  'tools?': list(tagged('type', {
    function: object({ type: any, name, parameters: orNull(map), strict: orNull(bool), 'description?': orNull(text), 'defer_loading?': bool }),
    custom: object({ type: any, name, 'description?': text, 'format?': map, 'defer_loading?': bool }),
    web_search: object({ type: any, 'filters?': any, 'user_location?': any, 'search_context_size?': any }),
    file_search: object({ type: any, vector_store_ids: list(text, 1) }),
    namespace: object({ type: any, name, description: text, tools: list(map, 1) }),
  })),
  'top_logprobs?': orNull(whole(0, 20)), 'top_p?': orNull(number(0, 1)), 'truncation?': orNull(word('auto', 'disabled')), 'user?': text,
});

const reasons = (model) => /^(gpt-5|o\d)/.test(model);

function rules(b) {
  if (reasons(b.model)) {
    for (const f of ['temperature', 'top_p']) if (b[f] != null && b[f] !== 1) refuse(f, `unsupported parameter with ${b.model}`);
    if (b.top_logprobs) refuse('top_logprobs', `unsupported parameter with ${b.model}`);
  } else if (b.reasoning?.effort || b.reasoning?.summary || b.include?.includes('reasoning.encrypted_content')) {
    refuse('reasoning', `unsupported parameter with ${b.model}`);
  }
  if (b.text?.format?.strict) closed(b.text.format.schema, 'text.format.schema');
  for (const [i, t] of (b.tools ?? []).entries()) {
    if (t.type === 'function' && t.strict !== false) closed(t.parameters ?? {}, `tools[${i}].parameters`);
  }
  if (typeof b.input === 'string') return;
  const calls = new Set(), done = new Set();
  b.input.forEach((it, i) => {
    if (it.type === 'function_call' || it.type === 'custom_tool_call') {
      calls.add(it.call_id);
      if (it.arguments !== undefined) JSON.parse(it.arguments);
    }
    if (it.type?.endsWith('_output')) {
      if (!calls.has(it.call_id) && !b.previous_response_id) refuse(`input[${i}]`, `no tool call found for function call output with call_id ${it.call_id}`);
      done.add(it.call_id);
    }
  });
  for (const id of calls) if (!done.has(id)) refuse('input', `no tool output found for function call ${id}`);
}

const items = (b) => (typeof b.input === 'string' ? [{ role: 'user', content: b.input }] : b.input);
const said = (c) => (typeof c === 'string' ? c : c.map((p) => p.text ?? '').join(''));

export const responses = {
  name: 'responses',
  keyOf: (req) => req.headers.authorization?.replace('Bearer ', ''),
  modelOf: (body) => body.model,
  streams: (body) => body.stream === true,

  check(body, up, url) {
    if (url.pathname !== '/v1/responses') refuse('', `no such path ${url.pathname}`);
    request(body, '');
    rules(body);
    items(body).forEach((it, i) => {
      if (it.type !== 'reasoning') return;
      const at = `input[${i}]`;
      if (!it.encrypted_content) refuse(at, `item ${it.id} not found: items are not persisted when store is false`);
      if (!up.signed.has(it.encrypted_content)) refuse(`${at}.encrypted_content`, 'the encrypted content could not be verified');
      const next = items(body)[i + 1];
      if (!next || next.role === 'user') refuse(at, 'a reasoning item was provided without its required following item');
    });
  },

  view(b) {
    const all = items(b);
    const messages = all.filter((it) => it.role);
    const of = (...roles) => messages.filter((m) => roles.includes(m.role));
    return {
      system: [b.instructions ?? '', ...of('system', 'developer').map((m) => said(m.content))].filter(Boolean).join('\n'),
      prompt: said(of('user').at(-1)?.content ?? ''),
      said: of('assistant').map((m) => said(m.content)),
      images: messages.flatMap((m) => (Array.isArray(m.content) ? m.content : [])).flatMap((p) => (p.image_url ? [p.image_url] : [])),
      calls: all.filter((it) => it.type === 'function_call').map((c) => ({ id: c.call_id, name: c.name, args: JSON.parse(c.arguments) })),
      results: all.filter((it) => it.type === 'function_call_output').map((r) => ({ id: r.call_id, text: said(r.output) })),
      schema: b.text?.format?.schema,
      proofs: all.filter((it) => it.type === 'reasoning').map((r) => r.encrypted_content),
      tools: (b.tools ?? []).map((t) => ({ name: t.name, schema: t.parameters })),
    };
  },

  plain: (step, asked, up) => ({ ...head(asked, up), status: 'completed', completed_at: 1764000002, output: output_(step, asked, up), usage }),

  stream(step, asked, up) {
    let n = 0;
    const ev = (type, data) => sse({ type, sequence_number: n++, ...data }, type);
    const base = head(asked, up);
    const events = [
      ev('response.created', { response: { ...base, status: 'in_progress', output: [], usage: null } }),
      ev('response.in_progress', { response: { ...base, status: 'in_progress', output: [], usage: null } }),
    ];
    const output = output_(step, asked, up);
    output.forEach((item, output_index) => {
      const at = { item_id: item.id, output_index };
      const add = (type, data) => events.push(ev(type, { ...at, ...data }));
      const begun = { function_call: { ...item, arguments: '', status: 'in_progress' }, message: { ...item, content: [], status: 'in_progress' }, reasoning: { ...item, summary: [] } }[item.type];
      events.push(ev('response.output_item.added', { output_index, item: begun }));
      if (item.type === 'function_call') {
        for (const delta of pieces(item.arguments)) add('response.function_call_arguments.delta', { delta, obfuscation: 'xY' });
        add('response.function_call_arguments.done', { name: item.name, arguments: item.arguments });
      }
      (item.summary ?? []).forEach((part, summary_index) => {
        add('response.reasoning_summary_part.added', { summary_index, part: { ...part, text: '' } });
        for (const delta of pieces(part.text)) add('response.reasoning_summary_text.delta', { summary_index, delta, obfuscation: 'xY' });
        add('response.reasoning_summary_text.done', { summary_index, text: part.text });
        add('response.reasoning_summary_part.done', { summary_index, part });
      });
      (item.content ?? []).forEach((part, content_index) => {
        add('response.content_part.added', { content_index, part: { ...part, text: '' } });
        for (const delta of pieces(part.text)) add('response.output_text.delta', { content_index, delta, logprobs: [], obfuscation: 'xY' });
        add('response.output_text.done', { content_index, text: part.text, logprobs: [] });
        add('response.content_part.done', { content_index, part });
      });
      events.push(ev('response.output_item.done', { output_index, item }));
    });
    events.push(ev('response.completed', { response: { ...base, status: 'completed', completed_at: 1764000002, output, usage } }));
    return events;
  },

  failure: (message) => sse({ type: 'error', code: 'server_error', message, param: null, sequence_number: 99 }, 'error'),
  error: (status, message, param = null) => ({ error: { message, type: types[status] ?? 'server_error', param, code: codes[status] ?? null } }),
};

const usage = {
  input_tokens: use.input, input_tokens_details: { cached_tokens: use.cached }, output_tokens: use.output,
  output_tokens_details: { reasoning_tokens: use.think }, total_tokens: use.input + use.output,
};

function head({ body, model }, up) {
  return {
    id: up.id('resp_'), object: 'response', created_at: 1764000000, background: false, completed_at: null, error: null, frequency_penalty: 0, incomplete_details: null,
    instructions: body.instructions ?? null, max_output_tokens: body.max_output_tokens ?? null, max_tool_calls: null, model: `${model}-2026-04-14`,
    parallel_tool_calls: body.parallel_tool_calls ?? true, presence_penalty: 0, previous_response_id: null, prompt_cache_key: null, prompt_cache_retention: null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: body.reasoning?.summary ?? null }, safety_identifier: null, service_tier: 'default', store: body.store ?? true,
    temperature: 1, text: { format: { type: 'text' }, verbosity: 'medium', ...body.text }, tool_choice: body.tool_choice ?? 'auto', tools: body.tools ?? [], top_logprobs: 0,
    top_p: 1, truncation: 'disabled', user: null, metadata: {}, billing: { payer: 'developer' },
  };
}

// output_ are the items of an answer. Reasoning is shown and proved only to those who asked.
function output_(step, { body }, up) {
  return step.parts.flatMap((p) => {
    if (p.text) return [{ id: up.id('msg_'), type: 'message', status: 'completed', role: 'assistant', phase: 'final_answer', content: [{ type: 'output_text', text: p.text, annotations: [], logprobs: [] }] }];
    if (p.call) return [{ id: up.id('fc_'), type: 'function_call', status: 'completed', call_id: up.id('call_'), name: p.call.name, arguments: JSON.stringify(p.call.args) }];
    if (!body.reasoning) return [];
    const shown = p.think && body.reasoning.summary;
    return [{
      id: up.id('rs_'), type: 'reasoning', summary: shown ? [{ type: 'summary_text', text: p.think }] : [],
      ...(body.include?.includes('reasoning.encrypted_content') && { encrypted_content: up.sign(p.think ?? '', 'base64url') }),
    }];
  });
}
