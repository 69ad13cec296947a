import { after, before, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { toFile } from 'openai';
import { start, direct, upstreamKey, usage, pixel, citySchema } from './stack.mjs';

let stack, client;
before(async () => {
  stack = await start();
  client = stack.openai();
});
beforeEach(() => stack.reset());
after(() => stack?.stop());

const model = 'gpt-test';
const messages = [{ role: 'user', content: 'hello' }];
const prompt = usage.input + usage.cacheRead + usage.cacheWrite;
const fn = (name) => ({ type: 'function', function: { name, description: name, parameters: citySchema, strict: true } });

test('chat', async () => {
  const got = await client.chat.completions.create({ model, messages });
  assert.equal(got.choices[0].message.content, 'Grüße 🌍 from the fake upstream. You said: hello');
  assert.equal(got.choices[0].finish_reason, 'stop');
  assert.equal(got.usage.prompt_tokens, prompt);
  assert.equal(got.usage.completion_tokens, usage.output);
  const [request] = await stack.received();
  assert.deepEqual(request.Header.Authorization, [`Bearer ${upstreamKey}`]);
  assert.equal(request.Path, '/v1/chat/completions');
  assert.deepEqual(JSON.parse(request.Body), { model, messages });
});

test('chat, unknown fields pass', async () => {
  const body = { model, messages, 'x-new-field': { b: [1, null], a: 'ü' } };
  await client.chat.completions.create(body);
  const [request] = await stack.received();
  assert.equal(String(request.Body), JSON.stringify(body));
});

test('chat, streamed', async () => {
  const stream = await client.chat.completions.create({ model, messages, stream: true });
  let text = '', finish;
  for await (const chunk of stream) {
    assert.equal(chunk.choices.length, 1, 'a chunk without a choice, though no usage was asked for');
    text += chunk.choices[0].delta.content ?? '';
    finish = chunk.choices[0].finish_reason ?? finish;
  }
  assert.equal(text, 'Grüße 🌍 from the fake upstream. You said: hello');
  assert.equal(finish, 'stop');
});

test('chat, streamed with usage', async () => {
  const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
  const got = await stream.finalChatCompletion();
  assert.equal(got.usage.total_tokens, prompt + usage.output);
  assert.match(got.choices[0].message.content, /Grüße 🌍/);
});

test('chat, parallel tools and their results', async () => {
  const tools = [fn('first'), fn('second')];
  const got = await client.chat.completions.create({ model, messages, tools });
  assert.deepEqual(got.choices[0].message.tool_calls.map((c) => c.function.name), ['first', 'second']);
  assert.equal(JSON.parse(got.choices[0].message.tool_calls[0].function.arguments).city, 'Zürich');
  const results = got.choices[0].message.tool_calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: 'ok' }));
  const next = await client.chat.completions.create({ model, tools, messages: [...messages, got.choices[0].message, ...results] });
  assert.equal(next.choices[0].finish_reason, 'stop');
});

test('chat, streamed tools', async () => {
  const stream = client.chat.completions.stream({ model, messages, tools: [fn('first'), fn('second')] });
  let fragments = 0;
  stream.on('tool_calls.function.arguments.delta', () => fragments++);
  const got = await stream.finalChatCompletion();
  const calls = got.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((c) => c.function.name), ['first', 'second']);
  for (const c of calls) assert.deepEqual(JSON.parse(c.function.arguments), { city: 'Zürich', population: 42 });
  assert.ok(fragments > 4, `${fragments} fragments`);
});

test('chat, image in the input', async () => {
  const content = [{ type: 'text', text: 'look' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }];
  const got = await client.chat.completions.create({ model, messages: [{ role: 'user', content }] });
  assert.match(got.choices[0].message.content, /You said: look \(with 1 images\)/);
});

test('chat, structured output', async () => {
  const got = await client.chat.completions.parse({
    model, messages, response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema: citySchema } },
  });
  assert.deepEqual(JSON.parse(got.choices[0].message.content), { city: 'Zürich', population: 42 });
});

test('completions', async () => {
  const got = await client.completions.create({ model, prompt: 'hello' });
  assert.match(got.choices[0].text, /You said: hello/);
  let text = '';
  for await (const chunk of await client.completions.create({ model, prompt: 'hello', stream: true })) text += chunk.choices[0].text;
  assert.equal(text, got.choices[0].text);
});

test('embeddings, by default in base64', async () => {
  const request = { model: 'text-embedding-test', input: ['a', 'b'] };
  const got = await client.embeddings.create(request);
  const floats = await client.embeddings.create({ ...request, encoding_format: 'float' });
  const sent = (await stack.received()).map((r) => JSON.parse(r.Body).encoding_format);
  assert.deepEqual(sent, ['base64', 'float']);
  assert.equal(got.data[1].embedding.length, 8);
  for (const i of [0, 7]) assert.ok(Math.abs(got.data[1].embedding[i] - floats.data[1].embedding[i]) < 1e-6);
});

test('responses', async () => {
  const got = await client.responses.create({ model, input: 'hello' });
  assert.equal(got.output_text, 'Grüße 🌍 from the fake upstream. You said: hello');
  assert.equal(got.usage.input_tokens, prompt);
  const again = await client.responses.retrieve(got.id);
  assert.equal(again.output_text, got.output_text);
  await client.responses.delete(got.id);
  await assert.rejects(client.responses.retrieve(got.id), (err) => err.status === 404);
  const count = await client.responses.inputTokens.count({ model, input: 'hello' });
  assert.equal(count.input_tokens, prompt);
});

test('responses, streamed', async () => {
  const stream = client.responses.stream({ model, input: 'hello', reasoning: { effort: 'low', summary: 'auto' } });
  const types = [];
  for await (const event of stream) types.push(event.type);
  const got = await stream.finalResponse();
  assert.equal(got.output_text, 'Grüße 🌍 from the fake upstream. You said: hello');
  assert.deepEqual(got.output.map((item) => item.type), ['reasoning', 'message']);
  assert.equal(types[0], 'response.created');
  assert.equal(types.at(-1), 'response.completed');
});

test('responses, streamed tools', async () => {
  const tools = [
    { type: 'function', name: 'first', parameters: citySchema, strict: true },
    { type: 'custom', name: 'apply_patch' },
  ];
  const stream = client.responses.stream({ model, input: 'hello', tools });
  const got = await stream.finalResponse();
  assert.deepEqual(got.output.map((item) => [item.type, item.name]), [['function_call', 'first'], ['custom_tool_call', 'apply_patch']]);
  assert.deepEqual(JSON.parse(got.output[0].arguments), { city: 'Zürich', population: 42 });
  assert.match(got.output[1].input, /Begin Patch\n\+Grüße/);
});

test('responses, image and structured output', async () => {
  const input = [{ role: 'user', content: [{ type: 'input_text', text: 'look' }, { type: 'input_image', image_url: `data:image/png;base64,${pixel}`, detail: 'auto' }] }];
  assert.match((await client.responses.create({ model, input })).output_text, /with 1 images/);
  const text = { format: { type: 'json_schema', name: 'city', strict: true, schema: citySchema } };
  const got = await client.responses.parse({ model, input: 'hello', text });
  assert.deepEqual(JSON.parse(got.output_text), { city: 'Zürich', population: 42 });
});

test('models', async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model), ids.join());
  assert.equal((await client.models.retrieve(model)).id, model);
});

test('files', async () => {
  const data = Buffer.from([0, 255, 13, 10, 128, ...Buffer.from('Grüße')]);
  const file = await client.files.create({ file: await toFile(data, 'ä.bin'), purpose: 'user_data' });
  assert.equal(file.bytes, data.length);
  const content = await client.files.content(file.id);
  assert.deepEqual(Buffer.from(await content.arrayBuffer()), data);
  const ids = [];
  for await (const f of client.files.list()) ids.push(f.id);
  assert.deepEqual(ids, [file.id]);
  assert.equal((await client.files.retrieve(file.id)).filename, file.filename);
  assert.equal((await client.files.delete(file.id)).deleted, true);
});

test('a large upload', async () => {
  const data = Buffer.alloc(5 << 20, 7);
  const file = await client.files.create({ file: await toFile(data, 'big.bin'), purpose: 'user_data' });
  assert.equal(file.bytes, data.length);
});

test('audio', async () => {
  const file = await toFile(Buffer.from('RIFF'), 'speech.wav');
  const got = await client.audio.transcriptions.create({ file, model: 'whisper-test' });
  assert.equal(got.text, 'Grüße: speech.wav');
  const speech = await client.audio.speech.create({ model: 'tts-test', input: 'hello', voice: 'alloy' });
  const bytes = Buffer.from(await speech.arrayBuffer());
  assert.equal(bytes.length, 4096);
  assert.ok(bytes.every((b, i) => b === ((i * 7) & 255)));
});

test('images, moderations, batches', async () => {
  assert.equal((await client.images.generate({ model, prompt: 'hello' })).data[0].b64_json, pixel);
  assert.equal((await client.moderations.create({ input: 'hello' })).results[0].flagged, false);
  const batch = await client.batches.create({ input_file_id: 'file-1', endpoint: '/v1/responses', completion_window: '24h' });
  assert.equal((await client.batches.retrieve(batch.id)).id, batch.id);
});

if (!direct) {
  test("the caller's key and the upstream's headers stay where they are", async () => {
    const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
    assert.ok(data.id);
    for (const name of ['set-cookie', 'openai-organization', 'server']) assert.equal(response.headers.get(name), null, name);
    assert.ok(response.headers.get('x-request-id'));
    const [request] = await stack.received();
    assert.ok(!JSON.stringify(request.Header).includes(stack.key));
  });
}
