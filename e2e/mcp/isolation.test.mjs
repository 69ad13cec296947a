// Who shares a process or an upstream session: isolation, max_instances and idle_ttl.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from './clients.mjs';
import { behindGateway, it, keys } from './stack.mjs';

const ids = ['raw-stdio', 'raw-stdio-key', 'raw-stdio-shared', 'fixture-stdio-shared', 'raw-stdio-two', 'raw-stdio-idle'];
const client = 'sdk 1.32.2';
const pidOf = async (session) => (await session.json('whoami')).pid;

await behindGateway(ids, (stack) => {
  const open = (id, key, options) => connect(client, stack.target(id, 'gateway', key), options);

  for (const [id, isolation, same, across] of [['raw-stdio', 'session', false, false], ['raw-stdio-key', 'key', true, false], ['raw-stdio-shared', 'shared', true, true]]) {
    it(`isolation ${isolation}`, async () => {
      const sessions = await Promise.all([open(id, keys.all), open(id, keys.all), open(id, keys.other)]);
      const [a, b, c] = await Promise.all(sessions.map(pidOf));
      assert.equal(a === b, same, 'two sessions of one key');
      assert.equal(a === c, across, 'sessions of two keys');
      assert.equal(await pidOf(sessions[0]), a, 'another process in the same session');
      await Promise.all(sessions.map((session) => session.close()));
    });
  }

  it('callers who share a process get their own answers', async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, (_, i) => open('raw-stdio-shared', i % 2 ? keys.all : keys.other)));
    await Promise.all(sessions.flatMap((session, i) => Array.from({ length: 20 }, async (_, n) => {
      const progress = [];
      const text = await session.text(n % 5 === 0 ? 'flood' : 'echo', { message: `${i}-${n}`, n: 3 }, n % 5 === 0 ? { onprogress: (p) => progress.push(p.progress) } : {});
      if (n % 5 === 0) assert.deepEqual([text, progress], ['flooded', [1, 2, 3]]);
      else assert.equal(text, `Echo: ${i}-${n}`);
    })));
    await Promise.all(sessions.map((session) => session.close()));
  });

  it('a shared process reaches no caller with requests of its own', async () => {
    let asked = 0;
    const requests = { 'sampling/createMessage': () => (asked++, { role: 'assistant', model: 'm', content: { type: 'text', text: 'x' } }) };
    const [a, b] = await Promise.all([open('fixture-stdio-shared', keys.all, { requests }), open('fixture-stdio-shared', keys.other, { requests })]);
    await assert.doesNotReject(a.call('test_sampling', { prompt: 'p' }, { timeout: 5000 }).then((result) => assert.equal(result.isError, true), (err) => assert.ok(!/timed out/i.test(err.message), err.message)));
    assert.equal(asked, 0);
    assert.equal(await a.text('test_simple_text'), await b.text('test_simple_text'));
    await Promise.all([a.close(), b.close()]);
  });

  it('requests of the server reach only the caller they belong to', async () => {
    const answer = (text) => ({ requests: { 'sampling/createMessage': () => ({ role: 'assistant', model: 'm', content: { type: 'text', text } }) } });
    const [a, b] = await Promise.all([open('raw-stdio-key', keys.all, answer('from a')), open('raw-stdio-key', keys.all, answer('from b'))]);
    for (let i = 0; i < 3; i++) {
      assert.equal((await a.json('ask_same_id')).content?.text, 'from a');
      assert.equal((await b.json('ask_same_id')).content?.text, 'from b');
      // With calls of both under way, nothing tells whose a request is: then it is nobody's.
      const [ofA, ofB] = await Promise.all([a.json('ask_same_id'), b.json('ask_same_id')]);
      assert.ok(ofA.code || ofA.content.text === 'from a', JSON.stringify(ofA));
      assert.ok(ofB.code || ofB.content.text === 'from b', JSON.stringify(ofB));
    }
    await Promise.all([a.close(), b.close()]);
  });

  it('no more processes than max_instances', async () => {
    const [a, b] = await Promise.all([open('raw-stdio-two', keys.all), open('raw-stdio-two', keys.other)]);
    const began = performance.now();
    const third = await open('raw-stdio-two', keys.all).then(async (session) => [session, await pidOf(session)]).catch((err) => err);
    assert.ok(third instanceof Error, 'a third process');
    assert.ok(performance.now() - began < 20000);
    await a.close();
    let anew;
    for (let tries = 0; anew === undefined; tries++) {
      anew = await open('raw-stdio-two', keys.all).catch((err) => (tries > 40 ? Promise.reject(err) : sleep(100)));
    }
    assert.ok(await pidOf(anew));
    await Promise.all([b.close(), anew.close()]);
  });

  it('a process that nobody uses ends after idle_ttl', async () => {
    const session = await open('raw-stdio-idle', keys.all);
    const pid = await pidOf(session);
    await session.client.close(); // and no DELETE
    for (let tries = 0; ; tries++) {
      try {
        process.kill(pid, 0);
      } catch {
        break;
      }
      assert.ok(tries < 450, 'still there after 45 s'); // it is looked for every 15 s
      await sleep(100);
    }
  });
});
