// The two generations of the official SDK's client, with one face: connect says which.
import { after } from 'node:test';
import * as v1 from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SSE1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as HTTP1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';
import * as v2 from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';

export const modernVersion = '2026-07-28';

const capabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

// The clients, by name. Each makes an SDK's client for a target.
export const clients = {
  // @modelcontextprotocol/sdk: initialize, and nothing else.
  'sdk 1.32.2': (options) => ({ client: new v1.Client({ name: 'e2e-v1', version: '1' }, { capabilities, ...options }), transports: [HTTP1, SSE1, Stdio1], generation: 1 }),
  // @modelcontextprotocol/client: probes for the modern era, falls back to initialize.
  'client 2.4.0': (options) => ({
    client: new v2.Client({ name: 'e2e-v2', version: '1' }, { capabilities, versionNegotiation: { mode: 'auto' }, ...options }),
    transports: [v2.StreamableHTTPClientTransport, v2.SSEClientTransport, Stdio2], generation: 2,
  }),
};

// connect opens a session with a target. requests are the client's answers to requests of
// the server's, by method.
export async function connect(name, target, { options, requests = {}, transportOptions = {}, timeout = 30000 } = {}) {
  const { client, transports: [HTTP, SSE, Stdio], generation } = clients[name](options);
  const session = new Session(client, generation);
  for (const [method, answer] of Object.entries(requests)) session.answer(method, answer);
  session.transport = newTransport(target, session, { HTTP, SSE, Stdio }, transportOptions);
  open.add(session);
  await client.connect(session.transport, { timeout });
  return session;
}

// What a failed test has left open is closed when its file is done.
const open = new Set();
after(() => Promise.all([...open].map((session) => session.close().catch(() => {}))));

function newTransport(target, session, { HTTP, SSE, Stdio }, transportOptions) {
  if (target.transport === 'stdio') return new Stdio({ command: target.command, args: target.args, stderr: 'ignore', env: process.env });
  const fetchIt = async (url, init) => {
    const entry = { method: init?.method ?? 'GET', headers: Object.fromEntries(new Headers(init?.headers)), body: init?.body };
    session.wire.push(entry);
    const response = await fetch(url, init);
    entry.status = response.status;
    entry.answer = Object.fromEntries(response.headers);
    return response;
  };
  const options = { requestInit: { headers: target.headers }, fetch: fetchIt, ...transportOptions };
  return target.transport === 'sse' ? new SSE(target.url, options) : new HTTP(target.url, options);
}

// Session is a connected client. What it was told is in notes, what went over HTTP in wire.
class Session {
  notes = [];
  errors = [];
  wire = [];
  #waiting = new Set();

  constructor(client, generation) {
    this.client = client;
    this.generation = generation;
    client.fallbackNotificationHandler = async (note) => {
      this.notes.push(note);
      for (const check of this.#waiting) check();
    };
    client.onerror = (err) => this.errors.push(err);
  }

  answer(method, fn) {
    if (this.generation === 2) return this.client.setRequestHandler(method, (request, extra) => fn(request.params, extra));
    this.client.setRequestHandler(schemas[method], (request, extra) => fn(request.params, extra));
  }

  call(name, args = {}, options) {
    const params = { name, arguments: args };
    return this.generation === 2 ? this.client.callTool(params, options) : this.client.callTool(params, undefined, options);
  }

  // text is the text that a tool answers with.
  async text(name, args, options) {
    const result = await this.call(name, args, options);
    return result.content[0].text;
  }

  async json(name, args, options) {
    return JSON.parse(await this.text(name, args, options));
  }

  // request sends any request; its result is not checked.
  request(method, params, options) {
    return this.generation === 2
      ? this.client.request({ method, params }, anything, options)
      : this.client.request({ method, params }, types.ResultSchema, options);
  }

  // noted waits for n notifications of a method for which want is true, and returns them.
  async noted(method, want = () => true, n = 1, within = 10000) {
    const found = () => this.notes.filter((note) => note.method === method && want(note.params ?? {}));
    if (found().length < n) {
      await new Promise((resolve, reject) => {
        const check = () => {
          if (found().length < n) return;
          this.#waiting.delete(check);
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          this.#waiting.delete(check);
          reject(new Error(`${found().length} of ${n} ${method} within ${within} ms; there were ${JSON.stringify(this.notes)}; errors: ${this.errors}`));
        }, within);
        this.#waiting.add(check);
      });
    }
    return found().map((note) => note.params ?? {});
  }

  // listening waits until the stream outside of calls is open, where there is one.
  async listening(within = 10000) {
    for (const deadline = Date.now() + within; this.transport.sessionId && !this.wire.some((w) => w.method === 'GET' && w.status === 200); ) {
      if (Date.now() > deadline) throw new Error(`no stream: ${JSON.stringify(this.wire)}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  // close ends the session, and tells the server where there is something to tell.
  async close() {
    open.delete(this);
    if (this.transport.sessionId !== undefined) await this.transport.terminateSession?.().catch(() => {});
    await this.client.close();
  }
}

const anything = { '~standard': { version: 1, vendor: 'e2e', validate: (value) => ({ value }) } };

const schemas = {
  'sampling/createMessage': types.CreateMessageRequestSchema,
  'elicitation/create': types.ElicitRequestSchema,
  'roots/list': types.ListRootsRequestSchema,
  'ping': types.PingRequestSchema,
};
