// Who may use a service, and whose a session is: the gateway's own part.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { connect } from './clients.mjs';
import { behindGateway, it, keys } from './stack.mjs';
import { envelope, exchange } from './wire.mjs';

const ids = ['raw-http', 'raw-http-auth', 'fixture-http', 'fixture-stdio', 'modern-http'];
const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'keys', version: '0' } } };
const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const old = { 'MCP-Protocol-Version': undefined };

await behindGateway(ids, (stack) => {
  const at = (id, headers = {}) => ({ ...stack.target(id, 'gateway'), headers });

  for (const [what, message, headers] of [
    ['initialize', initialize, old],
    ['a bare request', list, old],
    ['the probe of the modern era', { jsonrpc: '2.0', id: 1, method: 'server/discover', params: envelope() }, { 'Mcp-Method': 'server/discover' }],
  ]) {
    describe(what, () => {
      for (const [who, status, auth] of [
        ['nobody', 401, {}],
        ['a wrong key', 401, { Authorization: 'Bearer vk-of-nobody' }],
        ['a wrong key by the other header', 401, { 'x-api-key': 'vk-of-nobody' }],
        ['a broken header', 401, { Authorization: 'Bearer' }],
        ['a key for another route', 403, { Authorization: `Bearer ${keys.elsewhere}` }],
      ]) {
        it(`${who}: ${status}`, async () => {
          const got = await exchange(at('fixture-http', auth), message, headers);
          assert.equal(got.status, status, got.text);
          assert.ok(got.messages[0].error.message, got.text);
          if (status === 401) assert.match(got.headers.get('www-authenticate') ?? '', /^Bearer/i);
          assert.doesNotMatch(got.text, /vk-of-nobody|vk-mcp/);
        });
      }

      it('a key for this route, by either header', async () => {
        for (const auth of [{ Authorization: `Bearer ${keys.elsewhere}` }, { 'x-api-key': keys.elsewhere }]) {
          const got = await exchange(at('raw-http', auth), message, headers);
          assert.ok(![401, 403].includes(got.status), `${got.status} ${got.text}`);
        }
      });
    });
  }

  it('GET and DELETE want a key, too', async () => {
    for (const method of ['GET', 'DELETE']) {
      const resp = await fetch(stack.target('fixture-http', 'gateway').url, { method, headers: { Accept: 'text/event-stream', 'Mcp-Session-Id': 'x' } });
      assert.equal(resp.status, 401, method);
      await resp.text();
    }
  });

  it('a route that wants no key serves without one', async () => {
    const got = await exchange({ url: new URL(`${stack.gateway.origin}/open/fixture-http`) }, list, old);
    assert.equal(got.status, 200, got.text);
  });

  for (const id of ['fixture-http', 'fixture-stdio']) {
    it(`a session is there for its own key only: ${id}`, async () => {
      const session = await connect('sdk 1.32.2', stack.target(id, 'gateway'));
      const { sessionId } = session.transport;
      assert.ok(sessionId.length >= 22, 'an id of less than 128 bits');
      const headers = { 'Mcp-Session-Id': sessionId, 'MCP-Protocol-Version': '2025-11-25' };
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      const texts = new Set();
      for (const [key, sid] of [[keys.other, sessionId], [keys.all, 'no-such-session'], [keys.all, sessionId.slice(0, -1)], [keys.other, 'no-such-session']]) {
        const auth = { Authorization: `Bearer ${key}` };
        const got = await exchange(at(id, auth), ping, { ...headers, 'Mcp-Session-Id': sid });
        assert.equal(got.status, 404, got.text);
        texts.add(got.text);
        for (const method of ['GET', 'DELETE']) {
          const resp = await fetch(stack.target(id, 'gateway').url, { method, headers: { ...auth, ...headers, 'Mcp-Session-Id': sid, Accept: 'text/event-stream' } });
          assert.equal(resp.status, 404, method);
          await resp.text();
        }
      }
      assert.equal(texts.size, 1, 'a session of another key differs from none');
      const mine = await exchange(at(id, { 'x-api-key': keys.all }), ping, headers);
      assert.equal(mine.status, 200, mine.text);
      // The same key on another route: the session is not that route's.
      const elsewhere = await exchange(at(id === 'fixture-http' ? 'fixture-stdio' : 'fixture-http', { 'x-api-key': keys.all }), ping, headers);
      assert.equal(elsewhere.status, 404, elsewhere.text);
      assert.equal((await session.json('whoami')).instance.length, 36);
      await session.close();
    });
  }

  it('the server gets its own credentials, and none of the caller', async () => {
    const session = await connect('sdk 1.32.2', stack.target('raw-http-auth', 'gateway'), {
      transportOptions: { requestInit: { headers: { 'x-api-key': keys.all, Authorization: 'Bearer vk-of-nobody', Cookie: 'a=b', 'X-Fixed': 'mine', 'X-Forwarded-Host': 'evil.example' } } },
    });
    const { headers } = await session.json('headers');
    assert.equal(headers.authorization, 'Bearer upstream-secret-canary');
    assert.equal(headers['x-fixed'], 'yes');
    for (const name of ['x-api-key', 'cookie', 'x-forwarded-host']) assert.equal(headers[name], undefined, name);
    assert.ok(!JSON.stringify(headers).includes('vk-'), JSON.stringify(headers));
    await session.close();
    assert.doesNotMatch(stack.gateway.log(), /upstream-secret-canary|vk-mcp|vk-of-nobody/);
  });
});
