// server-everything, the reference server of the era of sessions, by each of its three
// transports, with both generations of the SDK's client: everything it can do.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clients, connect } from './clients.mjs';
import { each, it, start } from './stack.mjs';

const ids = ['everything-http', 'everything-sse', 'everything-stdio'];
const stack = await start(ids);
after(() => stack.stop());

let unique = 0;

each(stack, ids, (target) => {
  for (const name of Object.keys(clients)) {
    describe(name, () => {
      let session;
      const requests = {
        'sampling/createMessage': ({ messages }) => ({ role: 'assistant', model: 'test-model', content: { type: 'text', text: `sampled: ${messages[0].content.text}` } }),
        'elicitation/create': (params) => (params.mode === 'url' ? { action: 'accept' } : { action: 'accept', content: { name: 'Ada', integer: 36 } }),
        'roots/list': () => ({ roots: [{ uri: 'file:///tmp/e2e-root', name: 'e2e root' }] }),
      };
      before(async () => {
        session = await connect(name, target, { requests });
        await session.listening();
      });
      after(() => session?.close());

      it('connects', async () => {
        const { client } = session;
        assert.equal(client.getServerVersion().name, 'mcp-servers/everything');
        assert.match(client.getInstructions(), /Everything/);
        const capabilities = client.getServerCapabilities();
        assert.deepEqual(capabilities.resources, { subscribe: true, listChanged: true });
        assert.deepEqual(capabilities.tasks, { list: {}, cancel: {}, requests: { tools: { call: {} } } });
        if (target.transport === 'streamable_http') {
          assert.match(session.transport.sessionId, /^[\x21-\x7e]+$/);
          const call = session.wire.find((w) => w.body?.includes('notifications/initialized'));
          assert.equal(call.status, 202);
          assert.equal(call.headers['mcp-protocol-version'], '2025-11-25');
        }
      });

      it('pings', async () => {
        assert.deepEqual(await session.client.ping(), {});
      });

      it('lists tools, those too that depend on what the client can do', async () => {
        const { tools } = await session.client.listTools();
        const named = Object.fromEntries(tools.map((tool) => [tool.name, tool]));
        for (const tool of ['echo', 'get-roots-list', 'trigger-elicitation-request', 'trigger-url-elicitation', 'trigger-sampling-request']) assert.ok(named[tool], tool);
        assert.deepEqual(named['get-structured-content'].outputSchema.required, ['temperature', 'conditions', 'humidity']);
        assert.equal(named.echo.annotations.readOnlyHint, true);
      });

      it('calls tools', async () => {
        assert.equal(await session.text('echo', { message: 'Grüße 🌍\n' }), 'Echo: Grüße 🌍\n');
        assert.equal(await session.text('get-sum', { a: 2, b: 40 }), 'The sum of 2 and 40 is 42.');
        assert.deepEqual((await session.call('get-structured-content', { location: 'Chicago' })).structuredContent, { temperature: 36, conditions: 'Light rain / drizzle', humidity: 82 });
        const image = (await session.call('get-tiny-image')).content.find((c) => c.type === 'image');
        assert.equal(Buffer.from(image.data, 'base64').subarray(1, 4).toString(), 'PNG');
        const links = (await session.call('get-resource-links', { count: 4 })).content.filter((c) => c.type === 'resource_link');
        assert.equal(links.length, 4);
        const annotated = await session.call('get-annotated-message', { messageType: 'error', includeImage: false });
        assert.deepEqual(annotated.content[0].annotations, { priority: 1, audience: ['user', 'assistant'] });
        const reference = await session.call('get-resource-reference', { resourceType: 'Blob', resourceId: 3 });
        assert.equal(reference.content[1].resource.uri, 'demo://resource/dynamic/blob/3');
      });

      it('reports errors of tools', async () => {
        const wrong = await session.call('get-sum', { a: 'two' });
        assert.equal(wrong.isError, true);
        assert.match(wrong.content[0].text, /-32602/);
        const unknown = await session.call('no-such-tool');
        assert.equal(unknown.isError, true);
      });

      it('has progress while the call runs', async () => {
        const at = [];
        const began = performance.now();
        const steps = [];
        const result = await session.call('trigger-long-running-operation', { duration: 1, steps: 4 }, {
          onprogress: (progress) => {
            at.push(performance.now() - began);
            steps.push([progress.progress, progress.total]);
          },
        });
        const took = performance.now() - began;
        // Reports that come in one piece with the result are dropped by the SDK itself, but
        // not by its transport of events over HTTP.
        const all = [[1, 4], [2, 4], [3, 4], [4, 4]];
        assert.deepEqual(steps, target.transport === 'streamable_http' ? all : all.slice(0, steps.length));
        assert.match(result.content[0].text, /completed/);
        assert.ok(took - at[0] > 500, `the first progress came ${took - at[0]} ms before the end: ${at}`);
      });

      it('cancels', async () => {
        const abort = new AbortController();
        let progressed = 0;
        const began = performance.now();
        await assert.rejects(session.call('trigger-long-running-operation', { duration: 20, steps: 40 }, {
          signal: abort.signal, onprogress: () => ++progressed === 2 && abort.abort(),
        }));
        assert.ok(performance.now() - began < 5000);
        assert.equal(await session.text('echo', { message: 'still here' }), 'Echo: still here');
      });

      it('runs three calls at once', async () => {
        let over = false;
        const slow = session.call('trigger-long-running-operation', { duration: 3, steps: 1 }).then(() => (over = true));
        assert.deepEqual(await Promise.all(['a', 'b'].map((message) => session.text('echo', { message }))), ['Echo: a', 'Echo: b']);
        assert.equal(over, false, 'one after the other');
        await slow;
      });

      it('lists and reads resources', async () => {
        const { client } = session;
        const { resources } = await client.listResources();
        const doc = resources.find((r) => r.name === 'architecture.md');
        assert.equal(doc.mimeType, 'text/markdown');
        const read = await client.readResource({ uri: doc.uri });
        assert.ok(read.contents[0].text.length > 1000);
        const { resourceTemplates } = await client.listResourceTemplates();
        assert.deepEqual(resourceTemplates.map((t) => t.uriTemplate).sort(), ['demo://resource/dynamic/blob/{resourceId}', 'demo://resource/dynamic/text/{resourceId}']);
        assert.match((await client.readResource({ uri: 'demo://resource/dynamic/text/7' })).contents[0].text, /^Resource 7:/);
        const blob = (await client.readResource({ uri: 'demo://resource/dynamic/blob/8' })).contents[0].blob;
        assert.match(Buffer.from(blob, 'base64').toString(), /^Resource 8:/);
        await assert.rejects(client.readResource({ uri: 'demo://nowhere' }), (err) => [-32002, -32602].includes(err.code));
      });

      it('subscribes to resources', async () => {
        const { client } = session;
        const uri = `demo://resource/dynamic/text/${100 + ++unique}`;
        assert.deepEqual(await client.subscribeResource({ uri }), {});
        await session.call('toggle-subscriber-updates');
        await session.noted('notifications/resources/updated', (p) => p.uri === uri);
        await session.call('toggle-subscriber-updates');
        assert.deepEqual(await client.unsubscribeResource({ uri }), {});
      });

      it('lists and gets prompts', async () => {
        const { client } = session;
        const { prompts } = await client.listPrompts();
        assert.deepEqual(prompts.map((p) => p.name), ['simple-prompt', 'args-prompt', 'completable-prompt', 'resource-prompt']);
        assert.deepEqual(prompts[1].arguments.map((a) => [a.name, a.required]), [['city', true], ['state', false]]);
        const got = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Köln' } });
        assert.equal(got.messages[0].content.text, "What's weather in Köln?");
        const embedded = await client.getPrompt({ name: 'resource-prompt', arguments: { resourceType: 'Text', resourceId: '5' } });
        assert.equal(embedded.messages[1].content.resource.uri, 'demo://resource/dynamic/text/5');
        await assert.rejects(client.getPrompt({ name: 'no-such-prompt' }), (err) => err.code === -32602);
      });

      it('completes arguments', async () => {
        const { client } = session;
        const department = await client.complete({ ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'S' } });
        assert.deepEqual(department.completion.values, ['Sales', 'Support']);
        const member = await client.complete({
          ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'name', value: '' }, context: { arguments: { department: 'Sales' } },
        });
        assert.deepEqual(member.completion.values, ['David', 'Eve', 'Frank']);
        const template = await client.complete({ ref: { type: 'ref/resource', uri: 'demo://resource/dynamic/text/{resourceId}' }, argument: { name: 'resourceId', value: '12' } });
        assert.deepEqual(template.completion.values, ['12']);
      });

      it('logs', async () => {
        assert.deepEqual(await session.client.setLoggingLevel('debug'), {});
        await session.call('toggle-simulated-logging'); // logs at once, then every five seconds
        await session.noted('notifications/message', (p) => /-level message|level-message/.test(p.data));
        await session.call('toggle-simulated-logging');
      });

      it('lets the server sample', async () => {
        const text = await session.text('trigger-sampling-request', { prompt: 'a haiku', maxTokens: 5 });
        assert.match(text, /sampled: Resource trigger-sampling-request context: a haiku/);
      });

      it('lets the server ask the user', async () => {
        const { content } = await session.call('trigger-elicitation-request');
        assert.match(JSON.stringify(content), /Ada/);
      });

      it('sends the user to a URL', async () => {
        const { content } = await session.call('trigger-url-elicitation', { url: 'https://example.com/consent', elicitationId: `e-${++unique}` });
        assert.match(content[0].text, /completed the URL elicitation/);
        await assert.rejects(session.call('trigger-url-elicitation', { url: 'https://example.com/first', elicitationId: `e-${++unique}`, errorPath: true }),
          (err) => err.code === -32042 && err.data.elicitations[0].mode === 'url');
      });

      it('lists the roots of the client', async () => {
        assert.match(await session.text('get-roots-list'), /file:\/\/\/tmp\/e2e-root/);
        await session.client.sendRootsListChanged();
        await session.noted('notifications/message', (p) => /Roots updated: 1/.test(p.data));
      });

      it('hears that lists have changed', async () => {
        const file = `e2e-${process.pid}-${++unique}.gz`;
        const { content } = await session.call('gzip-file-as-resource', { name: file, data: 'data:text/plain,hello', outputType: 'resourceLink' });
        await session.noted('notifications/resources/list_changed');
        const { resources } = await session.client.listResources(undefined, session.generation === 2 ? { cacheMode: 'refresh' } : undefined);
        assert.ok(resources.some((r) => r.name === file));
        const read = await session.client.readResource({ uri: content[0].uri });
        assert.equal(Buffer.from(read.contents[0].blob, 'base64').readUInt16BE(), 0x1f8b);
      });

      it('runs tasks', async () => {
        const created = await session.request('tools/call', { name: 'simulate-research-query', arguments: { topic: 'gateways', ambiguous: true }, task: { ttl: 60000 } });
        assert.equal(created.task.status, 'working');
        const { taskId } = created.task;
        assert.equal((await session.request('tasks/get', { taskId })).taskId, taskId);
        const listed = await session.request('tasks/list', {});
        assert.ok(listed.tasks.some((task) => task.taskId === taskId));
        const result = await session.request('tasks/result', { taskId }); // asks the user on its way
        assert.match(result.content[0].text, /Research Report: gateways/);
        assert.equal(result._meta['io.modelcontextprotocol/related-task'].taskId, taskId);
        assert.equal((await session.request('tasks/get', { taskId })).status, 'completed');
      });
    });
  }

  it('ends its session', async () => {
    if (target.transport !== 'streamable_http') {
      const session = await connect('sdk 1.32.2', target);
      await session.client.close();
      return;
    }
    const session = await connect('sdk 1.32.2', target);
    const id = session.transport.sessionId;
    await session.transport.terminateSession();
    await session.client.close();
    const resp = await fetch(target.url, {
      method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      headers: { ...target.headers, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'Mcp-Session-Id': id },
    });
    // 404 says that a session is over; server-everything itself says 400.
    assert.equal(resp.status, target.direct ? 400 : 404, await resp.text());
  });

  it('keeps sessions apart', async () => {
    const [a, b] = await Promise.all([connect('sdk 1.32.2', target), connect('client 2.4.0', target)]);
    for (const session of [a, b]) session.answer('roots/list', () => ({ roots: [] }));
    await a.client.setLoggingLevel('debug');
    const uri = `demo://resource/dynamic/text/${100 + ++unique}`;
    await a.client.subscribeResource({ uri });
    await a.call('toggle-subscriber-updates');
    await a.noted('notifications/resources/updated', (p) => p.uri === uri);
    await sleep(100);
    assert.deepEqual(b.notes.filter((note) => note.method === 'notifications/resources/updated'), []);
    await a.call('toggle-subscriber-updates');
    await Promise.all([a.close(), b.close()]);
  });
});
