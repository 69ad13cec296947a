// Google's generateContent.
import { any, base64, bool, filled, like, list, map, number, object, refuse, text, whole, word } from './shape.mjs';
import { pieces, sse, use } from './server.mjs';

const name = like(/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/);
const part = (v, path) => {
  object({
    'text?': text, 'thought?': bool, 'thoughtSignature?': like(/^[A-Za-z0-9+/_-]+=*$/), 'mediaResolution?': object({ level: text }), 'videoMetadata?': map,
    'inlineData?': object({ mimeType: like(/^[a-z]+\/[\w.+-]+$/), data: base64, 'displayName?': text }),
    'fileData?': object({ 'mimeType?': text, fileUri: text, 'displayName?': text }),
    'functionCall?': object({ name, 'args?': map, 'id?': text }),
    'functionResponse?': object({ name, response: map, 'id?': text, 'parts?': list(map), 'willContinue?': bool, 'scheduling?': text }),
    'executableCode?': map, 'codeExecutionResult?': map,
  })(v, path);
  const data = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult'].filter((n) => n in v);
  if (data.length !== 1) refuse(path, `required oneof field 'data' must have one initialized field, not ${data.length}`);
};
// What responseSchema takes. Of responseJsonSchema the models ignore what they do not know.
const openapi = (v, path) =>
  object({
    'type?': word('TYPE_UNSPECIFIED', 'STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL', 'string', 'number', 'integer', 'boolean', 'array', 'object', 'null'),
    'format?': text, 'title?': text, 'description?': text, 'nullable?': bool, 'enum?': list(text), 'maxItems?': any, 'minItems?': any, 'required?': list(text), 'properties?': map,
    'anyOf?': list(openapi), 'items?': openapi, 'propertyOrdering?': list(text), 'minimum?': any, 'maximum?': any, 'default?': any, 'example?': any, 'pattern?': text,
    'minLength?': any, 'maxLength?': any, 'minProperties?': any, 'maxProperties?': any,
  })(v, path) ?? Object.entries(v.properties ?? {}).forEach(([k, s]) => openapi(s, `${path}.properties.${k}`));
const request = object({
  contents: list(object({ 'role?': word('user', 'model'), parts: list(part, 1) }), 1),
  'systemInstruction?': object({ parts: list(part, 1), 'role?': text }),
  'tools?': list(object({
    'functionDeclarations?': list((v, path) => {
      object({ name, 'description?': text, 'parameters?': openapi, 'parametersJsonSchema?': map, 'response?': map, 'responseJsonSchema?': map, 'behavior?': text })(v, path);
      if (v.parameters && v.parametersJsonSchema) refuse(path, 'parameters and parametersJsonSchema are mutually exclusive');
    }),
    'googleSearch?': map, 'codeExecution?': map, 'urlContext?': map,
  })),
  'toolConfig?': object({ 'functionCallingConfig?': object({ 'mode?': word('AUTO', 'ANY', 'NONE', 'VALIDATED'), 'allowedFunctionNames?': list(text) }), 'retrievalConfig?': map }),
  'safetySettings?': list(object({ category: text, threshold: text })), 'cachedContent?': text, 'labels?': map,
  'serviceTier?': word('unspecified', 'flex', 'standard', 'priority', 'FLEX', 'STANDARD', 'PRIORITY'), 'store?': bool,
  'generationConfig?': object({
    'temperature?': number(0, 2), 'topP?': number(0, 1), 'topK?': number(1), 'candidateCount?': whole(1, 8), 'maxOutputTokens?': whole(1, 65536), 'stopSequences?': list(filled, 0, 5),
    'presencePenalty?': number(-2, 2), 'frequencyPenalty?': number(-2, 2), 'seed?': whole(), 'responseLogprobs?': bool, 'logprobs?': whole(0, 20),
    'responseMimeType?': text, 'responseSchema?': openapi, 'responseJsonSchema?': map, 'responseModalities?': list(text), 'mediaResolution?': text, 'speechConfig?': map,
    'thinkingConfig?': object({ 'includeThoughts?': bool, 'thinkingBudget?': whole(-1, 32768), 'thinkingLevel?': word('MINIMAL', 'LOW', 'MEDIUM', 'HIGH') }),
  }),
});

const skip = 'skip_thought_signature_validator';

function rules(b, up, model) {
  const g = b.generationConfig ?? {}, t = g.thinkingConfig ?? {}, third = model.startsWith('gemini-3');
  if (g.responseSchema && g.responseJsonSchema) refuse('generationConfig', 'responseSchema and responseJsonSchema are mutually exclusive');
  if ((g.responseSchema || g.responseJsonSchema) && g.responseMimeType !== 'application/json') refuse('generationConfig.responseMimeType', 'must be application/json with a schema');
  if (g.logprobs !== undefined && !g.responseLogprobs) refuse('generationConfig.logprobs', 'needs responseLogprobs');
  if (t.thinkingLevel && t.thinkingBudget !== undefined) refuse('generationConfig.thinkingConfig', 'you can only set one of thinking budget and thinking level');
  if (t.thinkingLevel && !third) refuse('generationConfig.thinkingConfig', 'Thinking level is not supported for this model.');
  const f = b.toolConfig?.functionCallingConfig;
  if (f?.allowedFunctionNames?.length && !['ANY', 'VALIDATED'].includes(f.mode)) refuse('toolConfig', 'allowedFunctionNames needs the mode ANY');
  let calls = [], before;
  const loop = 1 + b.contents.findLastIndex((c) => c.role !== 'model' && c.parts.some((p) => !p.functionResponse));
  b.contents.forEach((c, i) => {
    const at = `contents[${i}]`;
    const own = c.parts.filter((p) => p.functionCall), results = c.parts.filter((p) => p.functionResponse);
    if (own.length && (c.role !== 'model' || before !== 'user')) refuse(at, 'a function call turn comes immediately after a user turn or after a function response turn');
    if (results.length !== calls.length) refuse(at, `the number of function response parts (${results.length}) must equal that of the function call parts (${calls.length}) of the turn before`);
    results.forEach((p, j) => {
      const id = p.functionResponse.id, call = (id ? calls.find((c) => c.id === id) : calls[j]) ?? refuse(at, `no call has the id ${id}`);
      if (call.name !== p.functionResponse.name) refuse(at, `the response of ${p.functionResponse.name} does not answer ${call.name}`);
    });
    if (results.length && c.role === 'model') refuse(at, 'function responses come with the role user');
    calls = own.map((p) => p.functionCall);
    before = c.role ?? 'user';
    if (third && i >= loop && own.length && !own[0].thoughtSignature) refuse(at, `Function call \`${own[0].functionCall.name}\` is missing a thought_signature`);
    c.parts.forEach((p, j) => {
      if (p.thoughtSignature && p.thoughtSignature !== skip && !up.signed.has(p.thoughtSignature)) refuse(`${at}.parts[${j}]`, 'Thought signature is not valid.');
    });
  });
  if (calls.length) refuse('contents', 'the function calls of the last turn have no responses');
}

export const gemini = {
  name: 'gemini',
  keyOf: (req) => req.headers['x-goog-api-key'],
  modelOf: (_, url) => /models\/([^:]+):/.exec(url.pathname)?.[1],
  streams: (_, url) => url.pathname.endsWith(':streamGenerateContent'),

  check(body, up, url) {
    if (!/^\/v1beta\/models\/[\w.-]+:(generateContent|streamGenerateContent)$/.test(url.pathname)) refuse('', `no such path ${url.pathname}`);
    if (this.streams(body, url) && url.searchParams.get('alt') !== 'sse') refuse('alt', 'the tests read events');
    request(body, '');
    rules(body, up, this.modelOf(body, url));
  },

  view(b) {
    const all = b.contents.flatMap((c) => c.parts.map((p) => ({ role: c.role ?? 'user', ...p })));
    const calls = [], results = [];
    for (const p of all) {
      if (p.functionCall) calls.push({ id: p.functionCall.id ?? `#${calls.length}`, name: p.functionCall.name, args: p.functionCall.args ?? {} });
      if (p.functionResponse) results.push({ id: p.functionResponse.id ?? `#${results.length}`, text: p.functionResponse.response.output ?? JSON.stringify(p.functionResponse.response) });
    }
    const said = (c) => c.parts.filter((p) => !p.thought).map((p) => p.text ?? '').join('');
    return {
      system: (b.systemInstruction?.parts ?? []).map((p) => p.text).join('\n'),
      prompt: said(b.contents.findLast((c) => c.role !== 'model' && c.parts.some((p) => p.text)) ?? { parts: [] }),
      said: b.contents.filter((c) => c.role === 'model').map(said).filter(Boolean),
      images: all.filter((p) => p.inlineData).map((p) => `data:${p.inlineData.mimeType};base64,${p.inlineData.data}`),
      calls, results,
      schema: b.generationConfig?.responseJsonSchema ?? b.generationConfig?.responseSchema,
      proofs: all.flatMap((p) => (p.thoughtSignature ? [p.thoughtSignature] : [])),
      tools: (b.tools ?? []).flatMap((t) => t.functionDeclarations ?? []).map((t) => ({ name: t.name, schema: t.parametersJsonSchema ?? t.parameters })),
    };
  },

  plain(step, asked, up) {
    return { candidates: [{ content: { parts: parts(step, asked, up), role: 'model' }, finishReason: 'STOP', index: 0, safetyRatings, avgLogprobs: -0.01 }], ...tail(asked, up) };
  },

  stream(step, asked, up) {
    const rest = tail(asked, up);
    const { candidatesTokenCount, thoughtsTokenCount, ...first } = rest.usageMetadata;
    const chunk = (part, end) =>
      sse({
        candidates: [{ content: { parts: [part], role: 'model' }, index: 0, ...(end && { finishReason: 'STOP', safetyRatings }) }],
        ...rest, usageMetadata: end ? rest.usageMetadata : { ...first, totalTokenCount: use.input },
      }).replaceAll('\n', '\r\n');
    const cut = parts(step, asked, up).flatMap((p) => {
      if (p.functionCall) return [p];
      const { text: all, ...more } = p, { thoughtSignature, ...plain } = more;
      const texts = pieces(all).map((t) => ({ text: t, ...plain }));
      return thoughtSignature ? [...texts, { text: '', thoughtSignature }] : texts;
    });
    return cut.map((p, i) => chunk(p, i === cut.length - 1));
  },

  failure: (message) => sse({ error: { code: 503, message, status: 'UNAVAILABLE' } }),
  error: (status, message) => ({ error: { code: status, message, status: words[status] ?? 'INTERNAL', details: [{ '@type': 'type.googleapis.com/google.rpc.DebugInfo', detail: '' }] } }),
};

const words = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED', 503: 'UNAVAILABLE' };

const safetyRatings = ['HARASSMENT', 'HATE_SPEECH'].map((c) => ({ category: `HARM_CATEGORY_${c}`, probability: 'NEGLIGIBLE' }));

const tail = ({ model }, up) => ({
  usageMetadata: {
    promptTokenCount: use.input, candidatesTokenCount: use.output - use.think, totalTokenCount: use.input + use.output, cachedContentTokenCount: use.cached,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: use.input }], thoughtsTokenCount: use.think, serviceTier: 'standard',
  },
  modelVersion: model, responseId: up.id('r'),
});

// parts are those of an answer: thoughts for those who asked to see them, and their
// proof on the first call, or else on the last text.
function parts(step, { body, model }, up) {
  const thinks = step.parts.some((p) => p.think) && !/^gemini-[12]\.[05]-flash-lite/.test(model);
  const shown = body.generationConfig?.thinkingConfig?.includeThoughts;
  const out = step.parts.flatMap((p) => {
    if (p.text) return [{ text: p.text }];
    if (p.call) return [{ functionCall: { name: p.call.name, args: p.call.args } }];
    return p.think && shown ? [{ text: p.think, thought: true }] : [];
  });
  const bearer = out.find((p) => p.functionCall) ?? out.at(-1);
  if (thinks) bearer.thoughtSignature = up.sign('');
  if (thinks && !bearer.functionCall) up.loose.add(bearer.thoughtSignature);
  return out;
}
