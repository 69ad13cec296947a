import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { dialects, drain } from './dialects.mjs';
import { start, direct, elsewhereKey, fault, narrowKey, rejects } from './stack.mjs';

let stack;
before(async () => {
  stack = await start();
});
beforeEach(() => stack.reset());
after(() => stack?.stop());

for (const d of dialects) {
  const E = d.errors;
  describe(d.name, () => {
    for (const [status, Class] of [
      [400, E.BadRequestError],
      [404, E.NotFoundError],
      [409, E.ConflictError],
      [413, E.APIError],
      [422, E.UnprocessableEntityError],
      [429, E.RateLimitError],
      [500, E.InternalServerError],
    ]) {
      test(`${status} by the upstream`, async () => {
        for (const call of [d.ask, d.stream]) {
          const err = await rejects(call(d.client(stack), fault(`status=${status},retry_after=1`)), Class);
          assert.equal(err.status, status);
          assert.ok(d.errorType(err), JSON.stringify(err.error));
          if (status === 429) assert.equal(err.headers.get('retry-after'), '1');
        }
      });
    }

    test('overload', async () => {
      for (const status of [503, 529]) {
        const err = await rejects(d.ask(d.client(stack), fault(`status=${status}`)), E.InternalServerError);
        assert.ok(d.overloaded.includes(err.status), `${status} became ${err.status}`);
      }
    });

    test('an unknown model', async () => {
      const err = await rejects(d.unknownModel(d.client(stack)), E.NotFoundError);
      assert.match(err.message, /no-such-model/);
    });

    test('an error that is not JSON', async () => {
      for (const body of ['html', 'text', 'empty']) {
        await rejects(d.ask(d.client(stack), fault(`status=502,body=${body}`)), E.InternalServerError);
      }
    });

    test('the upstream breaks off', async () => {
      const client = d.client(stack);
      await rejects(d.ask(client, fault('break=before_headers')), direct ? E.APIConnectionError : E.InternalServerError);
      await rejects(d.ask(client, fault('break=mid_event')), Error);
      for (const spec of ['break=after_headers', 'break=cut,after=3', 'break=mid_event,after=3', 'break=mid_rune,after=1']) {
        await rejects(drain(d.stream(client, fault(spec))), Error);
      }
    });

    test('a stream without its end is not a success', async () => {
      const client = d.client(stack);
      for (const after of [0, 3]) {
        await rejects(d.whole(client, fault(`break=end,after=${after}`)), Error);
        // Without the helpers the SDKs take any end for a good one: the gateway must say it.
        if (!direct) await rejects(drain(d.stream(client, fault(`break=end,after=${after}`))), E.APIError);
      }
    });

    test('an error in the stream', async () => {
      const err = await rejects(drain(d.stream(d.client(stack), fault('break=error,after=3,message=boom'))), E.APIError);
      assert.match(JSON.stringify(err.error) + err.message, /boom/);
    });

    test('a huge event passes', async () => {
      const n = await drain(d.stream(d.client(stack), fault(`size=${4 << 20},chunks=1`)));
      assert.ok(n > 2, `${n} events`);
    });

    test('an upstream that compresses all the same', async () => {
      const client = d.client(stack);
      assert.ok((await d.ask(client, fault('gzip'))).id);
      assert.ok((await d.whole(client, fault('gzip'))).id);
    });

    test('odd but whole answers', async () => {
      const client = d.client(stack);
      assert.ok((await d.whole(client, fault('huge_line=1048576,after=2'))).id);
      assert.ok((await d.whole(client, fault('event_delay=5ms,delay=20ms'))).id);
      assert.ok((await d.ask(client, fault('duplicate_headers,content_type=application/json'))).id);
    });

    test('the SDK tries again as it is told', async () => {
      const spec = `status=429,header=retry-after-ms:5,times=1,id=${d.name}`;
      const got = await d.ask(d.client(stack, { maxRetries: 2 }), fault(spec));
      assert.ok(got.id);
      assert.equal((await stack.received()).length, 2);
    });

    test('going away ends the call upstream', async () => {
      const client = d.client(stack);
      const stream = await d.stream(client, fault('break=stall,after=4'));
      for await (const event of stream) {
        assert.ok(event);
        break; // aborts the request
      }
      await stack.canceled();

      const controller = new AbortController();
      const stalled = await d.stream(client, fault('break=stall,after=4'), { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await drain(stalled).catch(() => {});
      await stack.canceled();

      const silent = new AbortController();
      const call = d.ask(client, fault('delay=1h'), { signal: silent.signal });
      while ((await stack.received()).length < 3) await new Promise((done) => setTimeout(done, 5));
      silent.abort();
      await rejects(call, E.APIUserAbortError);
      await stack.canceled();
    });

    if (direct) return;

    test('a wrong key', async () => {
      const err = await rejects(d.ask(d.client(stack, { apiKey: 'vk-not-a-key-of-anybody' }), 'hello'), E.AuthenticationError);
      assert.ok(d.errorType(err), JSON.stringify(err.error));
      assert.equal((await stack.received()).length, 0);
    });

    test('a key for other routes', async () => {
      await rejects(d.ask(d.client(stack, { apiKey: elsewhereKey }), 'hello'), E.PermissionDeniedError);
      assert.equal((await stack.received()).length, 0);
    });

    test('a key for other models', async () => {
      const client = d.client(stack, { apiKey: narrowKey });
      assert.ok((await d.ask(client, 'hello')).id);
      await rejects(d.unknownModel(client), E.PermissionDeniedError);
      assert.equal((await stack.received()).length, 1);
    });

    test("the upstream's 401 is not the caller's", async () => {
      const err = await rejects(d.ask(d.under(stack, '/badkey'), 'hello'), E.InternalServerError);
      assert.equal(err.status, 502);
      for (const status of [401, 403]) {
        const err = await rejects(d.ask(d.client(stack), fault(`status=${status}`)), E.InternalServerError);
        assert.equal(err.status, 502);
      }
    });

    test('a redirect is not followed', async () => {
      await rejects(d.ask(d.client(stack), fault(`redirect=${stack.fake}/v1/stolen`)), E.APIError);
      assert.equal((await stack.received()).length, 1);
    });

    test('an event beyond all bounds', async () => {
      await rejects(drain(d.stream(d.client(stack), fault(`size=${9 << 20},chunks=1`))), E.APIError);
      assert.ok((await d.ask(d.client(stack), 'hello')).id);
    });

    test('an upstream that is not there', async () => {
      const err = await rejects(d.ask(d.under(stack, '/down'), 'hello'), E.InternalServerError);
      assert.ok([502, 503].includes(err.status), `status ${err.status}`);
    });

    test('a gateway that tries again itself has the last word', async () => {
      const calls = [];
      const counting = (url, init) => {
        calls.push(url);
        return fetch(url, init);
      };
      const client = d.under(stack, '/retrying', { maxRetries: 2, fetch: counting });
      assert.ok((await d.ask(client, fault(`status=500,times=1,id=${d.name}`))).id);
      assert.equal((await stack.received()).length, 2);
      assert.equal(calls.length, 1);

      const err = await rejects(d.ask(client, fault('status=500')), E.InternalServerError);
      assert.equal(err.headers.get('x-should-retry'), 'false');
      assert.equal((await stack.received()).length, 4);
      assert.equal(calls.length, 2);
    });
  });
}
