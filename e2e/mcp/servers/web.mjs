// Serves a handler of web Requests with node:http. When the caller goes away, the
// request's signal says so, and the answer's body is cancelled.
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';

// webHandler passes each chunk of an answer's body through a stream that transform makes.
export const webHandler = (handle, transform) => async (req, res) => {
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  const body = req.method === 'POST' ? await buffer(req) : undefined;
  const response = await handle(new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method, headers: req.headers, body, signal: gone.signal,
  }));
  res.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) return res.end();
  res.flushHeaders();
  const out = transform();
  out.pipe(res);
  const reader = response.body.getReader();
  gone.signal.addEventListener('abort', () => reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true }));
    if (done || gone.signal.aborted) break;
    if (!out.write(value)) await Promise.race([once(out, 'drain'), once(res, 'close')]);
  }
  out.end();
};
