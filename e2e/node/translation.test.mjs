// Every kind of caller, by its official SDK, to every kind of upstream, which holds
// what it gets to its provider's rules. What the cells come to is a table in
// docs/translation.md; UPDATE=1 writes it. With AGW_E2E_DIRECT=1 the SDKs talk to the
// fake upstreams of their own kind themselves, which shows that those are good ones.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { callers, open } from './translation-callers.mjs';
import { kinds, start } from './translation-gateway.mjs';
import { checkTable } from './translation-table.mjs';
import { carried, settings } from './translation-settings.mjs';
import { citySchema, direct, pixel, rejects } from './stack.mjs';
import { use } from './upstreams/server.mjs';

let stack;
before(async () => {
  stack = await start(direct);
});
after(() => stack?.stop());

const text = 'Hello, Grüße aus Zürich! 🌍 Nothing "special" \\ here.\nBye.';
const weather = {
  name: 'get_weather', description: 'Tells the weather of a city.',
  schema: { type: 'object', properties: { city: { type: 'string', description: 'Its name.' }, days: { type: 'integer', minimum: 1 } }, required: ['city'] },
};
const callOf = (city) => ({ call: { name: 'get_weather', args: { city, days: 2 } } });
const used = { input: use.input, cached: use.cached, output: use.output };

// Cell is one caller in front of one upstream.
class Cell {
  constructor(caller, kind) {
    Object.assign(this, { caller, kind });
  }

  // begin opens a conversation, whose answers are scripted.
  begin(steps, { system, as } = {}) {
    const { model, at = this.kind.name } = as ?? this.kind;
    this.up = stack.upstreams[at];
    this.up.reset(...steps);
    return open(this.caller, { origin: stack.under(at), key: stack.key, model, system });
  }

  get view() {
    assert.deepEqual(this.up.violations, []);
    return this.up.protocol.view(this.up.last.body);
  }
}

// unwrapped is a result as its tool said it: Gemini's protocol has objects alone,
// which go on as they are.
const unwrapped = (text) => (text.startsWith('{"output":') ? JSON.parse(text).output : text);

const bare = (calls) => calls.map(({ name, args }) => ({ name, args }));

// A scenario returns the sessions whose losses are told.
const scenarios = {
  async text(cell) {
    const s = cell.begin([{ parts: [{ text }] }, { parts: [{ text: 'Good.' }] }], { system: 'Be brief.' });
    s.user('How are you?');
    const got = await s.ask();
    assert.deepEqual(got, { text, thoughts: '', calls: [], finish: 'stop', use: used });
    assert.equal(cell.view.system, 'Be brief.');
    assert.equal(cell.view.prompt, 'How are you?');
    s.user('And now?');
    assert.equal((await s.ask()).text, 'Good.');
    assert.deepEqual(cell.view.said, [text]);
    assert.equal(cell.view.prompt, 'And now?');
    return s;
  },

  async stream(cell) {
    const s = cell.begin([{ parts: [{ text }] }], { system: 'Be brief.' });
    s.user('How are you?');
    let events = 0;
    const got = await s.ask({ stream: true, onEvent: () => events++ });
    assert.deepEqual(got, { text, thoughts: '', calls: [], finish: 'stop', use: used });
    assert.ok(events > 4, `${events} events`);
    assert.equal(cell.view.system, 'Be brief.');
    return s;
  },

  tools: (cell) => tools(cell, false),
  'tools, streamed': (cell) => tools(cell, true),

  async image(cell) {
    const s = cell.begin([{ parts: [{ text: 'A pixel.' }] }]);
    s.user('What is this?', pixel);
    assert.equal((await s.ask()).text, 'A pixel.');
    assert.deepEqual(cell.view.images, [`data:image/png;base64,${pixel}`]);
    assert.equal(cell.view.prompt, 'What is this?');
    return s;
  },

  async schema(cell) {
    const json = '{"city":"Zürich","population":42}';
    const s = cell.begin([{ parts: [{ text: json }] }, { parts: [{ text: json }] }]);
    s.user('Which city?');
    for (const stream of [false, true]) {
      const got = await s.ask({ schema: citySchema, stream });
      assert.equal(got.text, json);
      assert.deepEqual(cell.view.schema, citySchema);
      s.user('Once more.');
    }
    return s;
  },

  thinking: (cell) => thinking(cell, false),
  'thinking, streamed': (cell) => thinking(cell, true),

  moved: (cell) => moved(cell),

  async abort(cell) {
    const s = cell.begin([{ parts: [{ text }], hangs: { after: 'Hello, ' } }]);
    s.user('Go on.');
    const controller = new AbortController();
    const onEvent = (e) => JSON.stringify(e).includes('Hello, ') && controller.abort();
    await assert.rejects(s.ask({ stream: true, signal: controller.signal, onEvent }));
    await within(1000, cell.up.left, 'the upstream has not seen the caller go');
    return s;
  },

  async errors(cell) {
    const E = cell.caller.errors;
    for (const [status, Class, become = [status]] of [
      [400, E.BadRequestError], [404, E.NotFoundError], [429, E.RateLimitError], [500, E.InternalServerError], [503, E.InternalServerError, [503, 529]],
      [529, E.InternalServerError, [503, 529]], [401, E.InternalServerError, [502]],
    ]) {
      if (direct && status === 401) continue;
      for (const stream of [false, true]) {
        const s = cell.begin([{ status, message: `sorry, ${status}`, retryAfter: status === 429 ? '7' : undefined }]);
        s.user('Hi.');
        const err = await rejects(s.ask({ stream }), Class);
        assert.ok(become.includes(err.status), `${status} became ${err.status}`);
        if (status !== 401) assert.match(err.message, new RegExp(`sorry, ${status}`));
        if (status === 429) assert.equal(err.headers?.get('retry-after') ?? '7', '7');
        assert.equal(cell.up.requests.length, 1);
      }
    }
  },

  async 'error in a stream'(cell) {
    const s = cell.begin([{ parts: [{ text }], breaks: { after: 'Hello, ', message: 'busy now' } }]);
    s.user('Go on.');
    const err = await rejects(s.ask({ stream: true }), cell.caller.errors.APIError);
    assert.match(err.message, /busy now/);
  },
};

// tools: two parallel calls of one tool, whose results come back in the next turn.
async function tools(cell, stream) {
  const s = cell.begin([{ parts: [{ text: 'Let me see.' }, callOf('Paris'), callOf('Oslo')] }, { parts: [{ text: 'Paris is warmer.' }] }]);
  s.user('Is it warmer in Paris or in Oslo?');
  const options = { tools: [weather], stream };
  const got = await s.ask(options);
  assert.equal(got.text, 'Let me see.');
  assert.deepEqual(bare(got.calls), [callOf('Paris').call, callOf('Oslo').call]);
  assert.equal(got.finish, 'calls');
  assert.deepEqual(cell.view.tools, [{ name: weather.name, schema: weather.schema }]);
  s.results(got.calls.map((call) => ({ call, text: `${call.args.city}: ${call.args.city === 'Oslo' ? 4 : 18} degrees` })));
  assert.equal((await s.ask(options)).text, 'Paris is warmer.');
  const { calls, results, said } = cell.view;
  assert.deepEqual(bare(calls), bare(got.calls));
  assert.deepEqual(said, ['Let me see.']);
  const answers = Object.fromEntries(results.map((r) => [calls.find((c) => c.id === r.id).args.city, unwrapped(r.text)]));
  assert.deepEqual(answers, { Paris: 'Paris: 18 degrees', Oslo: 'Oslo: 4 degrees' });
  return s;
}

// thinking: over three turns and one more, with calls. The upstream must get all
// proofs that it gave, in their order, and holds them to the thoughts that they are of.
async function thinking(cell, stream) {
  let s;
  for (const thinker of cell.kind.thinkers) s = await thinkingOf(cell, stream, thinker);
  return s;
}

async function thinkingOf(cell, stream, thinker) {
  const s = cell.begin([
    { parts: [{ think: 'The user wants\nthe weather. Ü' }, { text: 'Let me see.' }, callOf('Paris'), callOf('Rome')] },
    { parts: [{ redacted: true }, { think: 'Oslo is left.' }, callOf('Oslo')] },
    { parts: [{ think: 'Compare them.' }, { text: 'Paris is warmer.' }] },
    { parts: [{ text: 'You are welcome.' }] },
  ], { as: thinker });
  const options = { tools: [weather], thinks: true, stream }, thoughts = [];
  s.user('Is it warmer in Paris or in Oslo?');
  for (let turn = 0; turn < 4; turn++) {
    const given = [...cell.up.signed.keys()];
    const got = await s.ask(options);
    thoughts.push(got.thoughts);
    const sent = cell.view.proofs;
    // A text's the provider can do without, and other protocols have no place for it.
    const due = given.filter((p) => sent.includes(p) || !cell.up.loose.has(p) || cell.caller.name === 'gemini');
    assert.deepEqual(sent, due, `turn ${turn}`);
    if (got.calls.length) s.results(got.calls.map((call) => ({ call, text: '18 degrees' })));
    else s.user('Thanks.');
  }
  assert.ok(cell.up.signed.size >= 3, `${cell.up.signed.size} proofs`);
  assert.equal(cell.view.calls.length, 3);
  assert.equal(cell.view.results.length, 3);
  const shown = ['The user wants\nthe weather. Ü', 'Oslo is left.', 'Compare them.', ''];
  assert.ok([shown.join(), ',,,'].includes(thoughts.join()), `thoughts: ${JSON.stringify(thoughts)}`);
  s.shown = thoughts[0] !== '';
  return s;
}

// moved: a conversation that another provider has begun, as after a fallback, in the
// middle of its calls. What only that one could prove must not come here.
async function moved(cell) {
  let s;
  for (const other of kinds.filter((k) => k !== cell.kind)) {
    if (direct) return; // there is one upstream that speaks the caller's protocol
    const there = new Cell(cell.caller, other);
    const begun = there.begin([
      { parts: [{ think: 'The weather.' }, { text: 'Let me see.' }, callOf('Paris'), callOf('Oslo')] },
      { parts: [{ redacted: true }, { think: 'Rome is left.' }, callOf('Rome')] },
    ], { as: other.thinkers[0] });
    const options = { tools: [weather], thinks: true };
    begun.user('Where is it warmer?');
    for (let turn = 0; turn < 2; turn++) {
      const got = await begun.ask(options);
      begun.results(got.calls.map((call) => ({ call, text: '18 degrees' })));
    }
    for (const thinker of cell.kind.thinkers) {
      s = cell.begin([{ parts: [{ think: 'Compare.' }, { text: 'In Rome.' }] }], { as: thinker });
      s.history = [...begun.history];
      assert.equal((await s.ask({ ...options, stream: thinker === cell.kind.thinkers[0] })).text, 'In Rome.', `from ${other.name}`);
      assert.equal(cell.view.calls.length, 3);
      assert.deepEqual(cell.view.proofs.filter((p) => p !== 'skip_thought_signature_validator'), [], `from ${other.name}`);
    }
  }
  return s;
}

async function within(ms, promise, text) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(text)), ms)));
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const pairs = callers.flatMap((caller) => kinds.map((kind) => ({ caller, kind }))).filter(({ caller, kind }) => !direct || caller.name === kind.name);
const found = { scenarios: {}, settings: {} };

for (const { caller, kind } of pairs) {
  const pair = `${caller.name} to ${kind.name}`;
  const row = (found.scenarios[pair] = {});
  describe(pair, () => {
    for (const [name, run] of Object.entries(scenarios)) {
      test(name, async () => {
        const s = await run(new Cell(caller, kind));
        row[name] = s?.dropped ?? '';
      });
    }
    for (const setting of settings[caller.name]) {
      if (setting.abroad && caller.name === kind.name) continue;
      test(`setting: ${setting.name}`, async () => {
        const cell = new Cell(caller, kind);
        const s = cell.begin([{ parts: [{ text: 'Yes.' }] }], { as: { newest: kind.newest, thinker: kind.thinkers[0] }[setting.model] });
        s.user('Hi.');
        const params = setting.edit(caller.params(s, { tools: setting.tools && [weather] }), s.model);
        let refused;
        try {
          await caller.call(s.client, params, {});
        } catch (err) {
          if (err.status !== 400) throw err;
          refused = err;
        }
        assert.deepEqual(cell.up.violations, [], 'the upstream refused what it was sent');
        if (!refused && !s.dropped && caller.name !== kind.name) carried(setting, kind.name, cell.up.last.body);
        const told = refused ? `refused: ${/(?:^|[\s"])([a-zA-Z_][\w.[\]]*): /.exec(refused.message)?.[1] ?? '?'}` : s.dropped && `dropped: ${s.dropped}`;
        ((found.settings[caller.name] ??= {})[setting.name] ??= {})[kind.name] = told || '';
      });
    }
  });
}

test('the table in docs/translation.md', { skip: direct && 'the table is about the gateway' }, () => checkTable(found, Object.keys(scenarios), settings));
