import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { claude as run, claudeModel as model, outTxt } from './clis.mjs';
import { poorKey, protocols, start, unusable, wrongKey } from './stack.mjs';
import { counted, usage } from './upstream.mjs';

const why = unusable('claude');
if (why) console.error(`Claude Code is not tested: ${why}`);

const proof = Buffer.from('a signature of the upstream').toString('base64');

describe('Claude Code', { skip: why }, () => {
  let stack;
  before(async () => {
    stack = await start();
  });
  after(() => stack?.stop());

  const claude = (...args) => run(stack, ...args);

  for (const protocol of protocols) {
    const route = `cc-${protocol}`;

    test(`runs a tool, ${protocol} upstream`, async () => {
      await stack.reset((r) => {
        if (r.results.length === 0) return [{ thought: 'A file is wanted.', proof }, { text: 'Running it.' }, { call: 'Bash', args: { command: 'echo from-the-tool | tee out.txt', description: 'Write' } }];
        assert.match(JSON.stringify(r.results), /from-the-tool/);
        return [{ text: 'All is done.' }];
      });
      const got = await claude(route, { args: ['--output-format', 'json'], keep: outTxt });
      await stack.passed(got, { n: 2, protocol, route, model, tools: [['Bash']] });
      assert.equal(got.kept, 'from-the-tool\n');
      const said = JSON.parse(got.out);
      assert.equal(said.result, 'All is done.');
      assert.equal(said.is_error, false);
      assert.deepEqual([said.usage.input_tokens, said.usage.output_tokens], [2 * usage.input, 2 * usage.output], 'what it shows as used');

      const [first, second] = stack.upstream.requests;
      if (protocol === 'messages') {
        assert.deepEqual([first, second].map((r) => [r.url, r.text]), stack.recorder.calls.map((c) => [c.url.slice(`/${route}`.length), Buffer.from(c.text, 'latin1').toString()]), 'relayed as it came');
        assert.match(first.headers['anthropic-beta'], /claude-code/);
      } else {
        assert.ok(!first.text.includes('x-anthropic-billing-header'), 'it differs in every call and would defeat caches');
      }
      // Chat has no place for another's signature; all others want theirs back.
      if (protocol !== 'chat') assert.ok(second.text.includes(proof), 'the signature came back');
      for (const id of [first.body.user, first.body.safety_identifier]) assert.ok((id ?? '').length <= 64, id);
    });

    test(`finds a deferred tool, ${protocol} upstream`, async () => {
      await stack.reset((r) => (r.results.length === 0 ? [{ call: 'ToolSearch', args: { query: 'select:WebFetch', max_results: 1 } }] : [{ text: 'Found.' }]));
      const got = await claude(route);
      await stack.passed(got, { n: 2, protocol, route, model, tools: [['ToolSearch']] });
      const [first, second] = stack.upstream.requests;
      assert.deepEqual([first, second].map((r) => r.tools.some((t) => t.name === 'WebFetch')), [false, true]);
      assert.match(JSON.stringify(second.results), /WebFetch/);
    });
  }

  // Claude Code has the model search in a call for that alone, which forces the tool.
  test('searches the web, in the words of each upstream', async () => {
    const search = {
      messages: (b) => [b.tools[0].type, b.tool_choice.name],
      responses: (b) => [b.tools[0].type, b.tool_choice.type],
      chat: (b) => [Object.keys(b).find((k) => k === 'web_search_options'), b.tool_choice],
      gemini: (b) => [Object.keys(b.tools[0])[0], b.toolConfig],
    };
    const want = { messages: ['web_search_20250305', 'web_search'], responses: ['web_search', 'web_search'], chat: ['web_search_options', undefined], gemini: ['googleSearch', undefined] };
    for (const protocol of protocols) {
      const route = `cc-${protocol}`;
      await stack.reset((r) => {
        if (r.results.length > 0) return [{ text: 'All is done.' }];
        return r.tools.some((t) => t.name === 'WebSearch') ? [{ call: 'WebSearch', args: { query: 'the weather' } }] : [{ text: 'It rains.' }];
      });
      const got = await claude(route, { env: { ENABLE_TOOL_SEARCH: 'false' } });
      await stack.passed(got, { n: 3, protocol, route, model, tools: [['WebSearch']] });
      const [, second, third] = stack.upstream.requests;
      assert.deepEqual(search[protocol](second.body), want[protocol]);
      assert.match(JSON.stringify(third.results), /It rains/);
    }
  });

  test('counts tokens, upstream and by estimate', async () => {
    for (const [name, protocol] of [['claude-from-anthropic', 'messages'], ['claude-from-elsewhere', 'chat']]) {
      await stack.reset();
      const got = await claude('cc-logical', { prompt: '/context', env: { ANTHROPIC_MODEL: name } });
      assert.equal(got.code, 0, got.out + got.err);
      assert.match(got.out, /Context Usage/);
      const calls = stack.recorder.calls;
      assert.ok(calls.length > 0 && calls.every((c) => c.status === 200 && c.url.includes('/v1/messages/count_tokens')), JSON.stringify(calls.map((c) => [c.url, c.status])));
      for (const c of calls) {
        const n = JSON.parse(c.answer).input_tokens;
        assert.ok(protocol === 'messages' ? n === counted : n > 0, c.answer);
        assert.equal(c.headers['x-agw-estimated'], protocol === 'messages' ? undefined : 'true');
      }
      assert.equal(stack.upstream.requests.length, protocol === 'messages' ? calls.length : 0);
      await stack.events(calls.length);
    }
  });

  test('finds the models of a logical route', async () => {
    await stack.reset(() => [{ text: 'Fine.' }]);
    const cache = '.claude/cache/gateway-models.json';
    const got = await claude('cc-logical', {
      env: { ANTHROPIC_MODEL: 'claude-from-elsewhere', CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1' },
      keep: (dir) => JSON.parse(readFileSync(join(dir, '..', cache), 'utf8')),
    });
    assert.equal(got.code, 0, got.out + got.err);
    assert.equal(got.out, 'Fine.\n');
    assert.deepEqual(got.kept.models.map((m) => m.id), ['claude-from-anthropic', 'claude-from-elsewhere'], 'it takes those of claude alone');
    assert.deepEqual(stack.upstream.requests.map((r) => [r.protocol, r.model]), [['chat', 'real-chat']]);
    assert.equal(stack.recorder.calls.filter((c) => c.method === 'GET').length, 1);
    assert.deepEqual((await stack.events(2)).map((e) => e.api_operation).sort(), ['anthropic.messages', 'anthropic.models']);
  });

  // refused asserts that Claude Code asked once, and was told so that it did not ask
  // again.
  function refused(got, status, type) {
    assert.equal(got.code, 1, got.out + got.err);
    assert.match(got.out, new RegExp(String(status)));
    assert.deepEqual(stack.recorder.calls.map((c) => [c.status, c.headers['x-should-retry']]), [[status, 'false']]);
    assert.equal(JSON.parse(stack.recorder.calls[0].answer).error.type, type);
  }

  test('a wrong key: one request', async () => {
    await stack.reset();
    refused(await claude('cc-messages', { key: wrongKey }), 401, 'authentication_error');
    assert.equal(stack.upstream.requests.length, 0);
    const [e] = await stack.events(1);
    assert.deepEqual([e.success, e.status_code, e.virtual_key_id], [false, 401, '']);
  });

  test('a spent budget: one request', async () => {
    await stack.reset((r) => {
      r.usage = { input: 199000, output: 2000 };
      return [{ text: 'That was dear.' }];
    });
    const first = await claude('cc-messages', { key: poorKey });
    assert.equal(first.out, 'That was dear.\n', first.err);
    const [paid] = await stack.events(1);
    assert.deepEqual([paid.virtual_key_id, paid.total_tokens], ['poor', 201000]);
    await stack.reset();
    refused(await claude('cc-messages', { key: poorKey }), 429, 'billing_error');
    const { headers } = stack.recorder.calls[0];
    assert.equal(headers['anthropic-ratelimit-unified-status'], 'rejected');
    assert.ok(Number(headers['retry-after']) > 0, 'it says when the budget begins anew');
    assert.equal(stack.upstream.requests.length, 0);
    const [e] = await stack.events(1);
    assert.deepEqual([e.virtual_key_id, e.status_code, e.total_tokens], ['poor', 429, null]);
  });

  test('an overloaded upstream: the gateway tries again, nobody else', async () => {
    await stack.reset(() => ({ status: 529, body: { type: 'error', error: { type: 'overloaded_error', message: 'too many are here' } } }));
    refused(await claude('cc-retrying'), 529, 'overloaded_error');
    assert.equal(stack.upstream.requests.length, 3);
    const [e] = await stack.events(1);
    assert.deepEqual([e.success, e.status_code, e.attempts], [false, 529, 3]);
  });
});
