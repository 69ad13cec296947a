import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { drain, dialects } from './dialects.mjs';
import { start, direct, fault, usage, citySchema } from './stack.mjs';

if (!direct) {
  let stack;
  before(async () => {
    stack = await start();
  });
  after(() => stack?.stop());

  const tokens = {
    input_tokens: usage.input + usage.cacheRead + usage.cacheWrite,
    output_tokens: usage.output,
    total_tokens: usage.input + usage.cacheRead + usage.cacheWrite + usage.output,
    cache_read_tokens: usage.cacheRead,
    cache_write_tokens: usage.cacheWrite,
  };

  const some = (event, names) => Object.fromEntries(names.map((name) => [name, event[name]]));

  test('each call leaves one event with its tokens', async () => {
    let calls = 0;
    for (const d of dialects) {
      const client = d.client(stack);
      const protocol = d.name.split(' ')[0];
      const whole = {
        ...tokens, success: true, status_code: 200, error_type: '', usage_finalized: true, route_kind: 'llm', route_protocol: protocol,
        route_id: `${protocol}-main`, provider_id: `${protocol}-up`, provider_type: protocol, virtual_key_id: 'everything', attempts: 1,
        upstream_model: protocol === 'openai' ? 'gpt-test' : 'claude-test',
      };
      for (const [call, stream] of [[d.ask, false], [async (...args) => drain(d.stream(...args)), true]]) {
        await call(client, 'hello');
        const [event] = await stack.events(++calls);
        const want = { ...whole, stream };
        assert.deepEqual(some(event, Object.keys(want)), want, `${d.name}, stream ${stream}`);
        assert.ok(event.latency_ms > 0 && event.event_id && event.trace_id && event.api_operation, JSON.stringify(event));
      }

      await d.ask(client, fault('status=400')).catch(() => {});
      const [failed] = await stack.events(++calls);
      assert.equal(failed.success, false);
      assert.equal(failed.status_code, 400);
      assert.ok(failed.error_type);
      assert.equal(failed.input_tokens, null);

      await drain(d.stream(client, fault('break=cut,after=4'))).catch(() => {});
      const [broken] = await stack.events(++calls);
      assert.equal(broken.success, false, 'a stream that broke');
      assert.equal(broken.usage_finalized, false);
      assert.ok(!JSON.stringify(broken).includes('hello'), 'prompts are never stored');
    }
  });

  test('tools, embeddings, and the summary', async () => {
    const before = (await stack.admin('/admin/metrics/llm/events?limit=1000')).items.length;
    const tools = ['first', 'second'].map((name) => ({ type: 'function', function: { name, parameters: citySchema } }));
    await stack.openai().chat.completions.create({ model: 'gpt-test', messages: [{ role: 'user', content: 'hello' }], tools });
    const [event] = await stack.events(before + 1);
    assert.equal(event.request_tool_count, 2);
    assert.deepEqual(event.request_tool_names, ['first', 'second']);
    assert.equal(event.tool_call_count, 2);
    assert.deepEqual(event.tool_names, ['first', 'second']);

    await stack.openai().embeddings.create({ model: 'text-embedding-test', input: 'hello' });
    const [embedding] = await stack.events(before + 2);
    assert.equal(embedding.input_tokens, usage.input);

    const summary = await stack.admin('/admin/metrics');
    assert.equal(summary.llm.request_count, before + 2);
    assert.deepEqual(summary.pipeline, { dropped_events: 0, write_failures: 0, queued: 0 });
  });

  test('the Admin API wants its password', async () => {
    assert.equal((await fetch(`${stack.gateway.admin}/admin/metrics/llm/events`)).status, 401);
    assert.equal((await fetch(`${stack.gateway.admin}/admin/health`)).status, 200);
  });
}
