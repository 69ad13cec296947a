// What the tests run against: the MCP servers that a test file names, each directly and
// behind the gateway, with agwd as a real process in front of all of them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { end, startAgwd as run } from '../node/process.mjs';
import { argsOf, here, services } from './services.mjs';

// vias are the ways to a server. With AGW_E2E_DIRECT=1 the gateway is left out.
export const vias = process.env.AGW_E2E_DIRECT === '1' ? ['direct'] : ['direct', 'gateway'];
export const throughGateway = vias.includes('gateway');

export const keys = {
  all: 'vk-mcp-everything-0123456789',
  other: 'vk-mcp-somebody-else-0123456789', // may use everything, too
  elsewhere: 'vk-mcp-elsewhere-0123456789', // may use raw-http only
};
const password = 'mcp-password';

// it is a test that does not hang; the slowest takes some seconds.
export const it = (name, fn, timeout = 60000) => test(name, { timeout }, fn);

// each describes the same tests of several services, by every way to them. They mostly
// wait, and do it at the same time.
export function each(stack, ids, body) {
  describe('targets', { concurrency: 4 }, () => {
    for (const id of ids) for (const via of vias) describe(`${id}, ${via}`, { concurrency: 1 }, () => body(stack.target(id, via)));
  });
}

// behindGateway is for tests of the gateway's own part: without it there is nothing to test.
export async function behindGateway(ids, body) {
  if (!throughGateway) return;
  const stack = await start(ids);
  after(() => stack.stop());
  body(stack);
}

// start runs services, and the gateway in front of them when it is tested. Call stop()
// when done.
export async function start(ids) {
  const stops = [];
  const stop = async () => {
    while (stops.length > 0) await stops.pop()();
  };
  try {
    const origins = Object.fromEntries(await Promise.all(ids.filter((id) => services[id].transport !== 'stdio').map(async (id) => [id, await startServer(stops, services[id])])));
    const gateway = throughGateway ? await startAgwd(stops, { bundle: bundleOf(ids, origins) }) : undefined;
    return new Stack(origins, gateway, stop);
  } catch (err) {
    await stop();
    throw err;
  }
}

class Stack {
  constructor(origins, gateway, stop) {
    Object.assign(this, { origins, gateway, stop });
  }

  // target is a way to a service: a URL and what to send along, or a command.
  target(id, via, key = keys.all) {
    const service = services[id];
    const target = { id, via, era: service.era, direct: via === 'direct', upstream: this.origins[id], origin: service.transport };
    if (via === 'gateway') {
      return { ...target, transport: 'streamable_http', url: new URL(`${this.gateway.origin}/${id}`), headers: { Authorization: `Bearer ${key}` } };
    }
    if (service.transport === 'stdio') return { ...target, transport: 'stdio', command: process.execPath, args: [service.script, ...argsOf(service)] };
    return { ...target, transport: service.transport, url: new URL(this.origins[id] + service.path), headers: {} };
  }

  // admin asks the Admin API.
  async admin(path, { method = 'GET', body, status = 200 } = {}) {
    const resp = await fetch(`${this.gateway.admin}/admin/${path}`, {
      method, body: body && JSON.stringify(body),
      headers: { Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`, 'Content-Type': 'application/json' },
    });
    const text = await resp.text();
    assert.equal(resp.status, status, `${method} ${path}: ${resp.status} ${text}`);
    return JSON.parse(text);
  }
}

// bundleOf has a route for each service at its id, and one at /open/<id> that needs no key.
function bundleOf(ids, origins) {
  const route = (id, prefix, require_virtual_key) => ({ service_id: id, match_policy: { path_prefix: prefix }, auth_policy: { require_virtual_key } });
  return {
    apiVersion: 'gateway.agw/v1alpha1',
    kind: 'GatewayBundle',
    mcpServices: ids.map((id) => {
      const { transport, script, path, extra, ...service } = services[id];
      return transport === 'stdio'
        ? { id, transport, command: process.execPath, args: [script, ...argsOf(service)], ...extra }
        : { id, transport, url: origins[id] + path, ...extra };
    }),
    mcpRoutes: ids.flatMap((id) => [route(id, `/${id}`, true), route(id, `/open/${id}`, false)]),
    virtualKeys: [
      { id: 'all', key: keys.all, allowed_route_ids: ['*'] },
      { id: 'other', key: keys.other, allowed_route_ids: ['*'] },
      { id: 'elsewhere', key: keys.elsewhere, allowed_route_ids: ids.includes('raw-http') ? ['mcp:raw-http:/raw-http'] : [] },
    ],
  };
}

// startServer runs an HTTP server and says where it is.
async function startServer(stops, service) {
  const child = fork(service.script, argsOf(service), { execArgv: ['--import', join(here, 'servers/loopback.mjs')], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let log = '';
  child.stderr.on('data', (b) => (log = (log + b).slice(-20000)));
  stops.push(() => end(child));
  const [{ origin }] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${service.script} ended with ${code}:\n${log}`))),
  ]);
  return origin;
}

// startAgwd runs the gateway, as the tests of MCP want it.
export const startAgwd = (stops, options) => run(stops, { prefix: 'agw-mcp-', password, ...options });
