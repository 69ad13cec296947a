import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { codex as run } from './clis.mjs';
import { poorKey, protocols, start, unusable, wrongKey } from './stack.mjs';

const why = unusable('codex');
if (why) console.error(`Codex is not tested: ${why}`);

const proof = Buffer.from('a signature of the upstream').toString('base64');

// What Codex sends depends on what it knows of the model: tools of its own kinds for
// those of OpenAI, and for the newest no tools at all but an item that lists them.
const models = {
  'gpt-unknown': {
    call: { call: 'exec_command', args: { cmd: 'echo from-the-tool | tee out.txt' } },
    offers: [['exec_command', 'function'], ['close_agent', 'function']],
  },
  'gpt-5.5': {
    call: { call: 'apply_patch', args: '*** Begin Patch\n*** Add File: out.txt\n+from-the-tool\n*** End Patch\n' },
    offers: [['exec_command', 'function'], ['apply_patch', 'custom'], ['tool_search', 'tool_search']],
  },
  'gpt-6.1-sol': {
    call: { call: 'exec', args: 'text(await tools.exec_command({ cmd: "echo from-the-tool | tee out.txt" }));' },
    offers: [['exec', 'custom'], ['spawn_agent', 'function']],
  },
};

describe('Codex', { skip: why }, () => {
  let stack;
  before(async () => {
    stack = await start();
  });
  after(() => stack?.stop());

  const codex = (...args) => run(stack, ...args);

  for (const protocol of protocols) {
    const route = `openai-${protocol}`;

    for (const [model, { call, offers }] of Object.entries(models)) {
      test(`${model} runs a tool, ${protocol} upstream`, async () => {
        await stack.reset((r) => {
          if (r.results.length === 0) return [{ thought: 'A file is wanted.', proof }, { text: 'Running it.' }, call];
          return [{ text: 'All is done.' }];
        });
        const got = await codex(route, model);
        const [event] = await stack.passed(got, { n: 2, protocol, route, model, tools: [[call.call]] });
        for (const [name] of offers) assert.ok(event.request_tool_names.includes(name), `${name} among ${event.request_tool_names}`);
        assert.equal(got.kept, 'from-the-tool\n');
        assert.equal(got.out, 'All is done.\n');

        const [first, second] = stack.upstream.requests;
        for (const [name, type] of offers) {
          const tool = first.tools.find((t) => t.name === name || t.name.endsWith(`__${name}`));
          const wanted = protocol === 'responses' || (protocol === 'chat' && type === 'custom') ? type : 'function';
          assert.equal(tool?.type, wanted, `${name} among ${JSON.stringify(first.tools)}`);
        }
        assert.equal(second.results.length, 1);
        const asked = stack.recorder.calls[0];
        assert.deepEqual(JSON.parse(asked.text).include, ['reasoning.encrypted_content']);
        if (protocol === 'responses') {
          assert.deepEqual(stack.upstream.requests.map((r) => r.text), stack.recorder.calls.map((c) => Buffer.from(c.text, 'latin1').toString()), 'relayed as it came');
        } else if (model !== 'gpt-6.1-sol') { // it offers no search
          const searches = protocol === 'messages';
          assert.equal(first.text.includes('web_search_2'), searches);
          assert.equal((asked.headers['x-agw-dropped'] ?? '').split(',').includes('tools.web_search'), !searches);
        }
        if (protocol !== 'chat') assert.ok(second.text.includes(proof), 'the signature came back');
      });
    }

    test(`finds a tool and calls it, ${protocol} upstream`, async () => {
      await stack.reset((r) => {
        if (r.results.length === 0) return [{ call: 'tool_search', args: { query: 'close agent' } }];
        if (r.results.length === 1) return [{ call: 'close_agent', namespace: 'multi_agent_v1', args: { target: 'nobody' } }];
        return [{ text: 'All is done.' }];
      });
      const got = await codex(route, 'gpt-5.5');
      await stack.passed(got, { n: 3, protocol, route, model: 'gpt-5.5', tools: [[], ['close_agent']] });
      assert.equal(got.out, 'All is done.\n');
      const [, second, third] = stack.upstream.requests;
      assert.match(JSON.stringify(second.results[0]), /close_agent/);
      assert.match(JSON.stringify(third.results[1]), /invalid agent id nobody/, 'the tool itself answers');
    });
  }

  test('a custom tool for an upstream that knows functions alone', async () => {
    await stack.reset((r) => (r.results.length === 0 ? [{ thought: 'A file is wanted.' }, models['gpt-5.5'].call] : [{ text: 'All is done.' }]));
    const got = await codex('openai-deepseek', 'gpt-5.5');
    await stack.passed(got, { n: 2, protocol: 'chat', route: 'openai-deepseek', model: 'deepseek-v4', tools: [['apply_patch']] });
    assert.equal(got.kept, 'from-the-tool\n');
    const [first, second] = stack.upstream.requests;
    assert.ok(first.tools.every((t) => t.type === 'function'));
    assert.match(first.body.tools.find((t) => t.function.name === 'apply_patch').function.description, /begin_patch/, 'the grammar is told in words');
    assert.ok(first.body.messages.every((m) => m.role !== 'developer'));
    assert.equal(second.body.messages.find((m) => m.tool_calls).reasoning_content, 'A file is wanted.', 'the model wants its thoughts back');
  });

  // Codex tries each stream again as its own configuration says, whatever x-should-retry
  // says; what it does not try again at all is a quota.
  test('a wrong key', async () => {
    await stack.reset();
    const got = await codex('openai-responses', 'gpt-5.5', { key: wrongKey, retries: 0 });
    assert.equal(got.code, 1, got.out);
    assert.match(got.err, /401 Unauthorized: this virtual key is not known/);
    assert.deepEqual(stack.recorder.calls.map((c) => [c.status, c.headers['x-should-retry'], JSON.parse(c.answer).error.code]), [[401, 'false', 'invalid_api_key']]);
    assert.equal(stack.upstream.requests.length, 0);
    await stack.events(1);
  });

  test('a spent budget: one request', async () => {
    await stack.reset((r) => {
      r.usage = { input: 199000, output: 2000 };
      return [{ text: 'That was dear.' }];
    });
    assert.equal((await codex('openai-responses', 'gpt-5.5', { key: poorKey })).out, 'That was dear.\n');
    await stack.events(1);
    await stack.reset();
    const got = await codex('openai-responses', 'gpt-5.5', { key: poorKey });
    assert.equal(got.code, 1, got.out);
    assert.match(got.err, /Quota exceeded/);
    assert.deepEqual(stack.recorder.calls.map((c) => [c.status, JSON.parse(c.answer).error.code]), [[429, 'insufficient_quota']]);
    assert.equal(stack.upstream.requests.length, 0);
    const [e] = await stack.events(1);
    assert.deepEqual([e.virtual_key_id, e.status_code, e.total_tokens], ['poor', 429, null]);
  });

  test('an overloaded upstream: the gateway tries again', async () => {
    await stack.reset(() => ({ status: 503, body: { error: { message: 'too many are here', type: 'server_error' } } }));
    const got = await codex('openai-retrying', 'gpt-5.5', { retries: 0 });
    assert.equal(got.code, 1, got.out);
    assert.match(got.err, /too many are here/);
    assert.deepEqual(stack.recorder.calls.map((c) => [c.status, c.headers['x-should-retry']]), [[503, 'false']]);
    assert.equal(stack.upstream.requests.length, 3);
    const [e] = await stack.events(1);
    assert.deepEqual([e.success, e.status_code, e.attempts], [false, 503, 3]);
  });
});
