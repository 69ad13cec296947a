// agwd between each kind of caller and each kind of upstream.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Upstream } from './upstreams/server.mjs';
import { chat } from './upstreams/chat.mjs';
import { gemini } from './upstreams/gemini.mjs';
import { messages } from './upstreams/messages.mjs';
import { responses } from './upstreams/responses.mjs';

const upstreamKey = 'sk-translation-upstream';
const callerKey = 'vk-translation-caller-0123456789';

// The kinds of upstreams: what the gateway must know of each, and the models that
// it is asked for: an ordinary one, the newest, and those that show or sign thoughts.
// OpenAI's chat has no thoughts: OpenRouter's stands in for it there.
export const kinds = [
  { name: 'chat', protocol: chat, type: 'openai', base: '/v1', api: 'chat', model: 'gpt-4.1', newest: { model: 'gpt-5.2' }, thinkers: [{ model: 'anthropic/claude-sonnet-4.5', at: 'router' }] },
  { name: 'responses', protocol: responses, type: 'openai', base: '/v1', api: 'responses', model: 'gpt-4.1', newest: { model: 'gpt-5.2' }, thinkers: [{ model: 'gpt-5.2' }] },
  { name: 'messages', protocol: messages, type: 'anthropic', base: '', model: 'claude-sonnet-4-5', newest: { model: 'claude-opus-4-7' }, thinkers: [{ model: 'claude-sonnet-4-5' }, { model: 'claude-opus-4-7' }] },
  { name: 'gemini', protocol: gemini, type: 'gemini', base: '', model: 'gemini-2.5-flash', newest: { model: 'gemini-3-pro-preview' }, thinkers: [{ model: 'gemini-3-pro-preview' }, { model: 'gemini-2.5-flash' }] },
];
const router = { name: 'router', protocol: chat, type: 'openrouter', base: '/api/v1', api: 'chat' };

export async function start(direct) {
  const stops = [];
  const stop = async () => {
    for (const f of stops.reverse()) await f();
  };
  try {
    const upstreams = {};
    for (const kind of [...kinds, router]) {
      const up = new Upstream(kind.protocol, direct ? callerKey : upstreamKey);
      up.router = kind === router;
      await up.start();
      stops.push(() => up.stop());
      upstreams[kind.name] = up;
    }
    const origin = direct ? undefined : await gateway(stops, upstreams);
    // The SDKs of OpenAI want the path of OpenRouter without its /v1.
    const under = (name) => (direct ? upstreams[name].url + (name === 'router' ? '/api' : '') : `${origin}/${name}`);
    return { upstreams, under, key: callerKey, stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

function bundle(upstreams) {
  return {
    apiVersion: 'gateway.agw/v1alpha1',
    kind: 'GatewayBundle',
    providers: [...kinds, router].map((k) => ({ id: k.name, provider_type: k.type, api_key: upstreamKey, base_url: upstreams[k.name].url + k.base, ...(k.api && { options: { api: k.api } }) })),
    llmRoutes: [...kinds, router].flatMap((k) =>
      ['openai', 'anthropic', 'gemini'].map((protocol) => ({
        id: `${protocol}-to-${k.name}`, protocol, match_policy: { path_prefix: `/${k.name}` }, auth_policy: { require_virtual_key: true },
        target_policy: { provider_target: { provider_id: k.name } },
      }))),
    virtualKeys: [{ id: 'caller', key: callerKey, allowed_route_ids: ['*'] }],
  };
}

async function gateway(stops, upstreams) {
  const agwd = process.env.AGWD ?? join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'agwd');
  const dir = mkdtempSync(join(tmpdir(), 'agw-e2e-'));
  stops.push(() => rmSync(dir, { recursive: true, force: true }));
  const hash = execFileSync(agwd, ['hash-password', '--plaintext', 'e2e-password'], { encoding: 'utf8' }).trim();
  const [port, adminPort] = await freePorts(2);
  writeFileSync(join(dir, 'bundle.json'), JSON.stringify(bundle(upstreams)));
  const child = spawn(
    agwd,
    ['--addr', `127.0.0.1:${port}`, '--admin-addr', `127.0.0.1:${adminPort}`, '--admin-basic-auth-hash', `admin:${hash}`,
      '--config-store', join(dir, 'configstore.db'), '--static-config', join(dir, 'bundle.json')],
    { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: dir, AGW_MASTER_KEY: process.env.AGW_MASTER_KEY ?? '' } },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (b) => (log = (log + b).slice(-20000)));
  stops.push(() => end(child));
  for (let tries = 0; ; tries++) {
    try {
      if ((await fetch(`http://127.0.0.1:${adminPort}/admin/health`)).ok && (await fetch(`http://127.0.0.1:${port}`))) return `http://127.0.0.1:${port}`;
    } catch {}
    if (child.exitCode !== null || tries === 200) throw new Error(`agwd does not get ready:\n${log}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function freePorts(n) {
  const servers = [];
  for (let i = 0; i < n; i++) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
  }
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((done) => s.close(done))));
  return ports;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10000);
  await exited;
  clearTimeout(timer);
}
