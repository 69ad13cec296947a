// Servers that break, lie or are hostile: a call ends with an error in good time, other
// sessions do not notice, the next call works, and no process is left behind.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { after, describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, modernVersion } from './clients.mjs';
import { startProber } from './prober.mjs';
import { it, start, throughGateway, vias } from './stack.mjs';

const stack = await start(['raw-stdio', 'raw-http', 'raw-http-auth', 'raw-modern-http', 'raw-modern-stdio', 'fixture-http']);
after(() => stack.stop());

const client = 'sdk 1.32.2';

// outcome is what became of a call: its text, its error, or that nothing did in time.
async function outcome(session, name, args, { within = 10000, ...options } = {}) {
  const began = performance.now();
  try {
    const result = await session.call(name, args, { timeout: within, ...options });
    return { text: result.content[0].text, ms: performance.now() - began };
  } catch (error) {
    return { error, timedOut: error.code === -32001 && /timed out/i.test(error.message), ms: performance.now() - began };
  }
}

const sampled = (got) => assert.equal(JSON.parse(got.text).content.text, 'sampled', String(got.error));
const gives = (text) => (got) => assert.equal(got.text?.slice(0, 200), text, String(got.error));
const fails = (got) => assert.ok(got.error && !got.timedOut, `${got.text?.slice(0, 100)} ${got.error}`);
const hangs = (got) => assert.ok(got.timedOut, `${got.text} ${got.error}`);
const either = (got) => assert.ok(got.text !== undefined || got.error);

// What the calls of each faulty tool come to: without the gateway, what the SDK makes of
// it; through the gateway, what the gateway owes its callers. Calls are waited for within
// some time; what hangs directly, for a shorter one.
const stdioFaults = [
  ['garbage', {}, gives('after garbage'), gives('after garbage')],
  ['half_line', {}, gives('in two pieces'), gives('in two pieces')],
  ['twice', {}, gives('first'), gives('first')],
  ['wrong_id', {}, gives('for you'), gives('for you')],
  ['string_id', {}, gives('the id became a string'), either, { within: 1000 }],
  ['ask_same_id', {}, sampled, sampled],
  ['flood', { n: 20000 }, gives('flooded'), gives('flooded'), { within: 30000 }],
  ['stderr', { mb: 20 }, gives('wrote to stderr'), gives('wrote to stderr')],
  ['huge', { mb: 4 }, gives('x'.repeat(200)), gives('x'.repeat(200))],
  ['huge', { mb: 100 }, fails, fails, { within: 20000 }],
  ['exit', {}, fails, fails],
  ['close_stdout', {}, hangs, fails, { direct: 2000 }],
  ['never', {}, hangs, hangs, { within: 500 }],
];
const httpFaults = [
  ['twice', {}, gives('first'), gives('first')],
  ['wrong_id', {}, gives('for you'), gives('for you')],
  ['string_id', {}, gives('the id became a string'), either, { within: 1000 }],
  ['crlf', {}, gives('crlf'), gives('crlf')],
  ['flood', { n: 20000 }, gives('flooded'), gives('flooded'), { within: 30000 }],
  ['huge', { mb: 4 }, gives('x'.repeat(200)), gives('x'.repeat(200))],
  ['huge', { mb: 100 }, gives('x'.repeat(200)), either, { within: 20000 }],
  ['drop', {}, fails, fails],
  ['cut', {}, hangs, fails, { direct: 2000 }],
  ['end_early', {}, hangs, fails, { direct: 2000 }],
  ['html_500', {}, fails, fails],
  ['not_json', {}, fails, fails],
  ['no_type', {}, fails, either],
  ['sse_as_json', {}, fails, either], // some servers do that; a gateway may understand it
  ['challenge', {}, fails, (got) => (fails(got), assert.ok(![401, 403].includes(got.error.code), got.error.message))],
  ['accepted', {}, hangs, fails, { direct: 2000 }],
  ['never', {}, hangs, hangs, { within: 500 }],
];

for (const via of vias) {
  for (const [id, table] of [['raw-stdio', stdioFaults], ['raw-http', httpFaults]]) {
    describe(`${id}, ${via}`, () => {
      const target = stack.target(id, via);
      const other = stack.target(id === 'raw-http' ? 'raw-http-auth' : id, via); // a server that is not kept busy itself
      for (const [name, args, direct, gateway, options] of table) {
        it(`${name} ${JSON.stringify(args)}`, async () => {
          const requests = { 'sampling/createMessage': () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled' } }) };
          const [session, probed] = await Promise.all([connect(client, target, { requests }), target.direct || startProber(other)]);
          const within = (target.direct && options?.direct) || options?.within;
          const got = await outcome(session, name, args, { within, onprogress: () => {} });
          (target.direct ? direct : gateway)(got);
          if (!target.direct) {
            const slowest = await probed();
            assert.ok(slowest < 2000, `another session had to wait ${slowest} ms`);
          }
          await session.close();
          const next = await connectSoon(target);
          assert.equal(await next.text('echo', { message: 'next' }), 'Echo: next');
          await next.close();
        });
      }

      if (target.direct) return;

      it('works on in the session whose process ended', async () => {
        if (id !== 'raw-stdio') return assert.equal(id, 'raw-http'); // has no process
        const session = await connect(client, target);
        fails(await outcome(session, 'exit'));
        // The session is made anew behind the client's back, or it is over: 404.
        const got = await outcome(session, 'echo', { message: 'again' });
        if (got.error) assert.equal(got.error.code, 404, got.error.message);
        else assert.equal(got.text, 'Echo: again');
        await session.close();
      });
    });
  }

  describe(`processes, ${via}`, () => {
    const target = stack.target('raw-stdio', via);

    it('end with their session, whatever they do', async () => {
      const session = await connect(client, target);
      const { pid } = await session.json('stubborn');
      assert.ok(alive(pid));
      await session.close();
      await gone(pid);
    });

    it('end with their children', async () => {
      const session = await connect(client, target);
      const { pid, grandchild } = await session.json('grandchild');
      await session.close();
      await gone(pid);
      if (target.direct) process.kill(grandchild); // the SDK leaves it behind
      else await gone(grandchild);
    });
  });

  it(`the modern caller who goes away cancels, ${via}`, async () => {
    const target = stack.target('raw-modern-http', via);
    const session = await connect('client 2.4.0', target, { options: { versionNegotiation: { mode: { pin: modernVersion } } } });
    const tag = `gone-${via}`;
    await assert.rejects(session.call('never', { tag }, { timeout: 300 }));
    for (let tries = 0; ; tries++) {
      const seen = await (await fetch(`${target.upstream}/_seen`)).json();
      if (seen.some((s) => s.gone && s.tag === tag)) break;
      assert.ok(tries < 40, 'the server was not told');
      await sleep(50);
    }
    await session.close();
  });

  it(`a redirect is not followed to another origin, ${via}`, async () => {
    const hits = [];
    const elsewhere = http.createServer((req, res) => (hits.push(req.headers), res.end('{}'))).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    try {
      const session = await connect(client, stack.target('raw-http', via));
      fails(await outcome(session, 'redirect', { to: `http://127.0.0.1:${elsewhere.address().port}/mcp` }));
      assert.deepEqual(hits, []);
      await session.close();
    } finally {
      elsewhere.close();
    }
  });

  it(`a server that forgets its session, ${via}`, async () => {
    const session = await connect(client, stack.target('raw-http', via));
    gives('forgotten')(await outcome(session, 'forget'));
    const got = await outcome(session, 'echo', { message: 'x' });
    if (got.error) assert.equal(got.error.code, 404, got.error.message);
    await session.client.close();
  });
}

if (throughGateway) {
  describe('what the gateway is left with', () => {
    it('500 sessions over HTTP come and go', async () => {
      const target = stack.target('fixture-http', 'gateway');
      await Promise.all(Array.from({ length: 5 }, () => visit(target)));
      const before = await resources();
      for (let i = 0; i < 25; i++) await Promise.all(Array.from({ length: 20 }, () => visit(target)));
      await settled(before);
      assert.deepEqual(await (await fetch(`${target.upstream}/_sessions`)).json(), []);
    }, 120000);

    it('40 sessions with a process each come and go', async () => {
      const target = stack.target('raw-stdio', 'gateway');
      await visit(target);
      await settled({ ...(await resources()), children: 0 }, 20000);
      const before = await resources();
      for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 4 }, () => visit(target)));
      await settled({ ...before, children: 0 }, 20000);
    }, 120000);

    it('a line of 100 MB is not kept in memory', async () => {
      const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${stack.gateway.pid}/status`, 'utf8'))[1]) >> 10;
      assert.ok(peak < 400, `${peak} MiB at its peak`);
    });

    it('nothing of what servers said is in the log', () => {
      assert.doesNotMatch(stack.gateway.log(), /secret-canary-body|xxxxxxxxxx|panic|DATA RACE/);
    });
  });
}

// connectSoon gives a gateway that has seen a server break some time to start it anew.
async function connectSoon(target, within = 10000) {
  for (const deadline = Date.now() + within; ; await sleep(200)) {
    try {
      return await connect(client, target);
    } catch (err) {
      if (err.code !== 503 || Date.now() > deadline) throw err;
    }
  }
}

async function visit(target) {
  const session = await connect(client, target);
  await session.json('whoami');
  await session.close();
}

// resources are what the gateway holds.
async function resources() {
  const { pid, admin, auth } = stack.gateway;
  const metrics = await (await fetch(`${admin}/admin/metrics/prometheus`, { headers: { Authorization: `Basic ${Buffer.from(auth).toString('base64')}` } })).text();
  const children = readdirSync('/proc').filter((entry) => parentOf(entry) === pid).length;
  return { goroutines: Number(/^go_goroutines (\d+)/m.exec(metrics)[1]), fds: readdirSync(`/proc/${pid}/fd`).length, children };
}

async function settled(before, within = 15000) {
  for (const deadline = Date.now() + within; ; await sleep(200)) {
    const now = await resources();
    if (now.goroutines <= before.goroutines + 15 && now.fds <= before.fds + 10 && now.children <= before.children) return;
    assert.ok(Date.now() < deadline, `before ${JSON.stringify(before)}, now ${JSON.stringify(now)}`);
  }
}

// parentOf is the process that started one; zombies have one, too.
function parentOf(pid) {
  try {
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${Number(pid)}/stat`, 'utf8'))?.[1]);
  } catch {
    return undefined; // no process, or gone by now
  }
}

// alive says whether a process runs; one that has ended and was not waited for does not.
function alive(pid) {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid) {
  for (let tries = 0; alive(pid); tries++) {
    assert.ok(tries < 150, `process ${pid} is still there`);
    await sleep(100);
  }
}
