// The official SDKs behind one face. A caller holds a conversation in its own
// protocol: what the model said it sends back as the SDK gave it.
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

// Session is one conversation. dropped is what the last answer's header says.
class Session {
  constructor(caller, { origin, key, model, system }) {
    Object.assign(this, { caller, model, history: [], system, dropped: '' });
    const recording = async (url, init) => {
      const resp = await fetch(url, init);
      this.dropped = resp.headers.get('x-agw-dropped') ?? '';
      return resp;
    };
    this.client = caller.client(origin, key, recording);
  }

  user(text, image) {
    this.history.push(...this.caller.user(text, image));
  }

  // ask returns the answer, and takes it into the conversation.
  async ask(options = {}) {
    const params = this.caller.params(this, options);
    const raw = options.stream ? await this.caller.stream(this.client, params, options) : await this.caller.call(this.client, params, options);
    this.history.push(...this.caller.echo(raw));
    return this.caller.read(raw);
  }

  // results answers calls, in another order than they came in where they have ids.
  results(list) {
    this.history.push(...this.caller.results(list.every((r) => r.call.id) ? list.toReversed() : list));
  }
}

const merge = (a, b) => {
  const out = { ...a };
  for (const [k, v] of Object.entries(b ?? {})) out[k] = v && typeof v === 'object' && !Array.isArray(v) && out[k] ? merge(out[k], v) : v;
  return out;
};

const png = (data) => `data:image/png;base64,${data}`;

const chat = {
  name: 'chat',
  protocol: 'openai',
  errors: OpenAI,
  client: (origin, apiKey, fetch) => new OpenAI({ apiKey, baseURL: `${origin}/v1`, maxRetries: 0, fetch }),
  user: (text, image) => [{ role: 'user', content: image ? [{ type: 'text', text }, { type: 'image_url', image_url: { url: png(image) } }] : text }],
  params: (s, { tools, schema, thinks, more }) =>
    merge({
      model: s.model,
      messages: [...(s.system ? [{ role: 'system', content: s.system }] : []), ...s.history],
      ...(tools && { tools: tools.map((t) => ({ type: 'function', function: { name: t.name, description: t.description, parameters: t.schema } })) }),
      ...(schema && { response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } } }),
      ...(thinks && { reasoning_effort: 'medium' }),
    }, more),
  call: (client, params, { signal }) => client.chat.completions.create(params, { signal }),
  async stream(client, params, { signal, onEvent }) {
    const stream = client.chat.completions.stream({ ...params, stream_options: { include_usage: true } }, { signal });
    // The SDK's helper overwrites members that it does not know: thoughts are gathered by hand.
    let thoughts = '', blocks = [], details = [];
    for await (const chunk of stream) {
      onEvent?.(chunk);
      const delta = chunk.choices[0]?.delta ?? {};
      thoughts += delta.reasoning_content ?? delta.reasoning ?? '';
      blocks.push(...(delta.thinking_blocks ?? []));
      for (const d of delta.reasoning_details ?? []) {
        const before = details.at(-1);
        if (before?.index === d.index && before.type === d.type) Object.assign(before, d, d.text && { text: (before.text ?? '') + d.text });
        else details.push({ ...d });
      }
    }
    const raw = await stream.finalChatCompletion();
    const { role, content, refusal, tool_calls } = raw.choices[0].message;
    const calls = tool_calls?.map(({ id, type, function: { name, arguments: args }, extra_content }) => ({ id, type, function: { name, arguments: args }, ...(extra_content && { extra_content }) }));
    raw.choices[0].message = {
      role, content, refusal, ...(calls && { tool_calls: calls }), ...(thoughts && { [details.length ? 'reasoning' : 'reasoning_content']: thoughts }),
      ...(blocks.length && { thinking_blocks: blocks }), ...(details.length && { reasoning_details: details }),
    };
    return raw;
  },
  echo: (raw) => [raw.choices[0].message],
  read(raw) {
    const { message, finish_reason } = raw.choices[0], u = raw.usage;
    return {
      text: message.content ?? '', thoughts: message.reasoning_content ?? message.reasoning ?? '',
      calls: (message.tool_calls ?? []).map((c) => ({ id: c.id, name: c.function.name, args: JSON.parse(c.function.arguments) })),
      finish: { stop: 'stop', tool_calls: 'calls' }[finish_reason] ?? finish_reason,
      use: { input: u.prompt_tokens, cached: u.prompt_tokens_details.cached_tokens, output: u.completion_tokens },
    };
  },
  results: (list) => list.map(({ call, text }) => ({ role: 'tool', tool_call_id: call.id, content: text })),
};

const responses = {
  name: 'responses',
  protocol: 'openai',
  errors: OpenAI,
  client: chat.client,
  user: (text, image) => [{ role: 'user', content: image ? [{ type: 'input_text', text }, { type: 'input_image', detail: 'auto', image_url: png(image) }] : text }],
  params: (s, { tools, schema, thinks, more }) =>
    merge({
      model: s.model, input: s.history, store: false,
      ...(s.system && { instructions: s.system }),
      ...(tools && { tools: tools.map((t) => ({ type: 'function', name: t.name, description: t.description, parameters: t.schema, strict: false })) }),
      ...(schema && { text: { format: { type: 'json_schema', name: 'city', strict: true, schema } } }),
      ...(thinks && { reasoning: { effort: 'medium', summary: 'auto' }, include: ['reasoning.encrypted_content'] }),
    }, more),
  call: (client, params, { signal }) => client.responses.create(params, { signal }),
  async stream(client, params, { signal, onEvent }) {
    const stream = client.responses.stream(params, { signal });
    for await (const event of stream) onEvent?.(event);
    const raw = await stream.finalResponse();
    for (const item of raw.output) {
      delete item.parsed_arguments; // what the SDK adds for its caller
      for (const c of item.content ?? []) delete c.parsed;
    }
    return raw;
  },
  echo: (raw) => raw.output,
  read(raw) {
    const of = (type) => raw.output.filter((item) => item.type === type), u = raw.usage;
    return {
      text: raw.output_text, thoughts: of('reasoning').flatMap((r) => r.summary.map((s) => s.text)).join(''),
      calls: of('function_call').map((c) => ({ id: c.call_id, name: c.name, args: JSON.parse(c.arguments) })),
      finish: raw.status === 'completed' ? (of('function_call').length ? 'calls' : 'stop') : raw.status,
      use: { input: u.input_tokens, cached: u.input_tokens_details.cached_tokens, output: u.output_tokens },
    };
  },
  results: (list) => list.map(({ call, text }) => ({ type: 'function_call_output', call_id: call.id, output: text })),
};

const messages = {
  name: 'messages',
  protocol: 'anthropic',
  errors: Anthropic,
  client: (origin, apiKey, fetch) => new Anthropic({ apiKey, authToken: null, baseURL: origin, maxRetries: 0, fetch }),
  user: (text, image) => [{ role: 'user', content: image ? [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } }, { type: 'text', text }] : text }],
  params: (s, { tools, schema, thinks, more }) =>
    merge({
      model: s.model, max_tokens: 8000, messages: s.history,
      ...(s.system && { system: s.system }),
      ...(tools && { tools: tools.map((t) => ({ name: t.name, description: t.description, input_schema: t.schema })) }),
      ...(schema && { output_config: { format: { type: 'json_schema', schema } } }),
      ...(thinks && { thinking: s.model === 'claude-opus-4-7' ? { type: 'adaptive', display: 'summarized' } : { type: 'enabled', budget_tokens: 4000 } }),
    }, more),
  call: (client, params, { signal }) => client.messages.create(params, { signal }),
  async stream(client, params, { signal, onEvent }) {
    const stream = client.messages.stream(params, { signal });
    for await (const event of stream) onEvent?.(event);
    return stream.finalMessage();
  },
  echo: (raw) => [{ role: 'assistant', content: raw.content.map(({ parsed, ...block }) => block) }],
  read(raw) {
    const of = (type) => raw.content.filter((b) => b.type === type), u = raw.usage;
    return {
      text: of('text').map((b) => b.text).join(''), thoughts: of('thinking').map((b) => b.thinking).join(''),
      calls: of('tool_use').map((b) => ({ id: b.id, name: b.name, args: b.input })),
      finish: { end_turn: 'stop', tool_use: 'calls' }[raw.stop_reason] ?? raw.stop_reason,
      use: { input: u.input_tokens + u.cache_read_input_tokens + (u.cache_creation_input_tokens ?? 0), cached: u.cache_read_input_tokens, output: u.output_tokens },
    };
  },
  results: (list) => [{ role: 'user', content: list.map(({ call, text }) => ({ type: 'tool_result', tool_use_id: call.id, content: text })) }],
};

const gemini = {
  name: 'gemini',
  protocol: 'gemini',
  client: (baseUrl, apiKey, fetch) => new GoogleGenAI({ apiKey, vertexai: false, httpOptions: { baseUrl, fetch } }),
  user: (text, image) => [{ role: 'user', parts: [...(image ? [{ inlineData: { mimeType: 'image/png', data: image } }] : []), { text }] }],
  params: (s, { tools, schema, thinks, more }) => ({
    model: s.model, contents: s.history,
    config: merge({
      ...(s.system && { systemInstruction: s.system }),
      ...(tools && { tools: [{ functionDeclarations: tools.map((t) => ({ name: t.name, description: t.description, parametersJsonSchema: t.schema })) }] }),
      ...(schema && { responseMimeType: 'application/json', responseJsonSchema: schema }),
      ...(thinks && { thinkingConfig: { includeThoughts: true, ...(s.model.startsWith('gemini-2') ? { thinkingBudget: 4000 } : { thinkingLevel: 'HIGH' }) } }),
    }, more),
  }),
  call: (client, params, { signal }) => client.models.generateContent(signal ? { ...params, config: { ...params.config, abortSignal: signal } } : params),
  async stream(client, params, { signal, onEvent }) {
    let raw;
    const parts = [];
    for await (const chunk of await client.models.generateContentStream({ ...params, config: { ...params.config, abortSignal: signal } })) {
      onEvent?.(chunk);
      parts.push(...(chunk.candidates?.[0].content?.parts ?? []));
      raw = chunk;
    }
    raw.candidates[0].content = { role: 'model', parts };
    return raw;
  },
  echo: (raw) => [raw.candidates[0].content],
  read(raw) {
    const { content, finishReason } = raw.candidates[0], u = raw.usageMetadata;
    const calls = content.parts.filter((p) => p.functionCall).map(({ functionCall: c }) => ({ id: c.id, name: c.name, args: c.args ?? {} }));
    const texts = (thought) => content.parts.filter((p) => p.text && Boolean(p.thought) === thought).map((p) => p.text).join('');
    return {
      text: texts(false), thoughts: texts(true), calls,
      finish: finishReason === 'STOP' ? (calls.length ? 'calls' : 'stop') : finishReason,
      use: { input: u.promptTokenCount, cached: u.cachedContentTokenCount ?? 0, output: u.candidatesTokenCount + (u.thoughtsTokenCount ?? 0) },
    };
  },
  results: (list) => [{ role: 'user', parts: list.map(({ call, text }) => ({ functionResponse: { ...(call.id && { id: call.id }), name: call.name, response: { output: text } } })) }],
};

// This SDK has one class of errors.
gemini.errors = { APIError: ApiError, BadRequestError: ApiError, NotFoundError: ApiError, RateLimitError: ApiError, InternalServerError: ApiError };

export const callers = [chat, responses, messages, gemini];

export const open = (caller, options) => new Session(caller, options);
