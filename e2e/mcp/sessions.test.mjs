// What server-everything has not, in the era of sessions: pages, messages on a call's own
// stream, cancellation that reaches the server, streams that break off and are resumed,
// sessions that the server forgets.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clients, connect } from './clients.mjs';
import { each, it, keys, start } from './stack.mjs';
import { parseEvents } from './wire.mjs';

const ids = ['fixture-http', 'fixture-stdio'];
const stack = await start(ids);
after(() => stack.stop());

let unique = 0;

each(stack, ids, (target) => {
  const http = target.transport === 'streamable_http';
  const resumable = target.origin === 'streamable_http'; // what the server can do

  for (const name of Object.keys(clients)) {
    describe(name, () => {
      let session;
      const requests = {
        'sampling/createMessage': ({ messages }) => ({ role: 'assistant', model: 'm', content: { type: 'text', text: messages[0].content.text.toUpperCase() } }),
        'elicitation/create': ({ message }) => (message === 'too slow' ? sleep(2000, { action: 'cancel' }) : { action: 'decline' }),
        'roots/list': () => ({ roots: [{ uri: 'file:///a' }, { uri: 'file:///b' }] }),
      };
      before(async () => {
        session = await connect(name, target, { requests });
        await session.listening();
      });
      after(() => session?.close());

      it('pages through lists', async () => {
        const { client } = session;
        const first = await session.request('prompts/list', {});
        assert.equal(first.prompts.length, 2);
        const second = await client.listPrompts({ cursor: first.nextCursor });
        assert.equal(second.nextCursor, undefined);
        assert.deepEqual([...first.prompts, ...second.prompts].map((p) => p.name),
          ['test_simple_prompt', 'test_prompt_with_arguments', 'test_prompt_with_embedded_resource', 'test_prompt_with_image']);
        await assert.rejects(session.request('resources/list', { cursor: 'bm9uZQ' }), (err) => err.code === -32602);
      });

      it('hears what the server logs during a call, in order', async () => {
        await session.client.setLoggingLevel('debug');
        session.notes.length = 0;
        await session.call('test_tool_with_logging');
        const logs = await session.noted('notifications/message', (p) => p.logger === 'fixture', 3);
        assert.deepEqual(logs.map((p) => p.data), ['Tool execution started', 'Tool processing data', 'Tool execution completed']);
      });

      it('hears what the server logs outside of calls', async () => {
        const text = `out of the blue ${++unique}`;
        await session.call('announce', { text });
        await session.noted('notifications/message', (p) => p.data === text);
      });

      it('keeps its own progress token', async () => {
        const got = [];
        const result = await session.request('tools/call', { name: 'test_tool_with_progress', arguments: {} }, { onprogress: (p) => got.push(p.progress) });
        assert.deepEqual(got, [0, 50, 100].slice(0, http ? 3 : got.length)); // see everything.test.mjs
        assert.match(result.content[0].text, /^progress token: \d+$/);
      });

      it('answers the requests of the server', async () => {
        assert.equal(await session.text('test_sampling', { prompt: 'shout' }), 'LLM response: SHOUT');
        assert.match(await session.text('test_elicitation', { message: 'Who?' }), /action: decline/);
        assert.equal(await session.text('roots'), 'file:///a file:///b');
        assert.equal(await session.text('ping_back'), '{}');
        const many = await Promise.all(['x', 'y', 'z'].map((prompt) => session.text('test_sampling', { prompt })));
        assert.deepEqual(many, ['X', 'Y', 'Z'].map((text) => `LLM response: ${text}`));
      });

      it('is told when the server gives a request up', async () => {
        assert.equal(await session.text('give_up'), 'gave up');
        assert.deepEqual(await session.client.ping(), {});
      });

      it('cancels a call on the server', async () => {
        const tag = `cancel-${++unique}-${name}`;
        const abort = new AbortController();
        const call = session.call('wait_cancelled', { tag }, { signal: abort.signal });
        const rejected = assert.rejects(call);
        await sleep(200);
        abort.abort('the user has changed her mind');
        await rejected;
        const list = await until(async () => (await session.json('cancelled')).filter((c) => c.tag === tag), (l) => l.length > 0);
        assert.match(list[0].reason, /changed her mind/);
      });

      it('hears that lists and resources have changed', async () => {
        await session.client.subscribeResource({ uri: 'test://watched-resource' });
        session.notes.length = 0;
        await session.call('change');
        for (const what of ['tools', 'prompts', 'resources']) await session.noted(`notifications/${what}/list_changed`);
        const updated = await session.noted('notifications/resources/updated');
        assert.deepEqual(updated, [{ uri: 'test://watched-resource' }]);
        await session.client.unsubscribeResource({ uri: 'test://watched-resource' });
        session.notes.length = 0;
        await session.call('change');
        await session.noted('notifications/resources/list_changed');
        await sleep(100);
        assert.ok(!session.notes.some((n) => n.method === 'notifications/resources/updated'));
      });

      it('has errors as the server wrote them', async () => {
        await assert.rejects(session.client.readResource({ uri: 'test://none' }), (err) => [-32002, -32602].includes(err.code) && err.data.uri === 'test://none');
        await assert.rejects(session.request('no/such', {}), (err) => err.code === -32601);
        await assert.rejects(session.call('none'), (err) => err.code === -32602);
      });

      if (http && resumable) {
        it('comes back to a call whose stream the server broke off', async () => {
          session.wire.length = 0;
          assert.equal(await session.text('test_reconnection'), 'reconnected: true');
          const back = session.wire.find((w) => w.method === 'GET' && w.headers['last-event-id']);
          assert.equal(back?.status, 200, JSON.stringify(session.wire));
        });
      }
    });
  }

  if (http && resumable) {
    it('goes on with a call in another connection', async () => {
      const first = await connect('sdk 1.32.2', target);
      let token;
      const call = first.request('tools/call', { name: 'test_reconnection', arguments: {} }, { onresumptiontoken: (t) => (token = t) });
      call.catch(() => {});
      await until(() => token, Boolean);
      const { sessionId } = first.transport;
      await first.client.close(); // without a DELETE
      await sleep(500); // by now the server has its result

      const second = await connect('sdk 1.32.2', target, { transportOptions: { sessionId } });
      second.client._requestMessageId = 100;
      const result = await second.request('tools/call', { name: 'test_reconnection', arguments: {} }, { resumptionToken: token });
      assert.equal(result.content[0].text, 'reconnected: true');
      await second.close();
    });

    it('resumes the stream outside of calls', async () => {
      const session = await connect('sdk 1.32.2', target);
      const { sessionId } = session.transport;
      const headers = { ...target.headers, 'Mcp-Session-Id': sessionId, 'MCP-Protocol-Version': '2025-11-25' };
      await session.listening();
      await session.call('announce', { text: 'one' });
      await session.noted('notifications/message', (p) => p.data === 'one');
      await session.client.close();

      // What came while nobody listened is there for whoever names the last event seen.
      const one = await firstEvent(target, { ...headers }, async () => {
        await post(target, headers, 'announce', 'two');
      });
      await post(target, headers, 'announce', 'three');
      const next = await firstEvent(target, { ...headers, 'Last-Event-ID': one.id });
      assert.equal(one.message.params.data, 'two');
      assert.equal(next.message.params.data, 'three');
      assert.notEqual(next.id, one.id);
    });

    it('notices that the server forgot its session', async () => {
      const session = await connect('sdk 1.32.2', target);
      const before = await session.json('whoami');
      await fetch(`${target.upstream}/_forget/${before.session}`, { method: 'POST' });
      // Made again behind the client's back, or reported as the specification says: 404.
      const outcome = await session.json('whoami').catch((err) => err);
      if (outcome instanceof Error) assert.equal(outcome.code, 404, outcome);
      else assert.notEqual(outcome.session, before.session);
      await session.client.close();
      const anew = await connect('sdk 1.32.2', target);
      assert.ok((await anew.json('whoami')).session);
      await anew.close();
    });

    it('ends the session of the server with its own', async () => {
      const session = await connect('client 2.4.0', target);
      const { session: upstream } = await session.json('whoami');
      const open = async () => (await fetch(`${target.upstream}/_sessions`)).json();
      assert.ok((await open()).includes(upstream));
      await session.close();
      await until(open, (list) => !list.includes(upstream));
    });

    it('lets the server see nothing of the caller', async () => {
      const session = await connect('sdk 1.32.2', target);
      const headers = await session.json('headers');
      assert.ok(!JSON.stringify(headers).includes(keys.all), JSON.stringify(headers));
      if (!target.direct) assert.equal(headers.authorization, undefined);
      assert.equal(headers.host, new URL(target.upstream).host);
      assert.equal(headers['mcp-protocol-version'], '2025-11-25');
      assert.equal(headers['mcp-session-id'], (await session.json('whoami')).session);
      if (!target.direct) assert.notEqual(session.transport.sessionId, headers['mcp-session-id'], 'the session id of the upstream is the caller\'s too');
      await session.close();
    });

    for (const version of ['2025-06-18', '2025-03-26', '2024-11-05']) {
      it(`speaks ${version}`, async () => {
        const headers = { ...target.headers, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
        const init = await fetch(target.url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: version, capabilities: {}, clientInfo: { name: 'old', version: '0' } } }) });
        assert.equal(init.status, 200);
        const [{ message }] = await eventsOf(init);
        assert.equal(message.result.protocolVersion, version);
        const session = { ...headers, 'Mcp-Session-Id': init.headers.get('mcp-session-id') };
        const done = await fetch(target.url, { method: 'POST', headers: session, body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' });
        assert.equal(done.status, 202);
        // A later request may name any version that is supported, or none.
        for (const named of [{}, { 'MCP-Protocol-Version': version }, { 'MCP-Protocol-Version': '2025-03-26' }, { 'MCP-Protocol-Version': '2025-11-25' }]) {
          const resp = await fetch(target.url, { method: 'POST', headers: { ...session, ...named }, body: '{"jsonrpc":"2.0","id":"ä","method":"ping"}' });
          assert.equal(resp.status, 200, JSON.stringify(named));
          const events = (await eventsOf(resp)).filter((event) => event.message);
          assert.deepEqual(events.map((event) => event.message), [{ jsonrpc: '2.0', id: 'ä', result: {} }]);
        }
        const wrong = await fetch(target.url, { method: 'POST', headers: { ...session, 'MCP-Protocol-Version': '1999-01-01' }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' });
        assert.equal(wrong.status, 400);
        await wrong.body.cancel();
        const over = await fetch(target.url, { method: 'DELETE', headers: session });
        assert.ok([200, 204].includes(over.status));
      });
    }
  }
});

async function until(get, ok, within = 10000) {
  for (const deadline = Date.now() + within; ; await sleep(50)) {
    const got = await get();
    if (ok(got)) return got;
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(got)}`);
  }
}

async function post(target, headers, name, text) {
  const resp = await fetch(target.url, {
    method: 'POST', headers: { ...headers, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: ++unique + 1000, method: 'tools/call', params: { name, arguments: { text } } }),
  });
  assert.equal(resp.status, 200, await resp.clone().text());
  await resp.text();
}

// firstEvent opens the stream outside of calls, and returns its first message.
async function firstEvent(target, headers, meanwhile = () => {}) {
  const abort = new AbortController();
  // While the server has not noticed that the last one is gone, it says 409.
  const resp = await until(() => fetch(target.url, { headers: { ...headers, Accept: 'text/event-stream' }, signal: abort.signal }), (r) => r.status !== 409);
  assert.equal(resp.status, 200, resp.status === 200 ? '' : await resp.text());
  await meanwhile();
  let text = '';
  try {
    for await (const chunk of resp.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const event = events(text).find((e) => e.message);
      if (event) return event;
    }
  } finally {
    abort.abort();
  }
  assert.fail(`the stream ended: ${text}`);
}

const eventsOf = async (resp) => {
  const text = await resp.text();
  return resp.headers.get('content-type').startsWith('text/event-stream') ? events(text) : [{ message: JSON.parse(text) }];
};

const events = (text) => parseEvents(text).map(({ id, data }) => ({ id, message: data && JSON.parse(data) }));
