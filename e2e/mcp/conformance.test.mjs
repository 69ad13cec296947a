// The official conformance suite says through the gateway what it says to the same server
// directly. What it says is at the end of docs/mcp.md, which
//
//   UPDATE=1 node --test conformance.test.mjs
//
// writes anew.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { here } from './services.mjs';
import { it, start, throughGateway, vias } from './stack.mjs';

const servers = { 'fixture-http': 'fixture', 'everything-http': 'server-everything' };
const mark = '<!-- written by e2e/mcp/conformance.test.mjs -->';
const stack = await start(Object.keys(servers));
after(() => stack.stop());

// Where the gateway does better than the server, by server: it refuses pages of other
// sites, which server-everything does not.
const better = { 'everything-http': ['dns-rebinding-protection'] };

const results = {}; // by server, by way, by scenario: checks

describe('conformance', () => {
  before(async () => {
    for (const id of Object.keys(servers)) {
      results[id] = {};
      for (const via of vias) {
        // The suite can send no key.
        const url = via === 'direct' ? stack.target(id, via).url.href : `${stack.gateway.origin}/open/${id}`;
        results[id][via] = await run(url);
      }
    }
  }, { timeout: 300000 });

  it('the fixture, which is made for the suite, passes all of it', () => {
    const failed = Object.entries(results['fixture-http'].direct).filter(([, checks]) => checks.some((check) => check.status === 'FAILURE'));
    assert.deepEqual(failed, []);
    assert.ok(Object.keys(results['fixture-http'].direct).length >= 32);
  });

  if (!throughGateway) return;

  for (const id of Object.keys(servers)) {
    it(`${id}: the same through the gateway`, () => {
      const { direct, gateway } = results[id];
      assert.deepEqual(Object.keys(gateway), Object.keys(direct));
      for (const [scenario, checks] of Object.entries(gateway)) {
        if (better[id]?.includes(scenario)) {
          assert.deepEqual(checks.filter((check) => check.status !== 'SUCCESS'), [], scenario);
        } else {
          assert.deepEqual(checks, direct[scenario], scenario);
        }
      }
    });
  }

  it('docs/mcp.md says so', () => {
    const file = join(here, '../../docs/mcp.md');
    const [text, written] = readFileSync(file, 'utf8').split(mark);
    if (process.env.UPDATE === '1') writeFileSync(file, text + mark + table());
    else assert.equal(written, table(), 'run UPDATE=1 node --test conformance.test.mjs');
  });
});

// run runs the suite, and returns for each scenario what each check came to.
async function run(url) {
  const dir = mkdtempSync(join(tmpdir(), 'agw-mcp-conformance-'));
  try {
    const cli = join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
    const child = spawn(process.execPath, ['--import', join(here, 'node20.mjs'), cli, 'server', '--url', url, '--suite', 'all', '-o', dir], { stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (b) => (log += b));
    await once(child, 'close');
    const scenarios = [...log.matchAll(/^=== Running scenario: (\S+) ===$/gm)].map(([, name]) => name);
    assert.ok(scenarios.length > 0, log);
    const folders = readdirSync(dir);
    return Object.fromEntries(scenarios.map((name) => {
      const folder = folders.find((f) => f.startsWith(`server-${name}-2`));
      assert.ok(folder, `${name} has no result:\n${log}`);
      const checks = JSON.parse(readFileSync(join(dir, folder, 'checks.json'), 'utf8'));
      return [name, checks.map(({ id, status, errorMessage }) => ({ id, status, ...(errorMessage && { errorMessage }) }))];
    }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// table is what the suite says, in Markdown.
function table() {
  const ids = Object.keys(servers);
  const row = (cells) => `| ${cells.join(' | ')} |\n`;
  const say = (checks) => {
    const count = (status) => checks.filter((check) => check.status === status).length;
    const parts = [[count('SUCCESS'), 'passed'], [count('FAILURE'), 'failed'], [count('WARNING'), 'warned']];
    return parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`).join(', ') || 'nothing to check';
  };
  let text = '\n\n';
  text += row(['scenario', ...ids.flatMap((id) => [servers[id], 'through the gateway'])]);
  text += row(['---', ...ids.flatMap(() => ['---', '---'])]);
  for (const scenario of Object.keys(results[ids[0]].direct)) {
    text += row([`\`${scenario}\``, ...ids.flatMap((id) => ['direct', 'gateway'].map((via) => say(results[id][via][scenario])))]);
  }
  return text;
}
