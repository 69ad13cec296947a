// What the tests run against: agwd as a real process, in front of the fake
// upstream. With AGW_E2E_DIRECT=1 the gateway is left out, and the same tests
// say what the SDKs do without it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';
import { agwd, end, startAgwd } from './process.mjs';

export const direct = process.env.AGW_E2E_DIRECT === '1';

export const upstreamKey = 'sk-e2e-upstream-key';
export const virtualKey = 'vk-e2e-everything-0123456789';
export const elsewhereKey = 'vk-e2e-elsewhere-0123456789'; // may use another route only
export const narrowKey = 'vk-e2e-one-model-0123456789'; // may use gpt-test and claude-test only

// What every answer of the fake upstream claims to have consumed.
export const usage = { input: 25, cacheRead: 8, cacheWrite: 4, output: 12, reasoning: 3 };

const e2e = dirname(dirname(fileURLToPath(import.meta.url)));

// start returns a running stack; call stop() when done.
export async function start() {
  const stops = [];
  const stop = async () => {
    for (const f of stops.reverse()) await f();
  };
  try {
    const fake = await startFake(stops);
    const gateway = direct ? undefined : await startGateway(stops, fake);
    return new Stack(fake, gateway, stop);
  } catch (err) {
    await stop();
    throw err;
  }
}

class Stack {
  constructor(fake, gateway, stop) {
    Object.assign(this, { fake, gateway, stop });
    this.origin = gateway?.origin ?? fake;
    this.key = direct ? upstreamKey : virtualKey;
  }

  openai(options = {}) {
    return new OpenAI({ apiKey: this.key, baseURL: `${this.origin}/v1`, maxRetries: 0, ...options });
  }

  anthropic(options = {}) {
    return new Anthropic({ apiKey: this.key, authToken: null, baseURL: this.origin, maxRetries: 0, ...options });
  }

  async reset() {
    await fetch(`${this.fake}/_reset`, { method: 'POST' });
  }

  // received are the requests that reached the upstream.
  async received() {
    const list = await (await fetch(`${this.fake}/_requests`)).json();
    return list.map((r) => ({ ...r, Body: Buffer.from(r.Body ?? '', 'base64') }));
  }

  // canceled waits until the upstream has seen a caller go away.
  async canceled() {
    const resp = await fetch(`${this.fake}/_canceled?within=1s`);
    assert.equal(resp.status, 204, await resp.text());
  }

  async admin(path) {
    const auth = Buffer.from('admin:e2e-password').toString('base64');
    const resp = await fetch(this.gateway.admin + path, { headers: { Authorization: `Basic ${auth}` } });
    assert.equal(resp.status, 200, `GET ${path}: ${resp.status} ${await resp.clone().text()}`);
    return resp.json();
  }

  // events waits for n events of LLM calls, newest first.
  async events(n) {
    for (let tries = 0; ; tries++) {
      const { items } = await this.admin('/admin/metrics/llm/events?limit=1000');
      if (items.length >= n || tries === 100) {
        assert.equal(items.length, n, JSON.stringify(items, null, 1));
        return items;
      }
      await new Promise((done) => setTimeout(done, 50)); // they are written in batches
    }
  }
}

async function startFake(stops) {
  const binary = process.env.FAKEUPSTREAM;
  const [command, args] = binary ? [binary, []] : ['go', ['run', './fakeupstream']];
  const child = spawn(command, [...args, '--key', upstreamKey], { cwd: e2e, stdio: ['pipe', 'pipe', 'inherit'] });
  stops.push(() => end(child, () => child.stdin.end()));
  const [url] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the fake upstream ended with ${code}`))),
  ]);
  return url;
}

function startGateway(stops, fake) {
  assert.ok(existsSync(agwd), `${agwd} is not there: build it, or set AGWD`);
  return startAgwd(stops, { prefix: 'agw-e2e-', password: 'e2e-password', bundle: config(fake) });
}

// config is the bundle: one route for each protocol at /, and some beside it.
function config(fake) {
  const provider = (id, type, base, key = upstreamKey) => ({ id, provider_type: type, api_key: key, base_url: base });
  const route = (id, protocol, prefix, provider_id) => ({
    id, protocol, match_policy: { path_prefix: prefix }, auth_policy: { require_virtual_key: true },
    target_policy: { provider_target: { provider_id } },
  });
  return {
    apiVersion: 'gateway.agw/v1alpha1',
    kind: 'GatewayBundle',
    providers: [
      provider('openai-up', 'openai', `${fake}/v1`),
      provider('anthropic-up', 'anthropic', fake),
      provider('openai-badkey', 'openai', `${fake}/v1`, 'sk-not-the-right-one'),
      provider('anthropic-badkey', 'anthropic', fake, 'sk-not-the-right-one'),
      { ...provider('openai-retrying', 'openai', `${fake}/v1`), network: { max_retries: 1, retry_delay_seconds: 0.01 } },
      { ...provider('anthropic-retrying', 'anthropic', fake), network: { max_retries: 1, retry_delay_seconds: 0.01 } },
      provider('openai-down', 'openai', 'http://127.0.0.1:9/v1'),
      provider('anthropic-down', 'anthropic', 'http://127.0.0.1:9'),
    ],
    llmRoutes: [
      route('openai-main', 'openai', '/', 'openai-up'),
      route('anthropic-main', 'anthropic', '/', 'anthropic-up'),
      route('openai-badkey', 'openai', '/badkey', 'openai-badkey'),
      route('anthropic-badkey', 'anthropic', '/badkey', 'anthropic-badkey'),
      route('openai-retrying', 'openai', '/retrying', 'openai-retrying'),
      route('anthropic-retrying', 'anthropic', '/retrying', 'anthropic-retrying'),
      route('openai-down', 'openai', '/down', 'openai-down'),
      route('anthropic-down', 'anthropic', '/down', 'anthropic-down'),
    ],
    virtualKeys: [
      { id: 'everything', key: virtualKey, allowed_route_ids: ['*'] },
      { id: 'elsewhere', key: elsewhereKey, allowed_route_ids: ['openai-badkey'] },
      { id: 'narrow', key: narrowKey, allowed_route_ids: ['*'], allowed_models: ['gpt-test', 'claude-test'] },
    ],
  };
}

export const fault = (spec) => `hello [[fault:${spec}]]`;

// rejects asserts that a promise fails with an error of a class, and returns it.
export async function rejects(promise, Class) {
  try {
    const got = await promise;
    assert.fail(`succeeded with ${JSON.stringify(got)}, want ${Class.name}`);
  } catch (err) {
    if (err instanceof assert.AssertionError) throw err;
    assert.ok(err instanceof Class, `${err?.constructor?.name}: ${err?.message}, want ${Class.name}`);
    return err;
  }
}

export const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

export const citySchema = {
  type: 'object',
  properties: { city: { type: 'string' }, population: { type: 'integer' } },
  required: ['city', 'population'],
  additionalProperties: false,
};
