// What a caller can say besides the conversation, one by one. A setting that nobody
// reports as dropped or refused must be found at the upstream: is names it, and
// value is what it must be there (by default, what the caller said).
import assert from 'node:assert/strict';
import { citySchema, pixel } from './stack.mjs';

const pdf = Buffer.from('%PDF-1.4 nothing').toString('base64');
const wav = Buffer.from('RIFF....WAVE').toString('base64');

// Where each kind of upstream has what. What has no entry it has no place for: "none" is
// for settings that must be reported or refused everywhere. "said" looks in all of the body.
const g = (b) => b.generationConfig ?? {};
const choice = (b) => b.toolConfig?.functionCallingConfig ?? {};
const named = (c) => c?.name ?? c?.function?.name;
const places = {
  temperature: { chat: (b) => b.temperature, responses: (b) => b.temperature, messages: (b) => b.temperature, gemini: (b) => g(b).temperature },
  top_p: { chat: (b) => b.top_p, responses: (b) => b.top_p, messages: (b) => b.top_p, gemini: (b) => g(b).topP },
  top_k: { messages: (b) => b.top_k, gemini: (b) => g(b).topK },
  most: { chat: (b) => b.max_completion_tokens ?? b.max_tokens, responses: (b) => b.max_output_tokens, messages: (b) => b.max_tokens, gemini: (b) => g(b).maxOutputTokens },
  stop: { chat: (b) => [b.stop].flat(), messages: (b) => b.stop_sequences, gemini: (b) => g(b).stopSequences },
  n: { chat: (b) => b.n, gemini: (b) => g(b).candidateCount },
  seed: { chat: (b) => b.seed, gemini: (b) => g(b).seed },
  presence: { chat: (b) => b.presence_penalty, gemini: (b) => g(b).presencePenalty },
  frequency: { chat: (b) => b.frequency_penalty, gemini: (b) => g(b).frequencyPenalty },
  logprobs: { chat: (b) => b.top_logprobs, responses: (b) => b.top_logprobs, gemini: (b) => g(b).logprobs },
  user: { chat: (b) => b.user ?? b.safety_identifier, responses: (b) => b.safety_identifier ?? b.user, messages: (b) => b.metadata?.user_id },
  tier: {
    chat: (b) => b.service_tier, responses: (b) => b.service_tier, messages: (b) => ({ auto: 'priority', standard_only: 'default' })[b.service_tier],
    gemini: (b) => ({ standard: 'default' })[b.serviceTier?.toLowerCase()] ?? b.serviceTier?.toLowerCase(),
  },
  sequential: { chat: (b) => b.parallel_tool_calls === false, responses: (b) => b.parallel_tool_calls === false, messages: (b) => b.tool_choice?.disable_parallel_tool_use },
  choice: {
    chat: (b) => named(b.tool_choice) ?? b.tool_choice, responses: (b) => named(b.tool_choice) ?? b.tool_choice,
    messages: (b) => b.tool_choice.name ?? { any: 'required' }[b.tool_choice.type] ?? b.tool_choice.type,
    gemini: (b) => choice(b).allowedFunctionNames?.[0] ?? ({ ANY: 'required', NONE: 'none' })[choice(b).mode],
  },
  json: { chat: (b) => b.response_format?.type === 'json_object', responses: (b) => b.text?.format?.type === 'json_object', gemini: (b) => g(b).responseMimeType === 'application/json' },
  effort: {
    chat: (b) => b.reasoning_effort, responses: (b) => b.reasoning?.effort, messages: (b) => b.output_config?.effort ?? (b.thinking?.type === 'enabled' ? 'high' : b.thinking?.type),
    gemini: (b) => g(b).thinkingConfig?.thinkingLevel?.toLowerCase(),
  },
  thinks: {
    chat: (b) => Boolean(b.reasoning_effort ?? b.reasoning), responses: (b) => Boolean(b.reasoning?.effort), messages: (b) => Boolean(b.thinking),
    gemini: (b) => Boolean(g(b).thinkingConfig),
  },
  // Chat has no word for it: what its upstreams show of thoughts they show unasked.
  shown: { chat: () => true, responses: (b) => Boolean(b.reasoning?.summary), messages: (b) => b.thinking?.display === 'summarized', gemini: (b) => g(b).thinkingConfig?.includeThoughts },
  metadata: { chat: (b) => b.metadata, responses: (b) => b.metadata },
  store: { chat: (b) => b.store, responses: (b) => b.store },
  verbosity: { chat: (b) => b.verbosity, responses: (b) => b.text?.verbosity },
  cacheKey: { chat: (b) => b.prompt_cache_key, responses: (b) => b.prompt_cache_key },
  strict: { chat: (b) => b.tools[0].function.strict, responses: (b) => b.tools[0].strict, messages: (b) => b.tools[0].strict },
  webSearch: {
    chat: (b) => Boolean(b.web_search_options), responses: (b) => b.tools.some((t) => t.type === 'web_search'), messages: (b) => b.tools.some((t) => /^web_search_/.test(t.type)),
    gemini: (b) => b.tools.some((t) => t.googleSearch),
  },
  custom: { chat: (b) => tool(b).name, responses: (b) => tool(b).name, messages: (b) => tool(b).name, gemini: (b) => b.tools[0].functionDeclarations[0].name },
  cached: {
    chat: (b) => JSON.stringify(b).includes('prompt_cache_breakpoint'), responses: (b) => JSON.stringify(b).includes('prompt_cache_breakpoint'),
    messages: (b) => JSON.stringify(b).includes('cache_control'),
  },
  said: Object.fromEntries(['chat', 'responses', 'messages', 'gemini'].map((k) => [k, (b) => JSON.stringify(b)])),
};
const tool = (b) => b.tools[0].custom ?? b.tools[0].function ?? b.tools[0];

// carried asserts that the upstream was told what the caller said.
export function carried(setting, kind, body) {
  const place = places[setting.is]?.[kind];
  assert.ok(place, `nobody says that ${setting.name} was dropped, and ${kind} has no place for it`);
  const got = place(body);
  if (setting.is === 'said') assert.ok(got.includes(setting.value), `${setting.value} is not in ${got}`);
  else assert.deepEqual(got, setting.value, `${setting.name} did not arrive: ${JSON.stringify(body)}`);
}

// A setting of members to merge, or of a function that changes the request. model is
// one of the kind's besides the ordinary one.
const setting = (name, more, { is, value, ...rest } = {}) => ({
  name, is, value, ...rest,
  edit: typeof more === 'function' ? more : (params) => Object.assign(params, params.config ? { config: { ...params.config, ...more } } : more),
});
const last = (list, with_) => ((list[list.length - 1] = with_(list.at(-1))), list);
const onContent = (field, content) => (p) => ({ ...p, [field]: last([...p[field]], (m) => ({ ...m, [field === 'contents' ? 'parts' : 'content']: content })) });
const before = (field, ...items) => (p) => ({ ...p, [field]: [...items, ...p[field]] });
const on = (is, value, rest) => ({ is, value, ...rest });
const newest = { model: 'newest' };
// What the protocol's own provider refuses, but what a translation is to manage.
const abroad = { abroad: true };

const chat = [
  setting('temperature', { temperature: 0.5 }, on('temperature', 0.5)),
  setting('temperature over 1', { temperature: 1.5 }, on('temperature', 1.5)),
  setting('temperature, to a model that thinks', { temperature: 0.5 }, on('temperature', 0.5, { ...newest, ...abroad })),
  setting('top_p', { top_p: 0.9 }, on('top_p', 0.9)),
  setting('max_tokens', { max_tokens: 500 }, on('most', 500)),
  setting('max_completion_tokens', { max_completion_tokens: 500 }, on('most', 500)),
  setting('max_completion_tokens of 5', { max_completion_tokens: 5 }, on('most', 5)),
  setting('stop', { stop: ['END', 'STOP'] }, on('stop', ['END', 'STOP'])),
  setting('stop, to a model that thinks', { stop: 'END' }, on('stop', ['END'], { ...newest, ...abroad })),
  setting('n of 2', { n: 2 }, on('n', 2)),
  setting('seed', { seed: 7 }, on('seed', 7)),
  setting('presence_penalty', { presence_penalty: 0.5 }, on('presence', 0.5)),
  setting('frequency_penalty', { frequency_penalty: 0.5 }, on('frequency', 0.5)),
  setting('logit_bias', { logit_bias: { 50256: -100 } }, on('none')),
  setting('logprobs', { logprobs: true, top_logprobs: 3 }, on('logprobs', 3)),
  setting('response_format json_object', { response_format: { type: 'json_object' } }, on('json', true)),
  setting('reasoning_effort', { reasoning_effort: 'high' }, on('effort', 'high', newest)),
  setting('reasoning_effort none', { reasoning_effort: 'none' }, on('thinks', true, newest)),
  setting('reasoning_effort, to a model with a budget', { reasoning_effort: 'high' }, on('thinks', true, { model: 'thinker' })),
  setting('verbosity', { verbosity: 'low' }, on('verbosity', 'low', newest)),
  setting('user', { user: 'u-1' }, on('user', 'u-1')),
  setting('safety_identifier', { safety_identifier: 'u-1' }, on('user', 'u-1')),
  setting('metadata, store', { metadata: { k: 'v' }, store: true }, on('metadata', { k: 'v' })),
  setting('service_tier priority', { service_tier: 'priority' }, on('tier', 'priority')),
  setting('service_tier flex', { service_tier: 'flex' }, on('tier', 'flex')),
  setting('prompt_cache_key', { prompt_cache_key: 'key' }, on('cacheKey', 'key')),
  setting('parallel_tool_calls false', { parallel_tool_calls: false }, on('sequential', true, { tools: true })),
  setting('tool_choice required', { tool_choice: 'required' }, on('choice', 'required', { tools: true })),
  setting('tool_choice none', { tool_choice: 'none' }, on('choice', 'none', { tools: true })),
  setting('tool_choice of one', { tool_choice: { type: 'function', function: { name: 'get_weather' } } }, on('choice', 'get_weather', { tools: true })),
  setting('a strict tool', { tools: [{ type: 'function', function: { name: 'f', strict: true, parameters: citySchema } }] }, on('strict', true)),
  setting('a tool without parameters', { tools: [{ type: 'function', function: { name: 'f' } }] }, on('custom', 'f')),
  setting('a custom tool', { tools: [{ type: 'custom', custom: { name: 'patch', format: { type: 'grammar', grammar: { syntax: 'regex', definition: '.+' } } } }] }, on('custom', 'patch', newest)),
  setting('web_search_options', { web_search_options: { search_context_size: 'low' } }, on('webSearch', true)),
  setting('a developer message', before('messages', { role: 'developer', content: 'Rule.' }), on('said', 'Rule.')),
  setting('a system message in the middle', (p) => ({ ...p, messages: [...p.messages, { role: 'assistant', content: 'Yes?' }, { role: 'system', content: 'Rule.' }, { role: 'user', content: 'Go.' }] }), on('said', 'Rule.')),
  setting('two messages of the user', before('messages', { role: 'user', content: 'First.' }), on('said', 'First.')),
  setting('a participant\'s name', (p) => ({ ...p, messages: last([...p.messages], (m) => ({ ...m, name: 'Ann' })) }), on('said', 'Ann')),
  setting('an image at a URL', onContent('messages', [{ type: 'image_url', image_url: { url: 'https://e.org/a.png' } }]), on('said', 'https://e.org/a.png')),
  setting('an image\'s detail', onContent('messages', [{ type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}`, detail: 'low' } }]), on('said', pixel)),
  setting('a PDF', onContent('messages', [{ type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` } }]), on('said', pdf)),
  setting('a stored file', onContent('messages', [{ type: 'file', file: { file_id: 'file-1' } }]), on('said', 'file-1')),
  setting('sound', onContent('messages', [{ type: 'input_audio', input_audio: { format: 'wav', data: wav } }]), on('said', wav)),
  setting('modalities audio', { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } }, on('none')),
  setting('prediction', { prediction: { type: 'content', content: 'x' } }, on('none')),
];

const turn = (call, content, more = {}) => [{ role: 'assistant', content: null, tool_calls: [call] }, { role: 'tool', tool_call_id: call.id, content, ...more }];
const chatCall = (id, args = '{}', name = 'get_weather') => ({ id, type: 'function', function: { name, arguments: args } });
chat.push(
  setting('a call id with odd characters', (p) => ({ ...p, messages: [...p.messages, ...turn(chatCall('functions.get_weather:0'), 'Fine.')] }), on('said', 'Fine.', { tools: true })),
  setting('one call id in two turns', (p) => ({ ...p, messages: [...p.messages, ...turn(chatCall('call_1'), 'One.'), ...turn(chatCall('call_1'), 'Two.')] }), on('said', 'Two.', { tools: true })),
  setting('a call with empty arguments', (p) => ({ ...p, messages: [...p.messages, ...turn(chatCall('call_1', '{}'), '')] }), on('said', 'get_weather', { tools: true })),
  setting('a result in parts', (p) => ({ ...p, messages: [...p.messages, ...turn(chatCall('call_1'), [{ type: 'text', text: 'One.' }, { type: 'text', text: 'Two.' }])] }), on('said', 'Two.', { tools: true })),
  setting('calls in the history and no tools', (p) => ({ ...p, messages: [...p.messages, ...turn(chatCall('call_1'), 'Fine.')] }), on('said', 'Fine.')),
  setting('the model speaks first', before('messages', { role: 'assistant', content: 'Welcome!' }), on('said', 'Welcome!')),
  setting('the model speaks twice', (p) => ({ ...p, messages: [...p.messages, { role: 'assistant', content: 'One.' }, { role: 'assistant', content: 'Two.' }, { role: 'user', content: 'Go.' }] }), on('said', 'Two.')),
  setting('a message of nothing', (p) => ({ ...p, messages: [...p.messages, { role: 'assistant', content: '' }, { role: 'user', content: 'Go.' }] }), on('said', 'Go.')),
  setting('a refusal in the history', (p) => ({ ...p, messages: [...p.messages, { role: 'assistant', content: null, refusal: 'I cannot.' }, { role: 'user', content: 'Go.' }] }), on('said', 'I cannot.')),
  setting('system alone', (p) => ({ ...p, messages: [{ role: 'system', content: 'Speak.' }] }), on('said', 'Speak.')),
);

const user = (content) => ({ role: 'user', content });
const responses = [
  setting('temperature', { temperature: 0.5 }, on('temperature', 0.5)),
  setting('temperature, to a model that thinks', { temperature: 0.5 }, on('temperature', 0.5, { ...newest, ...abroad })),
  setting('top_p', { top_p: 0.9 }, on('top_p', 0.9)),
  setting('max_output_tokens', { max_output_tokens: 500 }, on('most', 500)),
  setting('top_logprobs', { top_logprobs: 3, include: ['message.output_text.logprobs'] }, on('logprobs', 3)),
  setting('top_logprobs alone', { top_logprobs: 3 }, on('logprobs', 3)),
  setting('top_logprobs, to a model that thinks', { top_logprobs: 3 }, on('logprobs', 3, { ...newest, ...abroad })),
  setting('top_logprobs of 0', { top_logprobs: 0 }, on('said', '')),
  setting('input as text', { input: 'Hello.' }, on('said', 'Hello.')),
  setting('text.format json_object', { text: { format: { type: 'json_object' } } }, on('json', true)),
  setting('text.verbosity', { text: { verbosity: 'low' } }, on('verbosity', 'low', newest)),
  setting('reasoning.effort', { reasoning: { effort: 'high' } }, on('effort', 'high', newest)),
  setting('reasoning.effort none', { reasoning: { effort: 'none' } }, on('thinks', true, newest)),
  setting('reasoning.summary', { reasoning: { effort: 'low', summary: 'detailed' } }, on('thinks', true, newest)),
  setting('safety_identifier', { safety_identifier: 'u-1' }, on('user', 'u-1')),
  setting('metadata', { metadata: { k: 'v' } }, on('none')),
  setting('store', { store: true }, on('store', true)),
  setting('service_tier flex', { service_tier: 'flex' }, on('tier', 'flex')),
  setting('prompt_cache_key', { prompt_cache_key: 'key' }, on('cacheKey', 'key')),
  setting('truncation auto', { truncation: 'auto' }, on('none')),
  setting('previous_response_id', { previous_response_id: 'resp_1' }, on('none')),
  setting('conversation', { conversation: 'conv_1' }, on('none')),
  setting('background', { background: true, store: true }, on('none')),
  setting('prompt', { prompt: { id: 'pmpt_1' } }, on('none')),
  setting('max_tool_calls', { max_tool_calls: 2 }, on('none')),
  setting('parallel_tool_calls false', { parallel_tool_calls: false }, on('sequential', true, { tools: true })),
  setting('tool_choice required', { tool_choice: 'required' }, on('choice', 'required', { tools: true })),
  setting('tool_choice of one', { tool_choice: { type: 'function', name: 'get_weather' } }, on('choice', 'get_weather', { tools: true })),
  setting('a strict tool', { tools: [{ type: 'function', name: 'f', strict: true, parameters: citySchema }] }, on('strict', true)),
  setting('a custom tool', { tools: [{ type: 'custom', name: 'patch', format: { type: 'grammar', syntax: 'regex', definition: '.+' } }] }, on('custom', 'patch', newest)),
  setting('a namespace of tools', { tools: [{ type: 'namespace', name: 'ns', description: 'd', tools: [{ type: 'function', name: 'f', parameters: { type: 'object', properties: {} }, strict: false }] }] }, on('said', 'ns')),
  setting('web search', { tools: [{ type: 'web_search' }] }, on('webSearch', true)),
  setting('file search', { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }, on('none')),
  setting('a developer message', before('input', { role: 'developer', content: 'Rule.' }), on('said', 'Rule.')),
  setting('an image at a URL', { input: [user([{ type: 'input_image', detail: 'auto', image_url: 'https://e.org/a.png' }])] }, on('said', 'https://e.org/a.png')),
  setting('a stored image', { input: [user([{ type: 'input_image', detail: 'auto', file_id: 'file-1' }])] }, on('said', 'file-1')),
  setting('a PDF', { input: [user([{ type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` }])] }, on('said', pdf)),
  setting('a PDF at a URL', { input: [user([{ type: 'input_file', file_url: 'https://e.org/a.pdf' }])] }, on('said', 'https://e.org/a.pdf')),
];

const calling = (id, output) => [{ type: 'function_call', call_id: id, name: 'get_weather', arguments: '{}' }, { type: 'function_call_output', call_id: id, output }];
responses.push(
  setting('text between calls', (p) => ({ ...p, input: [...p.input, { role: 'assistant', content: 'Wait.' }, ...calling('call_1', 'One.'), { role: 'assistant', content: 'More.' }, ...calling('call_2', 'Two.')] }), on('said', 'Two.', { tools: true })),
  setting('results with an image', (p) => ({ ...p, input: [...p.input, ...calling('call_1', [{ type: 'input_text', text: 'See.' }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${pixel}` }])] }), on('said', pixel, { tools: true })),
  setting('a result after a later message', (p) => { const [call, output] = calling('call_1', 'Late.'); return { ...p, input: [...p.input, call, user('Hurry!'), output] }; }, on('said', 'Late.', { tools: true })),
  setting('results in another order', (p) => { const [a, b] = [calling('call_1', 'One.'), calling('call_2', 'Two.')]; return { ...p, input: [...p.input, a[0], b[0], b[1], a[1]] }; }, on('said', 'Two.', { tools: true })),
  setting('the model speaks first', before('input', { role: 'assistant', content: 'Welcome!' }), on('said', 'Welcome!')),
);

const messages = [
  setting('temperature', { temperature: 0.5 }, on('temperature', 0.5)),
  setting('top_p', { top_p: 0.9 }, on('top_p', 0.9)),
  setting('top_k', { top_k: 40 }, on('top_k', 40)),
  setting('max_tokens', { max_tokens: 500 }, on('most', 500)),
  setting('max_tokens of 5', { max_tokens: 5 }, on('most', 5)),
  setting('stop_sequences', { stop_sequences: ['END', 'STOP'] }, on('stop', ['END', 'STOP'])),
  setting('temperature, to a model that thinks', { temperature: 0.5 }, on('temperature', 0.5, { ...newest, ...abroad })),
  setting('top_p, to a model that thinks', { top_p: 0.5 }, on('top_p', 0.5, { ...newest, ...abroad })),
  setting('metadata.user_id', { metadata: { user_id: 'u-1' } }, on('user', 'u-1')),
  setting('service_tier standard_only', { service_tier: 'standard_only' }, on('tier', 'default')),
  setting('thinking with a budget', { thinking: { type: 'enabled', budget_tokens: 2000 } }, on('thinks', true, { model: 'thinker' })),
  setting('thinking with a budget, to a model of today', { thinking: { type: 'enabled', budget_tokens: 2000 } }, on('thinks', true, { ...newest, ...abroad })),
  setting('thinking adaptive and an effort', { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }, on('effort', 'high', newest)),
  setting('thinking disabled', { thinking: { type: 'disabled' } }, on('thinks', true, newest)),
  setting('thinking.display', { thinking: { type: 'adaptive', display: 'omitted' } }, on('thinks', true, newest)),
  setting('tool_choice any', { tool_choice: { type: 'any' } }, on('choice', 'required', { tools: true })),
  setting('tool_choice none', { tool_choice: { type: 'none' } }, on('choice', 'none', { tools: true })),
  setting('tool_choice of one', { tool_choice: { type: 'tool', name: 'get_weather' } }, on('choice', 'get_weather', { tools: true })),
  setting('disable_parallel_tool_use', { tool_choice: { type: 'auto', disable_parallel_tool_use: true } }, on('sequential', true, { tools: true })),
  setting('a strict tool', { tools: [{ name: 'f', strict: true, input_schema: citySchema }] }, on('strict', true)),
  setting('a strict tool with an optional argument', { tools: [{ name: 'f', strict: true, input_schema: { ...citySchema, required: ['city'] } }] }, on('strict', true)),
  setting('a format with an optional member', { output_config: { format: { type: 'json_schema', schema: { ...citySchema, required: ['city'] } } } }, on('said', 'population')),
  setting('cache_control in system', { system: [{ type: 'text', text: 'Long.', cache_control: { type: 'ephemeral' } }] }, on('cached', true)),
  setting('cache_control in a message', { messages: [user([{ type: 'text', text: 'Hi.', cache_control: { type: 'ephemeral', ttl: '1h' } }])] }, on('cached', true)),
  setting('cache_control on a tool', { tools: [{ name: 'f', input_schema: { type: 'object' }, cache_control: { type: 'ephemeral' } }] }, on('cached', true)),
  setting('system in two blocks', { system: [{ type: 'text', text: 'One.' }, { type: 'text', text: 'Two.' }] }, on('said', 'Two.')),
  setting('an image at a URL', { messages: [user([{ type: 'image', source: { type: 'url', url: 'https://e.org/a.png' } }])] }, on('said', 'https://e.org/a.png')),
  setting('a PDF', { messages: [user([{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf } }])] }, on('said', pdf)),
  setting('a document of text, with a title', { messages: [user([{ type: 'document', title: 'T', source: { type: 'text', media_type: 'text/plain', data: 'Words.' } }])] }, on('said', '')),
  setting('citations', { messages: [user([{ type: 'document', citations: { enabled: true }, source: { type: 'text', media_type: 'text/plain', data: 'Words.' } }])] }, on('none')),
  setting('an image in a result', { messages: [user('Hi.'), { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} }] }, user([{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'See.' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }] }])] }, on('said', pixel, { tools: true })),
  setting('is_error of a result', { messages: [user('Hi.'), { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: {} }] }, user([{ type: 'tool_result', tool_use_id: 'toolu_1', is_error: true, content: 'It failed.' }])] }, on('said', 'error', { tools: true })),
  setting('a prefilled answer', { messages: [user('Hi.'), { role: 'assistant', content: 'Well,' }] }, on('said', 'Well,')),
  setting('web search', { tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 2 }] }, on('webSearch', true)),
  setting('code execution', { tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] }, on('none')),
  setting('container', { container: 'container_1' }, on('none')),
  setting('inference_geo', { inference_geo: 'us' }, on('none')),
];

const using = (id, ...results) => [user('Hi.'), { role: 'assistant', content: [{ type: 'tool_use', id, name: 'get_weather', input: {} }] }, user(results)];
messages.push(
  setting('text behind a result', { messages: using('toolu_1', { type: 'tool_result', tool_use_id: 'toolu_1', content: 'Fine.' }, { type: 'text', text: 'Go on.' }) }, on('said', 'Go on.', { tools: true })),
  setting('a result of nothing', { messages: using('toolu_1', { type: 'tool_result', tool_use_id: 'toolu_1' }) }, on('said', 'get_weather', { tools: true })),
  setting('a tool with a name of 100 characters', { tools: [{ name: 'n'.repeat(100), input_schema: { type: 'object' } }] }, on('said', 'n'.repeat(50))),
);

const gemini = [
  setting('temperature', { temperature: 0.5 }, on('temperature', 0.5)),
  setting('temperature over 1', { temperature: 1.5 }, on('temperature', 1.5)),
  setting('topP', { topP: 0.9 }, on('top_p', 0.9)),
  setting('topK', { topK: 40 }, on('top_k', 40)),
  setting('penalties and logprobs, to a model that thinks', { presencePenalty: 0.5, frequencyPenalty: 0.5, responseLogprobs: true, logprobs: 2 }, on('presence', 0.5, { ...newest, ...abroad })),
  setting('maxOutputTokens', { maxOutputTokens: 500 }, on('most', 500)),
  setting('stopSequences', { stopSequences: ['END', 'STOP'] }, on('stop', ['END', 'STOP'])),
  setting('candidateCount of 2', { candidateCount: 2 }, on('n', 2)),
  setting('seed', { seed: 7 }, on('seed', 7)),
  setting('presencePenalty', { presencePenalty: 0.5 }, on('presence', 0.5)),
  setting('frequencyPenalty', { frequencyPenalty: 0.5 }, on('frequency', 0.5)),
  setting('responseLogprobs', { responseLogprobs: true, logprobs: 3 }, on('logprobs', 3)),
  setting('responseMimeType of JSON', { responseMimeType: 'application/json' }, on('json', true)),
  setting('responseSchema', { responseMimeType: 'application/json', responseSchema: { type: 'OBJECT', properties: { city: { type: 'STRING', nullable: true } }, required: ['city'] } }, on('said', '"city"')),
  setting('responseJsonSchema with an optional member', { responseMimeType: 'application/json', responseJsonSchema: { type: 'object', properties: { city: { type: 'string', minLength: 2 }, size: { type: 'integer', minimum: 0 } }, required: ['city'] } }, on('said', 'size')),
  setting('thinkingLevel', { thinkingConfig: { thinkingLevel: 'HIGH' } }, on('effort', 'high', newest)),
  setting('thinkingBudget', { thinkingConfig: { thinkingBudget: 2000 } }, on('thinks', true, newest)),
  setting('thinkingBudget of 0', { thinkingConfig: { thinkingBudget: 0 } }, on('thinks', true, newest)),
  setting('includeThoughts', { thinkingConfig: { includeThoughts: true } }, on('shown', true, newest)),
  setting('toolConfig ANY', { toolConfig: { functionCallingConfig: { mode: 'ANY' } } }, on('choice', 'required', { tools: true })),
  setting('toolConfig NONE', { toolConfig: { functionCallingConfig: { mode: 'NONE' } } }, on('choice', 'none', { tools: true })),
  setting('toolConfig ANY of one', { toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['get_weather'] } } }, on('said', 'get_weather', { tools: true })),
  setting('toolConfig VALIDATED', { toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } } }, on('none', null, { tools: true })),
  setting('parameters in OpenAPI\'s form', { tools: [{ functionDeclarations: [{ name: 'f', parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } } } }] }] }, on('custom', 'f')),
  setting('googleSearch', { tools: [{ googleSearch: {} }] }, on('webSearch', true)),
  setting('codeExecution', { tools: [{ codeExecution: {} }] }, on('none')),
  setting('safetySettings', { safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }] }, on('none')),
  setting('cachedContent', { cachedContent: 'cachedContents/1' }, on('none')),
  setting('serviceTier flex', { serviceTier: 'flex' }, on('tier', 'flex')),
  setting('mediaResolution', { mediaResolution: 'MEDIA_RESOLUTION_LOW' }, on('none')),
  setting('responseModalities of images', { responseModalities: ['IMAGE'] }, on('none')),
  setting('labels', { labels: { k: 'v' } }, on('none')),
  setting('a PDF', onContent('contents', [{ text: 'Read.' }, { inlineData: { mimeType: 'application/pdf', data: pdf } }]), on('said', pdf)),
  setting('sound', onContent('contents', [{ text: 'Hear.' }, { inlineData: { mimeType: 'audio/wav', data: wav } }]), on('said', wav)),
  setting('an image at a URL', onContent('contents', [{ text: 'See.' }, { fileData: { mimeType: 'image/png', fileUri: 'https://e.org/a.png' } }]), on('said', 'https://e.org/a.png')),
  setting('an uploaded file', onContent('contents', [{ text: 'See.' }, { fileData: { mimeType: 'image/png', fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/x' } }]), on('said', 'files/x')),
  setting('a file of Google Cloud', onContent('contents', [{ text: 'See.' }, { fileData: { mimeType: 'image/png', fileUri: 'gs://b/a.png' } }]), on('said', 'gs://b/a.png')),
  setting('two contents of the user', before('contents', { role: 'user', parts: [{ text: 'First.' }] }), on('said', 'First.')),
];

const model = (...parts) => ({ role: 'model', parts });
gemini.push(
  setting('a tool with a dot in its name', { tools: [{ functionDeclarations: [{ name: 'ns.f', parametersJsonSchema: { type: 'object' } }] }] }, on('said', 'ns')),
  setting('the model speaks first', before('contents', model({ text: 'Welcome!' })), on('said', 'Welcome!')),
  setting('a result that is an object', (p) => ({ ...p, contents: [...p.contents, model({ functionCall: { name: 'get_weather', args: {} } }), { role: 'user', parts: [{ functionResponse: { name: 'get_weather', response: { degrees: 18 } } }] }] }), on('said', 'degrees', { tools: true })),
  setting('calls without arguments', (p) => ({ ...p, contents: [...p.contents, model({ functionCall: { name: 'get_weather' } }), { role: 'user', parts: [{ functionResponse: { name: 'get_weather', response: { output: '' } } }] }] }), on('said', 'get_weather', { tools: true })),
);

export const settings = { chat, responses, messages, gemini };
