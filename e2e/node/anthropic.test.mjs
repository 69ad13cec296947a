import { after, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { toFile } from '@anthropic-ai/sdk';
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';
import { start, direct, upstreamKey, usage, pixel, citySchema } from './stack.mjs';

let stack, client;
before(async () => {
  stack = await start();
  client = stack.anthropic();
});
beforeEach(() => stack.reset());
after(() => stack?.stop());

const model = 'claude-test';
const max_tokens = 64;
const messages = [{ role: 'user', content: 'hello' }];
const tool = (name) => ({ name, description: name, input_schema: citySchema });

test('messages', async () => {
  const got = await client.messages.create({ model, max_tokens, messages });
  assert.equal(got.content[0].text, 'Grüße 🌍 from the fake upstream. You said: hello');
  assert.equal(got.stop_reason, 'end_turn');
  assert.deepEqual(
    [got.usage.input_tokens, got.usage.cache_read_input_tokens, got.usage.cache_creation_input_tokens, got.usage.output_tokens],
    [usage.input, usage.cacheRead, usage.cacheWrite, usage.output],
  );
  const [request] = await stack.received();
  if (!direct) assert.deepEqual(request.Header['X-Api-Key'], [upstreamKey]);
  assert.equal(request.Path, '/v1/messages');
  assert.ok(request.Header['Anthropic-Version'][0]);
});

test('messages, unknown fields, betas and the query pass', async () => {
  const body = { model, max_tokens, messages, 'x-new-field': { b: [1, null], a: 'ü' } };
  await client.beta.messages.create({ ...body, betas: ['some-beta-2026-01-01', 'other-beta-2026-01-01'] }, { query: { beta: 'true' } });
  const [request] = await stack.received();
  assert.deepEqual(JSON.parse(request.Body), body);
  assert.match(request.Header['Anthropic-Beta'].join(), /some-beta-2026-01-01,\s*other-beta-2026-01-01/);
  assert.deepEqual(request.Query, { beta: ['true'] });
});

test('messages, streamed', async () => {
  const stream = client.messages.stream({ model, max_tokens, messages });
  const types = [];
  for await (const event of stream) types.push(event.type);
  const got = await stream.finalMessage();
  assert.equal(got.content[0].text, 'Grüße 🌍 from the fake upstream. You said: hello');
  assert.equal(got.usage.output_tokens, usage.output);
  assert.equal(types[0], 'message_start');
  assert.equal(types.at(-1), 'message_stop');
});

test('messages, streamed thinking', async () => {
  const got = await client.messages
    .stream({ model, max_tokens: 4096, messages, thinking: { type: 'enabled', budget_tokens: 1024 } })
    .finalMessage();
  assert.deepEqual(got.content.map((b) => b.type), ['thinking', 'text']);
  assert.equal(got.content[0].signature, 'EqRkZmFrZQ==');
});

test('messages, parallel tools and their results', async () => {
  const tools = [tool('first'), tool('second')];
  const got = await client.messages.create({ model, max_tokens, messages, tools });
  assert.deepEqual(got.content.map((b) => [b.type, b.name]), [['tool_use', 'first'], ['tool_use', 'second']]);
  assert.deepEqual(got.content[0].input, { city: 'Zürich', population: 42 });
  const content = got.content.map((b) => ({ type: 'tool_result', tool_use_id: b.id, content: 'ok' }));
  const history = [...messages, { role: 'assistant', content: got.content }, { role: 'user', content }];
  assert.equal((await client.messages.create({ model, max_tokens, messages: history, tools })).stop_reason, 'end_turn');
});

test('messages, streamed tools', async () => {
  const stream = client.messages.stream({ model, max_tokens, messages, tools: [tool('first'), tool('second')] });
  let fragments = 0;
  stream.on('inputJson', () => fragments++);
  const got = await stream.finalMessage();
  assert.deepEqual(got.content.map((b) => b.input), [1, 2].map(() => ({ city: 'Zürich', population: 42 })));
  assert.ok(fragments > 4, `${fragments} fragments`);
  assert.equal(got.stop_reason, 'tool_use');
});

test('messages, image in the input', async () => {
  const content = [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
    { type: 'text', text: 'look' },
  ];
  const got = await client.messages.create({ model, max_tokens, messages: [{ role: 'user', content }] });
  assert.match(got.content[0].text, /You said: look \(with 1 images\)/);
});

test('messages, structured output', async () => {
  const got = await client.messages.parse({ model, max_tokens, messages, output_config: { format: jsonSchemaOutputFormat(citySchema) } });
  assert.deepEqual(got.parsed_output, { city: 'Zürich', population: 42 });
});

test('count_tokens', async () => {
  const got = await client.messages.countTokens({ model, messages });
  assert.equal(got.input_tokens, usage.input + usage.cacheRead + usage.cacheWrite);
});

test('models', async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model), ids.join());
  assert.equal((await client.models.retrieve(model)).display_name, 'Model claude-test');
});

test('files', async () => {
  const data = Buffer.from([0, 255, 13, 10, 128, ...Buffer.from('Grüße')]);
  const file = await client.beta.files.upload({ file: await toFile(data, 'a.bin', { type: 'application/octet-stream' }) });
  assert.equal(file.size_bytes, data.length);
  assert.equal((await client.beta.files.retrieveMetadata(file.id)).filename, 'a.bin');
  const content = await client.beta.files.download(file.id);
  assert.deepEqual(Buffer.from(await content.arrayBuffer()), data);
  const ids = [];
  for await (const f of client.beta.files.list()) ids.push(f.id);
  assert.deepEqual(ids, [file.id]);
  await client.beta.files.delete(file.id);
});

test('batches', async () => {
  const batch = await client.messages.batches.create({ requests: [{ custom_id: 'one', params: { model, max_tokens, messages } }] });
  assert.equal(batch.processing_status, 'ended');
  assert.equal((await client.messages.batches.retrieve(batch.id)).id, batch.id);
  assert.equal((await client.messages.batches.list()).data.length, 1);
});

if (!direct) {
  test('the key may come in either header', async () => {
    for (const options of [{}, { apiKey: null, defaultHeaders: { 'x-api-key': stack.key } }]) {
      await stack.reset();
      assert.ok((await stack.anthropic(options).messages.create({ model, max_tokens, messages })).id);
      const [request] = await stack.received();
      assert.deepEqual(request.Header['X-Api-Key'], [upstreamKey]);
      assert.equal(request.Header.Authorization, undefined);
      assert.ok(!JSON.stringify(request.Header).includes(stack.key));
    }
  });

  test("the upstream's headers stay where they are", async () => {
    const { response } = await client.messages.create({ model, max_tokens, messages }).withResponse();
    for (const name of ['set-cookie', 'anthropic-organization-id', 'server']) assert.equal(response.headers.get(name), null, name);
  });
}
