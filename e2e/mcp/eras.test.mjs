// Clients and servers of different eras: who falls back, how, and who is refused at once.
import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { connect, modernVersion } from './clients.mjs';
import { each, it, start, vias } from './stack.mjs';
import { envelope, exchange } from './wire.mjs';

const legacy = ['everything-http', 'everything-sse', 'everything-stdio', 'fixture-http', 'filesystem-stdio', 'raw-http', 'raw-stdio'];
const modern = ['modern-http', 'modern-stdio', 'raw-modern-http', 'raw-modern-stdio'];
const dual = ['dual-http', 'dual-stdio'];
const stack = await start([...legacy, ...modern, ...dual]);
after(() => stack.stop());

const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'old', version: '0' } } };
const probe = { jsonrpc: '2.0', id: 'probe-1', method: 'server/discover', params: envelope() };

each(stack, legacy, (target) => {
  it('the modern client falls back', async () => {
    const session = await connect('client 2.4.0', target);
    assert.equal(session.client.getProtocolEra(), 'legacy');
    assert.equal(session.client.getNegotiatedProtocolVersion(), '2025-11-25');
    assert.ok((await session.client.listTools()).tools.length > 0);
    await session.close();
  });

  it('the modern client that cannot fall back is refused', async () => {
    await assert.rejects(connect('client 2.4.0', target, { options: { versionNegotiation: { mode: { pin: modernVersion } } } }), (err) => err.code === 'ERA_NEGOTIATION_FAILED');
  });

  if (target.transport === 'streamable_http') {
    it('the probe is refused with 4xx and an error of JSON-RPC', async () => {
      const got = await exchange(target, probe, { 'Mcp-Method': 'server/discover' });
      assert.ok(got.status >= 400 && got.status < 500 && ![401, 403].includes(got.status), `${got.status} ${got.text}`);
      assert.equal(typeof got.messages[0].error.code, 'number');
      assert.equal(got.headers.get('mcp-session-id'), null);
    });
  }
});

each(stack, modern, (target) => {
  it('the modern client does not fall back', async () => {
    const session = await connect('client 2.4.0', target);
    assert.equal(session.client.getProtocolEra(), 'modern');
    assert.equal(session.client.getNegotiatedProtocolVersion(), modernVersion);
    assert.ok((await session.client.listTools()).tools.length > 0);
    await session.close();
  });

  it('the client of the older era is refused', async () => {
    await assert.rejects(connect('sdk 1.32.2', target), /-32022|Unsupported protocol version/);
  });

  if (target.transport === 'streamable_http') {
    it('initialize is refused with what there is', async () => {
      const got = await exchange(target, initialize, { 'MCP-Protocol-Version': undefined });
      assert.deepEqual([got.status, got.messages[0].error.code, got.messages[0].id], [400, -32022, 1], got.text);
      assert.deepEqual(got.messages[0].error.data.supported, [modernVersion]);
    });

    it('there is no stream to get, and no session to delete', async () => {
      for (const method of ['GET', 'DELETE']) {
        const resp = await fetch(target.url, { method, headers: { ...target.headers, Accept: 'text/event-stream' } });
        assert.equal(resp.status, 405, method);
        await resp.body?.cancel();
      }
    });
  }
});

each(stack, dual, (target) => {
  for (const [name, era] of [['sdk 1.32.2', 'legacy'], ['client 2.4.0', 'modern']]) {
    it(`${name} is served as ${era}`, async () => {
      const session = await connect(name, target);
      if (name !== 'sdk 1.32.2') assert.equal(session.client.getProtocolEra(), era);
      assert.equal(await session.text('echo', { message: era }), `Echo: ${era}`);
      const { envelope: seen } = await session.json('headers');
      assert.equal(seen?.['io.modelcontextprotocol/protocolVersion'], era === 'modern' ? modernVersion : undefined);
      await session.close();
    });
  }

  it('serves both at the same time', async () => {
    const sessions = await Promise.all(['sdk 1.32.2', 'client 2.4.0', 'sdk 1.32.2', 'client 2.4.0'].map((name) => connect(name, target)));
    const texts = await Promise.all(sessions.map((session, i) => session.text('echo', { message: String(i) })));
    assert.deepEqual(texts, ['Echo: 0', 'Echo: 1', 'Echo: 2', 'Echo: 3']);
    await Promise.all(sessions.map((session) => session.close()));
  });
});

// A bare request, without a handshake, a session or a version, as in the brief's curl: the
// gateway answers it for every service; servers themselves mostly do not.
describe('bare', { concurrency: true }, () => {
  for (const id of [...legacy, ...modern, ...dual]) {
    for (const via of vias) {
      if (via === 'direct') continue;
      const target = stack.target(id, via);
      it(`${id}, ${via}`, async () => {
        const bare = (method, params) => exchange(target, { jsonrpc: '2.0', id: 1, method, params }, { Accept: undefined, 'MCP-Protocol-Version': undefined });
        const list = await bare('tools/list');
        assert.equal(list.status, 200, list.text);
        assert.match(list.headers.get('content-type'), /^application\/json/);
        assert.ok(list.messages[0].result.tools.length > 0);
        assert.equal(list.headers.get('mcp-session-id'), null, 'a session that nobody asked for');
        if (id.startsWith('filesystem')) return;
        const call = await bare('tools/call', { name: id.startsWith('fixture') ? 'test_simple_text' : 'echo', arguments: { message: 'bare' } });
        assert.equal(call.status, 200, call.text);
        assert.match(call.messages[0].result.content[0].text, /bare|simple/);
      });
    }
  }
});
