// A server of 2026-07-28, made with the official SDK.
//
//   node modern.mjs http|stdio [dual]
//
// With dual it speaks to clients of the older era too. Over HTTP there is
//   GET  /_seen    what the tools saw: cancellations, headers
//   POST /_change  every list has changed, and demo://watched has
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  McpServer, ResourceTemplate, createMcpHandler, createRequestStateCodec, fromJsonSchema, inputRequired, acceptedContent,
} from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { asBytes, rawTransform } from './rawnumbers.mjs';
import { webHandler } from './web.mjs';

const [mode, eras] = process.argv.slice(2);
const instance = randomUUID();
const seen = [];
const note = (event) => seen.push(event) > 1000 && seen.shift();
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const object = (properties = {}, required = Object.keys(properties)) => fromJsonSchema({ type: 'object', properties, required });

const stateCodec = createRequestStateCodec({ key: new Uint8Array(32).fill(7) });

// factory makes the server of one request over HTTP, of one connection over stdio.
function factory() {
  const server = new McpServer(
    { name: 'e2e-modern', version: '1.0.0' },
    {
      capabilities: { logging: {}, tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true } },
      instructions: 'Ask for what is marked as required.\n«2026-07-28»',
      cacheHints: { 'tools/list': { ttlMs: 60000, cacheScope: 'public' }, 'resources/list': { ttlMs: 1000, cacheScope: 'private' } },
      requestState: { verify: stateCodec.verify },
    },
  );
  tools(server);
  resources(server);
  prompts(server);
  return server;
}

function tools(server) {
  server.registerTool('echo', { description: 'Says it again', inputSchema: object({ message: { type: 'string' } }) },
    ({ message }) => text(`Echo: ${message}`));

  server.registerTool('whoami', { description: 'The process that answers', inputSchema: object() },
    () => text(JSON.stringify({ pid: process.pid, instance })));

  server.registerTool('headers', { description: 'The headers and the envelope of this request', inputSchema: object() },
    (_, ctx) => text(JSON.stringify({ headers: Object.fromEntries(ctx.http?.req?.headers ?? []), envelope: ctx.mcpReq.envelope, meta: ctx.mcpReq._meta })));

  server.registerTool('slow', {
    description: 'Takes its time, and says how far it is',
    inputSchema: object({ steps: { type: 'integer' }, ms: { type: 'integer' }, tag: { type: 'string' } }, ['steps', 'ms']),
  }, async ({ steps, ms, tag }, ctx) => {
    const token = ctx.mcpReq._meta?.progressToken;
    for (let step = 1; step <= steps; step++) {
      await sleep(ms);
      if (ctx.mcpReq.signal.aborted) {
        note({ cancelled: tag, step });
        return text('cancelled');
      }
      if (token !== undefined) {
        await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress: step, total: steps, message: `step ${step}` } });
      }
    }
    return text(`slept ${steps} times`);
  });

  server.registerTool('log', { description: 'Logs at every level', inputSchema: object() }, async (_, ctx) => {
    for (const level of ['debug', 'info', 'warning', 'error']) await ctx.mcpReq.log(level, { at: level }, 'e2e');
    return text('logged');
  });

  server.registerTool('numbers', {
    description: 'Numbers that no float can hold, and fields that nobody knows',
    inputSchema: object(),
    outputSchema: fromJsonSchema({ type: 'object', properties: { big: {} }, additionalProperties: true }),
    _meta: { 'example.com/zeta': 1, 'example.com/alpha': { nested: [1, 2, 3] } },
  }, () => ({
    content: [{ type: 'text', text: 'see structuredContent' }],
    structuredContent: { zeta: 'first', big: asBytes('12345678901234567890'), tiny: asBytes('1.0e-400'), minus: asBytes('-0'), alpha: null },
    _meta: { 'example.com/unknown': { kept: true } },
  }));

  server.registerTool('weather', {
    title: 'Weather', description: 'Structured content, with a schema of 2020-12',
    inputSchema: fromJsonSchema({
      $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object',
      $defs: { place: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], unevaluatedProperties: false } },
      properties: { place: { $ref: '#/$defs/place' } }, required: ['place'],
    }),
    outputSchema: fromJsonSchema({ type: 'object', properties: { city: { type: 'string' }, degrees: { type: 'number' } }, required: ['city', 'degrees'] }),
    annotations: { readOnlyHint: true },
  }, ({ place }) => ({ content: [{ type: 'text', text: `${place.city}: 21.5` }], structuredContent: { city: place.city, degrees: 21.5 } }));

  server.registerTool('region', {
    description: 'Has an argument that goes into a header',
    inputSchema: object({ region: { type: 'string', 'x-mcp-header': 'Region' } }),
  }, ({ region }, ctx) => text(JSON.stringify({ region, header: ctx.http?.req?.headers.get('mcp-param-region') ?? null })));

  server.registerTool('fails', { description: 'An error of the tool', inputSchema: object() }, () => {
    throw new Error('this tool always fails');
  });

  // Three things that only the client has: an answer of the user, of the model, the roots.
  server.registerTool('interview', {
    description: 'Asks back, twice', inputSchema: object({ topic: { type: 'string' }, without_roots: { type: 'boolean' } }, ['topic']),
  }, async ({ topic, without_roots }, ctx) => {
    const state = ctx.mcpReq.requestState();
    const responses = ctx.mcpReq.inputResponses;
    if (state === undefined) {
      return inputRequired({
        inputRequests: {
          name: inputRequired.elicit({ message: `Who asks about ${topic}?`, requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } }),
          ...(!without_roots && { roots: inputRequired.listRoots() }),
        },
        requestState: await stateCodec.mint({ step: 1, topic }, ctx),
      });
    }
    if (state.step === 1) {
      const { name } = acceptedContent(responses, 'name') ?? {};
      return inputRequired({
        inputRequests: {
          poem: inputRequired.createMessage({ maxTokens: 10, messages: [{ role: 'user', content: { type: 'text', text: `${name} wants a poem about ${topic}` } }] }),
        },
        requestState: await stateCodec.mint({ step: 2, name, roots: responses?.roots?.roots?.map((r) => r.uri) }, ctx),
      });
    }
    return text(JSON.stringify({ name: state.name, roots: state.roots, poem: responses.poem?.content?.text }));
  });

  server.registerTool('change', { description: 'Every list changes (over stdio)', inputSchema: object() }, async () => {
    server.sendToolListChanged();
    server.sendPromptListChanged();
    server.sendResourceListChanged();
    await server.server.sendResourceUpdated({ uri: 'demo://watched' });
    await server.server.sendResourceUpdated({ uri: 'demo://unwatched' });
    return text('changed');
  });
}

function resources(server) {
  server.registerResource('watched', 'demo://watched', { mimeType: 'text/plain', description: 'A text' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'watched text «ü»' }] }));
  server.registerResource('blob', 'demo://blob', { mimeType: 'application/octet-stream', cacheHint: { ttlMs: 5000, cacheScope: 'public' } },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'application/octet-stream', blob: Buffer.from([0, 255, 1, 254]).toString('base64') }] }));
  server.registerResource('item', new ResourceTemplate('demo://items/{id}', {
    list: undefined,
    complete: { id: (value) => ['10', '11', '20'].filter((id) => id.startsWith(value)) },
  }), { description: 'One item' }, (uri, { id }) => ({ contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ id }) }] }));
}

function prompts(server) {
  server.registerPrompt('greet', { description: 'A greeting', argsSchema: object({ name: { type: 'string' } }) },
    ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}` } }] }));
  server.registerPrompt('plain', { description: 'No arguments' },
    () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'Hello' } }] }));
}

if (mode === 'stdio') {
  const out = rawTransform();
  out.pipe(process.stdout);
  serveStdio(factory, {
    legacy: eras === 'dual' ? 'serve' : 'reject',
    transport: new StdioServerTransport(process.stdin, out),
    onerror: (err) => console.error(err.message),
  });
  process.stdin.on('end', () => process.exit());
} else {
  const handler = createMcpHandler(factory, { legacy: eras === 'dual' ? 'stateless' : 'reject', keepAliveMs: 1000 });
  http.createServer((req, res) => {
    if (req.url === '/_seen') return res.end(JSON.stringify(seen));
    if (req.url === '/_change') {
      handler.notify.toolsChanged();
      handler.notify.promptsChanged();
      handler.notify.resourcesChanged();
      handler.notify.resourceUpdated('demo://watched');
      handler.notify.resourceUpdated('demo://unwatched');
      return res.end();
    }
    return webHandler((request) => handler.fetch(request), rawTransform)(req, res);
  }).listen(0);
}
