// A server of 2025-11-25 and before, made with the older official SDK: what the
// conformance suite asks of a server, and what server-everything has not: pages, streams
// that are broken off and resumed, log messages and requests on a call's own stream.
//
//   node fixture.mjs http|stdio
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';

const instance = randomUUID();
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const wav = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==';
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const none = { type: 'object', properties: {} };
const one = (name, type = 'string') => ({ type: 'object', properties: { [name]: { type } }, required: [name] });

// tools by name: [description, inputSchema, what it does]. extra is the SDK's, of this request.
const tools = {
  test_simple_text: ['Returns a text', none, () => text('This is a simple text response for testing.')],
  test_image_content: ['Returns an image', none, () => ({ content: [{ type: 'image', data: png, mimeType: 'image/png' }] })],
  test_audio_content: ['Returns a sound', none, () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] })],
  test_embedded_resource: ['Returns a resource', none, () => ({
    content: [{ type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' } }],
  })],
  test_multiple_content_types: ['Returns three kinds of content', none, () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: png, mimeType: 'image/png' },
      { type: 'resource', resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' } },
    ],
  })],
  test_tool_with_logging: ['Logs while it runs', none, async (_, extra) => {
    const log = (data) => extra.sendNotification({ method: 'notifications/message', params: { level: 'info', logger: 'fixture', data } });
    await log('Tool execution started');
    await sleep(50);
    await log('Tool processing data');
    await sleep(50);
    await log('Tool execution completed');
    return text('logged three times');
  }],
  test_tool_with_progress: ['Reports progress', none, async (_, extra) => {
    const token = extra._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (token !== undefined) await extra.sendNotification({ method: 'notifications/progress', params: { progressToken: token, progress, total: 100 } });
      await sleep(50);
    }
    return text(`progress token: ${JSON.stringify(token)}`);
  }],
  test_error_handling: ['Always fails', none, () => ({ isError: true, ...text('This tool intentionally returns an error for testing') })],
  test_sampling: ['Asks the model of the client', one('prompt'), async ({ prompt }, extra) => {
    const answer = await extra.sendRequest({
      method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens: 100 },
    }, types.CreateMessageResultSchema);
    return text(`LLM response: ${answer.content.text}`);
  }],
  test_elicitation: ['Asks the user', one('message'), async ({ message }, extra) => {
    const answer = await elicit(extra, message, { username: { type: 'string', description: "User's response" }, email: { type: 'string', description: "User's email address" } }, ['username', 'email']);
    return text(`User response: action: ${answer.action}, content: ${JSON.stringify(answer.content)}`);
  }],
  test_elicitation_sep1034_defaults: ['Asks with defaults', none, async (_, extra) => {
    const answer = await elicit(extra, 'Please review these', {
      name: { type: 'string', default: 'John Doe' }, age: { type: 'integer', default: 30 }, score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' }, verified: { type: 'boolean', default: true },
    });
    return text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`);
  }],
  test_elicitation_sep1330_enums: ['Asks with choices', none, async (_, extra) => {
    const titled = (...titles) => titles.map((title, i) => ({ const: `value${i + 1}`, title }));
    const answer = await elicit(extra, 'Please choose', {
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: { type: 'string', oneOf: titled('First Option', 'Second Option', 'Third Option') },
      legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: { type: 'array', items: { anyOf: titled('First Choice', 'Second Choice', 'Third Choice') } },
    });
    return text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`);
  }],
  json_schema_2020_12_tool: ['Has a schema of 2020-12', {
    $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object',
    $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
    properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } }, additionalProperties: false,
  }, ({ name }) => text(name)],
  test_reconnection: ['Breaks its stream off, and answers when the caller has come back', none, async (_, extra) => {
    extra.closeSSEStream?.();
    await sleep(300);
    return text(`reconnected: ${extra.closeSSEStream !== undefined}`);
  }],
  // Beyond the conformance suite.
  whoami: ['The process and the session that answer', none, (_, extra) => text(JSON.stringify({ pid: process.pid, instance, session: extra.sessionId ?? null }))],
  headers: ['The headers of this request', none, (_, extra) => text(JSON.stringify(extra.requestInfo?.headers ?? {}))],
  roots: ['Asks for the roots', none, async (_, extra) => {
    const { roots } = await extra.sendRequest({ method: 'roots/list' }, types.ListRootsResultSchema);
    return text(roots.map((root) => root.uri).join(' '));
  }],
  ping_back: ['Pings the client', none, async (_, extra) => text(JSON.stringify(await extra.sendRequest({ method: 'ping' }, types.EmptyResultSchema)))],
  // Its progress is that of a request of the server's: a notification from the client.
  wait_cancelled: ['Runs until it is cancelled', one('tag'), async ({ tag }, extra) => {
    if (!extra.signal.aborted) await new Promise((done) => extra.signal.addEventListener('abort', done));
    cancelled.push({ tag, reason: String(extra.signal.reason) });
    return text('never seen');
  }],
  // The server gives up a request of its own: the client is told so.
  give_up: ['Asks the user, and cancels the question', none, async (_, extra) => {
    const signal = AbortSignal.timeout(200);
    try {
      await extra.sendRequest({ method: 'elicitation/create', params: { message: 'too slow', requestedSchema: none } }, types.ElicitResultSchema, { signal });
      return text('was answered');
    } catch {
      return text('gave up');
    }
  }],
  cancelled: ['Which calls were cancelled', none, () => text(JSON.stringify(cancelled))],
  change: ['Every list changes', none, async (_, extra) => {
    const server = servers.get(extra.sessionId);
    for (const what of ['tools', 'prompts', 'resources']) await server.notification({ method: `notifications/${what}/list_changed` });
    for (const uri of server.watched) await server.notification({ method: 'notifications/resources/updated', params: { uri } });
    return text('changed');
  }],
  announce: ['Logs outside of any call', one('text'), async ({ text: data }, extra) => {
    await servers.get(extra.sessionId).sendLoggingMessage({ level: 'warning', logger: 'fixture', data }, extra.sessionId);
    return text('announced');
  }],
};
const cancelled = [];
const servers = new Map(); // by session

const elicit = (extra, message, properties, required = []) =>
  extra.sendRequest({ method: 'elicitation/create', params: { message, requestedSchema: { type: 'object', properties, required } } }, types.ElicitResultSchema);

const user = (content) => ({ role: 'user', content });
const prompts = {
  test_simple_prompt: ['A prompt without arguments', [], () => [user({ type: 'text', text: 'This is a simple prompt for testing.' })]],
  test_prompt_with_arguments: ['A prompt with two arguments', ['arg1', 'arg2'], ({ arg1, arg2 }) => [user({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` })]],
  test_prompt_with_embedded_resource: ['A prompt with a resource', ['resourceUri'], ({ resourceUri }) => [
    user({ type: 'resource', resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } }),
    user({ type: 'text', text: 'Please process the embedded resource above.' }),
  ]],
  test_prompt_with_image: ['A prompt with an image', [], () => [
    user({ type: 'image', data: png, mimeType: 'image/png' }), user({ type: 'text', text: 'Please analyze the image above.' }),
  ]],
};

const resources = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: png },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched' },
};

const pageSize = 2;
function page(items, cursor) {
  const from = cursor === undefined ? 0 : Number(Buffer.from(cursor, 'base64url'));
  if (!(from >= 0 && from <= items.length)) throw new types.McpError(types.ErrorCode.InvalidParams, 'no such cursor');
  const next = from + pageSize;
  return [items.slice(from, next), next < items.length ? Buffer.from(String(next)).toString('base64url') : undefined];
}

function newServer() {
  const server = new Server(
    { name: 'e2e-fixture', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true }, logging: {}, completions: {},
      },
      instructions: 'A fixture.',
    },
  );
  server.watched = new Set();
  const on = (schema, handler) => server.setRequestHandler(schema, handler);
  on(types.ListToolsRequestSchema, () => ({ tools: Object.entries(tools).map(([name, [description, inputSchema]]) => ({ name, description, inputSchema })) }));
  on(types.CallToolRequestSchema, ({ params }, extra) => {
    if (!Object.hasOwn(tools, params.name)) throw new types.McpError(types.ErrorCode.InvalidParams, `Tool ${params.name} not found`);
    return tools[params.name][2](params.arguments ?? {}, extra);
  });
  on(types.ListPromptsRequestSchema, ({ params }) => {
    const [items, nextCursor] = page(Object.entries(prompts), params?.cursor);
    return { prompts: items.map(([name, [description, args]]) => ({ name, description, arguments: args.map((arg) => ({ name: arg, required: true })) })), nextCursor };
  });
  on(types.GetPromptRequestSchema, ({ params }) => {
    if (!Object.hasOwn(prompts, params.name)) throw new types.McpError(types.ErrorCode.InvalidParams, `Prompt ${params.name} not found`);
    return { messages: prompts[params.name][2](params.arguments ?? {}) };
  });
  on(types.ListResourcesRequestSchema, ({ params }) => {
    const [items, nextCursor] = page(Object.entries(resources), params?.cursor);
    return { resources: items.map(([uri, { mimeType }]) => ({ uri, name: uri.slice('test://'.length), description: uri, mimeType })), nextCursor };
  });
  on(types.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }] }));
  on(types.ReadResourceRequestSchema, ({ params: { uri } }) => {
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    if (id !== undefined) return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }] };
    if (!Object.hasOwn(resources, uri)) throw new types.McpError(-32002, 'Resource not found', { uri });
    return { contents: [{ uri, ...resources[uri] }] };
  });
  on(types.SubscribeRequestSchema, ({ params }) => (server.watched.add(params.uri), {}));
  on(types.UnsubscribeRequestSchema, ({ params }) => (server.watched.delete(params.uri), {}));
  on(types.CompleteRequestSchema, ({ params }) => {
    const values = ['paris', 'park', 'party'].filter((value) => value.startsWith(params.argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });
  return server;
}

// EventStore keeps what was sent on each stream; an event's id names its stream.
class EventStore {
  #events = [];
  async storeEvent(stream, message) {
    this.#events.push({ stream, message });
    return `${stream}_${this.#events.length}`;
  }
  async getStreamIdForEventId(id) {
    return this.#events[this.#index(id)]?.stream;
  }
  async replayEventsAfter(id, { send }) {
    const after = this.#index(id);
    const { stream } = this.#events[after];
    for (let i = after + 1; i < this.#events.length; i++) {
      const event = this.#events[i];
      if (event.stream === stream && event.message.jsonrpc) await send(`${stream}_${i + 1}`, event.message);
    }
    return stream;
  }
  #index(id) {
    return Number(id.slice(id.lastIndexOf('_') + 1)) - 1;
  }
}

if (process.argv[2] === 'stdio') {
  const server = newServer();
  servers.set(undefined, server);
  await server.connect(new StdioServerTransport());
} else {
  const transports = new Map();
  const refuse = (res, status, code, message) =>
    res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }));
  const serve = async (req, res) => {
    const hosts = [`127.0.0.1:${req.socket.localPort}`, `localhost:${req.socket.localPort}`];
    if (!hosts.includes(req.headers.host) || (req.headers.origin && !hosts.includes(req.headers.origin.replace('http://', '')))) {
      return refuse(res, 403, -32000, `Invalid Host or Origin header: ${req.headers.host}`);
    }
    if (req.url === '/_sessions') return res.end(JSON.stringify([...transports.keys()]));
    if (req.url.startsWith('/_forget/')) return transports.delete(req.url.slice('/_forget/'.length)), res.end(); // as when it is started anew
    const body = req.method === 'POST' ? await json(req) : undefined;
    const id = req.headers['mcp-session-id'];
    if (id !== undefined) {
      if (!transports.has(id)) return refuse(res, 404, -32001, 'Session not found');
      return transports.get(id).handleRequest(req, res, body);
    }
    if (!types.isInitializeRequest(body)) return refuse(res, 400, -32000, 'Bad Request: Mcp-Session-Id header is required');
    const server = newServer();
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID, eventStore: new EventStore(), retryInterval: 100,
      onsessioninitialized: (session) => {
        transports.set(session, transport);
        servers.set(session, server);
      },
    });
    transport.onclose = () => {
      transports.delete(transport.sessionId);
      servers.delete(transport.sessionId);
    };
    await server.connect(transport);
    await transport.handleRequest(req, res, body);
  };
  http.createServer((req, res) => serve(req, res).catch((err) => res.destroy(err))).listen(0);
}
