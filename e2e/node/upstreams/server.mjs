// A fake upstream: it holds each request to its provider's rules, answers 400 in the
// provider's words when one is broken, and else what the test has scripted.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { Violation } from './shape.mjs';

// use is what every answer claims to have consumed; out includes think.
export const use = { input: 120, cached: 40, output: 30, think: 12 };

export class Upstream {
  constructor(protocol, key) {
    Object.assign(this, { protocol, key, script: [], requests: [], violations: [], signed: new Map(), loose: new Set(), serial: 0 });
    this.server = createServer((req, res) => this.#serve(req, res).catch((err) => res.destroy(err)));
  }

  async start() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  // reset forgets what was, and scripts the next answers.
  reset(...steps) {
    Object.assign(this, { script: steps, requests: [], violations: [] });
    this.signed.clear();
    this.loose.clear();
    this.left = new Promise((done) => (this.onLeft = done));
  }

  get last() {
    return this.requests.at(-1);
  }

  // sign makes an opaque proof of a thought, which later requests are held to. Those
  // in loose the provider can do without.
  sign(thought, encoding = 'base64') {
    const proof = Buffer.from(`${this.protocol.name} ${++this.serial} \u00ff\u0000 ${Math.random()}`).toString(encoding);
    this.signed.set(proof, thought);
    return proof;
  }

  id(prefix) {
    return `${prefix}${(++this.serial).toString(36).padStart(4, '0')}Xy9Zw8`;
  }

  async #serve(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const { protocol } = this;
    const url = new URL(req.url, this.url);
    let body;
    try {
      body = JSON.parse(Buffer.concat(chunks));
      if (protocol.keyOf(req) !== this.key) return answer(res, 401, protocol.error(401, 'the key is not the right one'));
      protocol.check(body, this, url, req.headers);
    } catch (err) {
      if (!(err instanceof Violation)) throw err;
      this.violations.push(err.message);
      return answer(res, 400, protocol.error(400, err.message, err.path));
    }
    const asked = { body, model: protocol.modelOf(body, url), stream: protocol.streams(body, url) };
    this.requests.push(asked);
    const step = this.script.shift() ?? { status: 500, message: 'the test has scripted no answer to this request' };
    if (step.status) return answer(res, step.status, protocol.error(step.status, step.message), { 'retry-after': step.retryAfter });
    if (!asked.stream) return answer(res, 200, protocol.plain(step, asked, this));
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...ids });
    res.on('close', () => res.writableEnded || this.onLeft());
    let events = protocol.stream(step, asked, this);
    const broken = step.breaks ?? step.hangs;
    if (broken) events = events.slice(0, 1 + events.findIndex((e) => e.includes(broken.after)));
    for (const e of events) {
      res.write(e);
      await new Promise(setImmediate);
    }
    if (step.hangs) return; // until the caller goes away
    if (step.breaks) res.write(protocol.failure(step.breaks.message, this));
    res.end();
  }
}

const ids = { 'x-request-id': 'req_upstream', 'request-id': 'req_upstream', server: 'fake', 'set-cookie': 'a=b' };

function answer(res, status, body, headers = {}) {
  const more = Object.fromEntries(Object.entries(headers).filter(([, v]) => v !== undefined));
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...ids, ...more });
  res.end(JSON.stringify(body));
}

export const sse = (data, name) => `${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(data)}\n\n`;

// pieces cuts a text as streams do, at no good place.
export const pieces = (s) => s.match(/[\s\S]{1,7}/gu) ?? [];
