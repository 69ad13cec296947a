// What the tests run against: agwd as a real process, in front of the fake upstream of
// upstream.mjs, and the CLIs, each run in a home of its own.
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { agwd, startAgwd } from '../node/process.mjs';
import { Upstream, usage } from './upstream.mjs';

const here = dirname(fileURLToPath(import.meta.url));

export const upstreamKey = 'sk-cli-upstream-key';
export const virtualKey = 'vk-cli-everything-0123456789';
export const poorKey = 'vk-cli-poor-0123456789'; // its budget is spent by one call
export const wrongKey = 'vk-cli-of-nobody-0123456789';

export const protocols = ['messages', 'responses', 'chat', 'gemini'];

// The MCP servers, by the eras that they speak.
export const mcpServers = {
  legacy: ['node_modules/@modelcontextprotocol/server-everything/dist/index.js', 'stdio'],
  modern: ['servers/modern.mjs', 'stdio'],
  dual: ['servers/modern.mjs', 'stdio', 'dual'],
};

export const binaries = {
  claude: join(here, 'node_modules/@anthropic-ai/claude-code-linux-x64/claude'),
  codex: join(here, 'node_modules/@openai/codex/vendor/x86_64-unknown-linux-musl/bin/codex'),
};

// unusable says why a CLI cannot run on this machine; false when it can.
export function unusable(name) {
  if (!existsSync(binaries[name])) {
    const machine = `${process.platform}-${process.arch}`;
    return `${name} is not installed: ${machine === 'linux-x64' ? 'run npm ci in e2e/cli' : `its package is for linux-x64, and this is ${machine}`}`;
  }
  try {
    execFileSync(binaries[name], ['--version'], { env: { PATH: process.env.PATH, HOME: tmpdir(), CODEX_HOME: tmpdir() }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 20000 });
    return false;
  } catch (err) {
    return `${name} --version does not run: ${err.message} ${err.stderr ?? ''}`;
  }
}

// start returns a running stack; call stop() when done.
export async function start() {
  const stops = [];
  const stop = async () => {
    for (const f of stops.reverse()) await f();
  };
  try {
    const upstream = await new Upstream().start();
    stops.push(() => upstream.stop());
    const trap = await startTrap(stops);
    const gateway = await startGateway(stops, upstream.url);
    const recorder = await startRecorder(stops, gateway.origin);
    return new Stack(upstream, trap, gateway, recorder, stop);
  } catch (err) {
    await stop();
    throw err;
  }
}

class Stack {
  #seen = 0;

  constructor(upstream, trap, gateway, recorder, stop) {
    Object.assign(this, { upstream, trap, gateway, recorder, stop, origin: recorder.url });
  }

  // reset forgets what was asked and recorded; script is what the upstream says from
  // now on.
  async reset(script) {
    this.#seen = (await this.#recorded()).length;
    this.recorder.calls = [];
    this.trap.asked = [];
    this.upstream.reset(script);
  }

  async admin(path) {
    const auth = Buffer.from('admin:cli-password').toString('base64');
    const resp = await fetch(this.gateway.admin + path, { headers: { Authorization: `Basic ${auth}` } });
    assert.equal(resp.status, 200, `GET ${path}: ${resp.status} ${await resp.clone().text()}`);
    return resp.json();
  }

  // #recorded are all events, the oldest first.
  async #recorded() {
    const { items } = await this.admin('/admin/metrics/llm/events?limit=1000');
    return items.reverse();
  }

  // events waits for n events that no test has seen yet.
  async events(n) {
    for (let tries = 0; ; tries++) {
      const items = await this.#recorded();
      const fresh = items.slice(this.#seen);
      if (fresh.length >= n || tries === 100) {
        assert.equal(fresh.length, n, `events: ${JSON.stringify(fresh, null, 1)}`);
        this.#seen = items.length;
        return fresh;
      }
      await new Promise((done) => setTimeout(done, 50)); // they are written in batches
    }
  }

  // passed asserts that a task took n requests and no more: all of them answered, in
  // the upstream's protocol, recorded with their usage, and without a key that went
  // further than it should. It returns the events.
  async passed(result, { n, protocol, route, model, tools }) {
    if (this.upstream.failed) throw this.upstream.failed;
    assert.equal(result.code, 0, `${result.signal ?? result.code}: ${result.out}\n${result.err}\n${this.#answers()}`);
    assert.deepEqual(this.recorder.calls.map((c) => c.status), Array(n).fill(200), this.#answers());
    assert.deepEqual(this.upstream.requests.map((r) => r.protocol), Array(n).fill(protocol));
    assert.deepEqual(this.trap.asked, [], 'somebody beyond the loopback interface was to be reached');
    this.#keysStay(result);
    const events = await this.events(n);
    for (const [i, e] of events.entries()) {
      const want = {
        success: true, status_code: 200, error_type: '', route_id: route, provider_id: protocol, virtual_key_id: 'everything', upstream_model: model, stream: true,
        input_tokens: usage.input, output_tokens: usage.output, total_tokens: usage.input + usage.output, usage_finalized: true, attempts: 1, tool_names: tools[i] ?? [],
      };
      assert.deepEqual(Object.fromEntries(Object.keys(want).map((k) => [k, e[k]])), want);
    }
    return events;
  }

  #answers() {
    return this.recorder.calls.map((c) => `${c.method} ${c.url} ${c.status} ${c.status === 200 ? '' : c.answer}`).join('\n');
  }

  // The caller's key ends at the gateway, and the upstream's begins there.
  #keysStay(result) {
    for (const r of this.upstream.requests) {
      const all = JSON.stringify(r.headers) + r.url + r.text;
      assert.ok(all.includes(upstreamKey) && !r.text.includes(upstreamKey), 'the upstream is given its own key, in a header');
      assert.ok(![virtualKey, poorKey].some((key) => all.includes(key)), `a virtual key reached the upstream: ${r.url}`);
    }
    for (const c of this.recorder.calls) {
      assert.ok(!(JSON.stringify(c.headers) + c.answer).includes(upstreamKey), `the upstream's key reached the caller: ${c.url}`);
    }
    assert.ok(!(result.out + result.err).includes(upstreamKey));
  }

  // run runs a CLI in an empty workspace. home may write configuration there.
  async run(name, args, { env = {}, home = () => {}, keep = (dir) => dir } = {}) {
    const dir = mkdtempSync(join(tmpdir(), `agw-${name}-`));
    try {
      const workspace = join(dir, 'workspace');
      for (const sub of ['workspace', 'tmp', 'config']) mkdirSync(join(dir, sub));
      home(dir);
      const proxies = Object.fromEntries(['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((n) => [[n, this.trap.url], [n.toLowerCase(), this.trap.url]]));
      const child = spawn(binaries[name], args, {
        cwd: workspace, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
        env: {
          PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: dir, TMPDIR: join(dir, 'tmp'), XDG_CONFIG_HOME: join(dir, 'config'), XDG_CACHE_HOME: join(dir, 'config'),
          XDG_DATA_HOME: join(dir, 'config'), XDG_STATE_HOME: join(dir, 'config'), ...proxies, NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost', ...env,
        },
      });
      const [out, err] = [child.stdout, child.stderr].map((s) => collect(s));
      const timer = setTimeout(() => endGroup(child.pid), 60000);
      const [code, signal] = await once(child, 'exit');
      clearTimeout(timer);
      endGroup(child.pid); // helpers that it has left behind
      return { code, signal, out: await out, err: await err, kept: keep(workspace) };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

async function collect(stream) {
  let text = '';
  stream.setEncoding('utf8');
  for await (const piece of stream) text += piece;
  return text;
}

function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (err) {
    if (err.code !== 'ESRCH') throw err;
  }
}

// startTrap is the proxy to everything beyond the loopback interface: it notes who
// was to be reached, and reaches nobody.
async function startTrap(stops) {
  const trap = { asked: [] };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (b) => {
      trap.asked.push(b.toString('latin1').split('\r\n')[0]);
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => new Promise((done) => server.close(done)));
  trap.url = `http://127.0.0.1:${server.address().port}`;
  return trap;
}

// startRecorder stands between the CLIs and the gateway, and keeps what passes.
async function startRecorder(stops, origin) {
  const recorder = { calls: [] }; // {method, url, text, status, headers, answer}
  const server = http.createServer((req, res) => {
    const call = { method: req.method, url: req.url, text: '', answer: '' };
    recorder.calls.push(call);
    const { host, ...headers } = req.headers;
    const onward = http.request(origin + req.url, { method: req.method, headers }, (resp) => {
      Object.assign(call, { status: resp.statusCode, headers: resp.headers });
      res.writeHead(resp.statusCode, resp.rawHeaders);
      resp.on('data', (b) => (call.answer += b.toString('latin1'))).pipe(res);
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    req.on('data', (b) => (call.text += b.toString('latin1'))).pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  });
  recorder.url = `http://127.0.0.1:${server.address().port}`;
  return recorder;
}

function startGateway(stops, upstream) {
  assert.ok(existsSync(agwd), `${agwd} is not there: build it, or set AGWD`);
  return startAgwd(stops, { prefix: 'agw-cli-', password: 'cli-password', bundle: config(upstream) });
}

// config is the bundle: for each protocol of an upstream a route of each CLI's
// dialect, and one whose models are logical.
function config(upstream) {
  const provider = (protocol, id = protocol) => ({
    id, api_key: upstreamKey,
    ...{
      messages: { provider_type: 'anthropic', base_url: upstream },
      responses: { provider_type: 'openai_compatible', base_url: `${upstream}/v1`, options: { api: 'responses' } },
      chat: { provider_type: 'openai_compatible', base_url: `${upstream}/v1`, options: { api: 'chat' } },
      gemini: { provider_type: 'gemini', base_url: upstream },
    }[protocol],
  });
  const route = (id, protocol, target_policy) => ({
    id, protocol, match_policy: { path_prefix: `/${id}` }, auth_policy: { require_virtual_key: true }, target_policy,
  });
  // Each MCP server with a tool under another name, and one that nobody may use.
  const mcp = (id) => ({
    id: `mcp-${id}`, service_id: id, match_policy: { path_prefix: `/mcp-${id}` }, auth_policy: { require_virtual_key: true },
    tool_policy: { mode: 'deny', tools: ['headers', 'get-env'], overrides: { echo: { name: 'say_again' } } },
  });
  const logical = (name, provider_id) => ({ name, candidates: [{ provider_id, upstream_model: `real-${provider_id}` }] });
  return {
    apiVersion: 'gateway.agw/v1alpha1',
    kind: 'GatewayBundle',
    providers: [
      ...protocols.map((p) => provider(p)),
      ...['messages', 'responses'].map((p) => ({ ...provider(p, `${p}-retrying`), network: { max_retries: 2, retry_delay_seconds: 0.01 } })),
    ],
    llmRoutes: [
      ...protocols.map((p) => route(`cc-${p}`, 'cc', { provider_target: { provider_id: p } })),
      ...protocols.map((p) => route(`openai-${p}`, 'openai', { provider_target: { provider_id: p } })),
      // What Codex takes for a model of OpenAI's, served by one that knows functions alone.
      route('openai-deepseek', 'openai', { model_targets: [{ name: 'gpt-5.5', candidates: [{ provider_id: 'chat', upstream_model: 'deepseek-v4' }] }] }),
      route('cc-retrying', 'cc', { provider_target: { provider_id: 'messages-retrying' } }),
      route('openai-retrying', 'openai', { provider_target: { provider_id: 'responses-retrying' } }),
      route('cc-logical', 'cc', { model_targets: [logical('claude-from-anthropic', 'messages'), logical('claude-from-elsewhere', 'chat'), logical('gpt-hidden', 'chat')], default_model: 'claude-from-anthropic' }),
    ],
    mcpServices: Object.entries(mcpServers).map(([id, [script, ...args]]) => ({ id, transport: 'stdio', command: process.execPath, args: [join(here, '../mcp', script), ...args] })),
    mcpRoutes: Object.keys(mcpServers).map(mcp),
    virtualKeys: [
      { id: 'everything', key: virtualKey, allowed_route_ids: ['*'] },
      { id: 'poor', key: poorKey, allowed_route_ids: ['*'], budget: { tokens: 200000, period: 'day' } },
    ],
  };
}
