// 2026-07-28, without sessions: the official server and client, directly and through the
// gateway, and what they say to each other on the wire.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, modernVersion } from './clients.mjs';
import { each, it, keys, start } from './stack.mjs';
import { envelope, exchange } from './wire.mjs';

const ids = ['modern-http', 'modern-stdio', 'dual-http', 'dual-stdio'];
const stack = await start(ids);
after(() => stack.stop());

let unique = 0;
const client = 'client 2.4.0';
const pinned = { versionNegotiation: { mode: { pin: modernVersion } } };

each(stack, ids, (target) => {
  const http = target.transport === 'streamable_http';
  let session;
  const asked = [];
  const requests = {
    'elicitation/create': (params) => (asked.push(params), { action: 'accept', content: { name: 'Ada' } }),
    'sampling/createMessage': ({ messages }) => ({ role: 'assistant', model: 'm', content: { type: 'text', text: messages[0].content.text.toUpperCase() } }),
    'roots/list': () => ({ roots: [{ uri: 'file:///a' }] }),
  };

  describe(client, () => {
    before(async () => {
      session = await connect(client, target, { requests, options: pinned });
    });
    after(() => session?.close());

    it('discovers the server', async () => {
      assert.equal(session.client.getProtocolEra(), 'modern');
      assert.equal(session.client.getServerVersion().name, 'e2e-modern');
      assert.equal(session.client.getInstructions(), 'Ask for what is marked as required.\n«2026-07-28»');
      assert.deepEqual(session.client.getServerCapabilities().resources, { listChanged: true, subscribe: true });
      assert.deepEqual(session.client.getDiscoverResult().supportedVersions, [modernVersion]);
      assert.equal(session.transport.sessionId, undefined);
      if (http) assert.deepEqual(session.wire.map((w) => [w.method, w.status, w.answer['mcp-session-id']]), [['POST', 200, undefined]]);
    });

    it('lists tools, and for how long the list holds', async () => {
      const page = await session.request('tools/list', {});
      assert.equal(page.ttlMs, 60000);
      if (target.direct) assert.equal(page.cacheScope, 'public'); // behind keys, it may become private
      const { tools } = await session.client.listTools();
      const weather = tools.find((tool) => tool.name === 'weather');
      assert.equal(weather.inputSchema.$defs.place.unevaluatedProperties, false);
      assert.deepEqual(tools.find((tool) => tool.name === 'numbers')._meta['example.com/alpha'], { nested: [1, 2, 3] });
    });

    it('calls tools', async () => {
      assert.equal(await session.text('echo', { message: 'Grüße 🌍' }), 'Echo: Grüße 🌍');
      assert.deepEqual((await session.call('weather', { place: { city: 'Köln' } })).structuredContent, { city: 'Köln', degrees: 21.5 });
      const failed = await session.call('fails');
      assert.deepEqual([failed.isError, failed.content[0].text], [true, 'this tool always fails']);
      await assert.rejects(session.call('none'), (err) => err.code === -32602);
      const { _meta } = await session.request('tools/call', { name: 'numbers', arguments: {} });
      assert.deepEqual(_meta['example.com/unknown'], { kept: true });
    });

    it('sends the envelope to the server as it was', async () => {
      const { envelope: seen, headers, meta } = await session.json('headers');
      assert.equal(seen['io.modelcontextprotocol/protocolVersion'], modernVersion);
      assert.equal(seen['io.modelcontextprotocol/clientInfo'].name, 'e2e-v2');
      assert.ok('elicitation' in seen['io.modelcontextprotocol/clientCapabilities']);
      assert.ok(!JSON.stringify(headers).includes(keys.all));
      if (target.upstream) assert.equal(headers['mcp-name'], 'headers');
      assert.equal(meta?.progressToken, undefined);
    });

    it('has progress while the call runs', async () => {
      const at = [];
      const steps = [];
      const began = performance.now();
      assert.equal(await session.text('slow', { steps: 4, ms: 250 }, { onprogress: (p) => (at.push(performance.now() - began), steps.push(p.progress)) }), 'slept 4 times');
      assert.deepEqual(steps, [1, 2, 3, 4].slice(0, http ? 4 : steps.length)); // see everything.test.mjs
      assert.ok(performance.now() - began - at[0] > 500, String(at));
    });

    it('cancels', async () => {
      const tag = `cancel-${target.via}-${++unique}`;
      const abort = new AbortController();
      const call = session.call('slow', { steps: 40, ms: 100, tag }, { signal: abort.signal, onprogress: () => abort.abort() });
      await assert.rejects(call);
      assert.equal(await session.text('echo', { message: 'still here' }), 'Echo: still here');
      if (!target.upstream) return;
      for (let tries = 0; ; tries++) {
        const seen = await (await fetch(`${target.upstream}/_seen`)).json();
        if (seen.some((s) => s.cancelled === tag)) return;
        assert.ok(tries < 40, `the server goes on: ${JSON.stringify(seen)}`);
        await sleep(50);
      }
    });

    it('runs three calls at once', async () => {
      let over = false;
      const slow = session.call('slow', { steps: 1, ms: 3000 }).then(() => (over = true));
      assert.deepEqual(await Promise.all(['a', 'b'].map((message) => session.text('echo', { message }))), ['Echo: a', 'Echo: b']);
      assert.equal(over, false, 'one after the other');
      await slow;
    });

    it('gives input that is required, in rounds', async () => {
      asked.length = 0;
      session.wire.length = 0;
      assert.deepEqual(await session.json('interview', { topic: 'gateways' }), { name: 'Ada', roots: ['file:///a'], poem: 'ADA WANTS A POEM ABOUT GATEWAYS' });
      assert.equal(asked[0].message, 'Who asks about gateways?');
      if (!http) return;
      const sent = session.wire.map((w) => JSON.parse(w.body));
      assert.equal(sent.length, 3);
      assert.equal(new Set(sent.map((m) => m.id)).size, 3);
      assert.deepEqual(Object.keys(sent[1].params.inputResponses), ['name', 'roots']);
      assert.match(sent[1].params.requestState, /^v1\./);
    });

    it('refuses a state that the server did not write', async () => {
      await assert.rejects(session.request('tools/call', { name: 'interview', arguments: { topic: 'x' }, requestState: 'v1.e30.AAAA', inputResponses: {} }), (err) => err.code === -32602);
    });

    it('lists and reads resources', async () => {
      const { resources } = await session.client.listResources();
      assert.deepEqual(resources.map((r) => r.uri), ['demo://watched', 'demo://blob']);
      const { resourceTemplates } = await session.client.listResourceTemplates();
      assert.deepEqual(resourceTemplates.map((t) => t.uriTemplate), ['demo://items/{id}']);
      assert.equal((await session.client.readResource({ uri: 'demo://watched' })).contents[0].text, 'watched text «ü»');
      assert.deepEqual([...Buffer.from((await session.client.readResource({ uri: 'demo://blob' })).contents[0].blob, 'base64')], [0, 255, 1, 254]);
      assert.equal((await session.client.readResource({ uri: 'demo://items/a%20b' })).contents[0].uri, 'demo://items/a%20b');
      await assert.rejects(session.client.readResource({ uri: 'demo://none' }), (err) => err.code === -32602);
    });

    it('lists and gets prompts', async () => {
      assert.deepEqual((await session.client.listPrompts()).prompts.map((p) => p.name), ['greet', 'plain']);
      assert.equal((await session.client.getPrompt({ name: 'greet', arguments: { name: 'Zoë' } })).messages[0].content.text, 'Greet Zoë');
    });

    it('completes arguments', async () => {
      const { completion } = await session.client.complete({ ref: { type: 'ref/resource', uri: 'demo://items/{id}' }, argument: { name: 'id', value: '1' } });
      assert.deepEqual(completion.values, ['10', '11']);
    });

    it('hears what the server logs, if it asks for it', async () => {
      session.notes.length = 0;
      await session.call('log');
      assert.deepEqual(session.notes, []);
      await session.request('tools/call', { name: 'log', arguments: {}, _meta: { 'io.modelcontextprotocol/logLevel': 'warning' } });
      const logs = await session.noted('notifications/message', () => true, 2);
      assert.deepEqual(logs.map((p) => [p.level, p.data.at, p.logger]), [['warning', 'warning', 'e2e'], ['error', 'error', 'e2e']]);
    });

    it('listens to changes', async () => {
      session.notes.length = 0;
      const one = await session.client.listen({ toolsListChanged: true, resourceSubscriptions: ['demo://watched'] });
      assert.deepEqual(one.honoredFilter, { toolsListChanged: true, resourceSubscriptions: ['demo://watched'] });
      const two = await session.client.listen({ promptsListChanged: true });
      if (target.origin === 'stdio') await session.call('change');
      else await fetch(`${target.upstream}/_change`, { method: 'POST' });
      const [tools] = await session.noted('notifications/tools/list_changed');
      const [prompts] = await session.noted('notifications/prompts/list_changed');
      const updated = await session.noted('notifications/resources/updated');
      await sleep(100);
      // The same test beside, by another way to the same server, changes it too.
      assert.deepEqual([...new Set(updated.map((p) => p.uri))], ['demo://watched']);
      assert.ok(!session.notes.some((n) => n.method === 'notifications/resources/list_changed'), 'nobody asked for that');
      const id = (p) => p._meta['io.modelcontextprotocol/subscriptionId'];
      assert.equal(id(tools), id(updated[0]));
      assert.notEqual(id(tools), id(prompts));
      await one.close();
      await two.close();
      assert.equal(await one.closed, 'local');
      assert.equal(await session.text('echo', { message: 'after' }), 'Echo: after');
    });

    it('puts arguments into headers where the tool says so', async () => {
      await session.client.listTools(undefined, { cacheMode: 'refresh' }); // knows the tool's schema now
      const got = await session.json('region', { region: 'Zürich 1' });
      assert.equal(got.region, 'Zürich 1');
      if (target.upstream) assert.equal(got.header, `=?base64?${Buffer.from('Zürich 1').toString('base64')}?=`);
    });
  });

  if (!http) return;

  describe('on the wire', () => {
    const ask = (method, params, headers, id = 1) => exchange(target, { jsonrpc: '2.0', id, method, params: { ...params, ...envelope() } }, { 'Mcp-Method': method, ...headers });

    it('answers with what was asked for', async () => {
      for (const id of [0, -7, 'ä"']) {
        const got = await ask('tools/list', {}, {}, id);
        assert.deepEqual([got.status, got.messages[0].id], [200, id]);
      }
    });

    it('keeps numbers that no float holds', async () => {
      const got = await ask('tools/call', { name: 'numbers', arguments: {} }, { 'Mcp-Name': 'numbers' });
      assert.match(got.text, /"zeta":"first","big":12345678901234567890,"tiny":1\.0e-400,"minus":-0,"alpha":null/);
    });

    it('checks the headers against the body', async () => {
      const call = { name: 'echo', arguments: { message: 'x' } };
      for (const [what, headers] of Object.entries({
        'no Mcp-Name': {},
        'another Mcp-Name': { 'Mcp-Name': 'fails' },
        'another Mcp-Method': { 'Mcp-Name': 'echo', 'Mcp-Method': 'tools/list' },
        'no Mcp-Method': { 'Mcp-Name': 'echo', 'Mcp-Method': undefined },
        'another version': { 'Mcp-Name': 'echo', 'MCP-Protocol-Version': '2025-11-25' },
        'no version': { 'Mcp-Name': 'echo', 'MCP-Protocol-Version': undefined },
      })) {
        const got = await ask('tools/call', call, headers, 'h-1');
        assert.deepEqual([got.status, got.messages[0].error.code, got.messages[0].id], [400, -32020, 'h-1'], `${what}: ${got.text}`);
      }
      const encoded = await ask('tools/call', call, { 'Mcp-Name': `=?base64?${Buffer.from('echo').toString('base64')}?=` });
      assert.equal(encoded.status, 200, encoded.text);
    });

    it('says which versions there are', async () => {
      const got = await exchange(target, { jsonrpc: '2.0', id: 3, method: 'server/discover', params: envelope('2099-01-01') }, { 'Mcp-Method': 'server/discover', 'MCP-Protocol-Version': '2099-01-01' });
      assert.deepEqual([got.status, got.messages[0].error.code, got.messages[0].id], [400, -32022, 3], got.text);
      const { supported, requested } = got.messages[0].error.data;
      assert.equal(requested, '2099-01-01');
      assert.equal(supported[0], modernVersion);
    });

    it('does not know methods of the other era', async () => {
      for (const method of ['ping', 'logging/setLevel', 'resources/subscribe', 'no/such']) {
        const got = await ask(method, {});
        assert.deepEqual([got.status, got.messages[0].error.code], [404, -32601], `${method}: ${got.text}`);
      }
    });

    it('wants the envelope', async () => {
      const got = await exchange(target, { jsonrpc: '2.0', id: 4, method: 'tools/list' }, { 'Mcp-Method': 'tools/list' });
      assert.deepEqual([got.status, got.messages[0].id], [400, 4], got.text);
      assert.ok([-32602, -32020].includes(got.messages[0].error.code), got.text);
    });

    // The SDK's client sends them without Mcp-Method when it ends a subscription.
    it('takes notifications, with or without their headers', async () => {
      for (const headers of [{}, { 'Mcp-Method': 'notifications/cancelled' }]) {
        const got = await exchange(target, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'x', ...envelope() } }, headers);
        assert.deepEqual([got.status, got.text], [202, '']);
      }
    });

    it('has one stream a subscription, which is kept alive', async () => {
      const abort = new AbortController();
      const got = await ask('subscriptions/listen', { notifications: { toolsListChanged: true } }, { signal: abort.signal, until: /^: /m }, 'sub-1');
      abort.abort();
      assert.equal(got.status, 200);
      assert.match(got.headers.get('content-type'), /^text\/event-stream/);
      assert.equal(got.messages[0].method, 'notifications/subscriptions/acknowledged');
      assert.equal(got.messages[0].params._meta['io.modelcontextprotocol/subscriptionId'], 'sub-1');
    });
  });
});
