// Callers that are hostile or wrong: refused, before the server sees anything.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe } from 'node:test';
import { connect } from './clients.mjs';
import { here } from './services.mjs';
import { behindGateway, it, keys } from './stack.mjs';
import { envelope, exchange } from './wire.mjs';

const meta = JSON.stringify(envelope()).slice(1, -1);
const old = { 'MCP-Protocol-Version': undefined };
const call = { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' };

await behindGateway(['raw-http', 'raw-modern-http', 'raw-stdio-env'], (stack) => {
  // seen is what reached a server since the last reset.
  const reset = (id) => fetch(`${stack.origins[id]}/_reset`);
  const seen = async (id) => (await (await fetch(`${stack.origins[id]}/_seen`)).json()).filter((s) => s.method === 'tools/call');

  describe('bodies', () => {
    for (const [what, id, body, headers, status] of [
      ['a name twice', 'raw-http', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"whoami"}}', old, 400],
      ['a name in two cases', 'raw-http', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"whoami"}}', old, 400],
      ['a name, escaped, twice', 'raw-http', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\\u0061me":"whoami"}}', old, 400],
      ['a method twice', 'raw-http', '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"echo"}}', old, 400],
      ['a method in two cases', 'raw-http', '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call","params":{"name":"echo"}}', old, 400],
      ['params twice', 'raw-http', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"params":{"name":"whoami"}}', old, 400],
      ['an id twice', 'raw-http', '{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{"name":"echo"}}', old, 400],
      ['no JSON', 'raw-http', '{"jsonrpc":', old, 400],
      ['nothing', 'raw-http', '', old, 400],
      ['a number', 'raw-http', '7', old, 400],
      ['no version of JSON-RPC', 'raw-http', '{"id":1,"method":"tools/call","params":{"name":"echo"}}', old, 400],
      ['an id that is an object', 'raw-http', '{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"echo"}}', old, 400],
      ['a million brackets', 'raw-http', `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${'['.repeat(1e6)}${']'.repeat(1e6)}}}`, old, 400],
      ['a batch', 'raw-modern-http', `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",${meta}}}]`, call, 400],
      ['a version twice', 'raw-modern-http', `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",${meta},"_meta":{}}}`, call, 400],
      ['an answer that nobody waits for', 'raw-modern-http', '{"jsonrpc":"2.0","id":1,"result":{}}', {}, 400],
    ]) {
      it(what, async () => {
        await reset(id);
        const got = await exchange(stack.target(id, 'gateway'), body, headers);
        assert.equal(got.status, status, got.text);
        assert.equal(typeof got.messages[0].error.code, 'number', got.text);
        assert.deepEqual(await seen(id), []);
      });
    }

    it('another type of body', async () => {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', '']) {
        await reset('raw-http');
        const got = await exchange(stack.target('raw-http', 'gateway'), '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}', { ...old, 'Content-Type': type || undefined });
        assert.equal(got.status, 415, `${type}: ${got.text}`);
        assert.deepEqual(await seen('raw-http'), []);
      }
    });

    it('a body without end', async () => {
      const got = await exchange(stack.target('raw-http', 'gateway'), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"${'m'.repeat(64 << 20)}"}}}`, old).catch((err) => ({ status: 413, err }));
      assert.equal(got.status, 413, got.text?.slice(0, 200));
    });
  });

  describe('pages of other sites', () => {
    for (const [what, headers, status] of [
      ['a foreign Origin', { Origin: 'https://evil.example' }, 403],
      ['an Origin that is none', { Origin: 'null' }, 403],
      ['a foreign site', { 'Sec-Fetch-Site': 'cross-site' }, 403],
      ['a rebound Host', { Host: 'evil.example' }, 403],
      ['a rebound Host and Origin', { Host: 'evil.example', Origin: 'http://evil.example' }, 403],
      ['its own Origin', { Origin: stack.gateway.origin }, 200],
      ['no Origin', {}, 200],
    ]) {
      for (const [path, auth] of [['/raw-http', { Authorization: `Bearer ${keys.all}` }], ['/open/raw-http', {}]]) {
        it(`${what}, ${path}: ${status}`, async () => {
          for (const method of ['POST', 'GET', 'DELETE']) {
            const got = await raw(method, stack.gateway.origin + path, { ...auth, Accept: 'application/json, text/event-stream', ...headers }, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
            if (method === 'POST') assert.equal(got.status, status, got.text.slice(0, 300));
            else assert.ok(got.status >= 400 && got.status < 500, `${method}: ${got.status}`); // there is no session
            assert.notEqual(got.headers['access-control-allow-origin'], '*');
          }
        });
      }
    }
  });

  it('arguments and variables of a command are inert', async () => {
    const session = await connect('sdk 1.32.2', stack.target('raw-stdio-env', 'gateway'));
    const { env, argv, cwd } = await session.json('env');
    assert.deepEqual(argv.slice(2), ['; touch pwned', '$(touch pwned)', '`id`']);
    assert.ok(!existsSync(join(cwd, 'pwned')) && !existsSync(join(here, 'pwned')));
    assert.equal(env.GIVEN, 'by the configuration');
    const allowed = /^(PATH|HOME|USER|LANG|LC_.*|TMPDIR|XDG_.*|npm_config_.*|https?_proxy|no_proxy|all_proxy|SSL_CERT_.*|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIVEN)$/i;
    assert.deepEqual(Object.keys(env).filter((name) => !allowed.test(name)), []);
    assert.equal(await session.text('echo', { message: '; $(touch pwned) `id` \u0000' }), 'Echo: ; $(touch pwned) `id` \u0000');
    await session.close();
  });
});

// raw is a request whose Host and Origin can be chosen, which fetch does not allow.
function raw(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const req = http.request(url, { method, headers: { ...headers, ...(method === 'POST' && { 'Content-Type': 'application/json' }) } }, (res) => {
      let text = '';
      res.on('data', (b) => (text += b)).on('end', () => resolve({ status: res.statusCode, headers: res.headers, text })).on('error', reject);
    });
    req.on('error', reject).end(method === 'POST' ? body : undefined);
  });
}
