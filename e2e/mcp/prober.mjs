// A thread that calls a tool again and again in a session of its own, and tells how long
// the slowest call took: what another caller notices of a fault.
import { isMainThread, parentPort, workerData, Worker } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// startProber returns what ends it, and gives the slowest call in ms.
export async function startProber(target) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { url: target.url.href, headers: target.headers } });
  const next = () => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await next();
  return async () => {
    worker.postMessage('stop');
    const slowest = await next();
    await worker.terminate();
    return slowest;
  };
}

if (!isMainThread) {
  let id = 0;
  const headers = { ...workerData.headers, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2025-11-25' };
  const post = async (message) => {
    const resp = await fetch(workerData.url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
    const text = await resp.text();
    if (!resp.ok) throw new Error(`the prober was answered ${resp.status} ${text}`);
    return { resp, text };
  };
  const { resp } = await post({ id: ++id, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'prober', version: '0' } } });
  headers['Mcp-Session-Id'] = resp.headers.get('mcp-session-id');
  await post({ method: 'notifications/initialized' });

  let stopped = false;
  parentPort.once('message', () => (stopped = true));
  parentPort.postMessage('ready');
  let slowest = 0;
  while (!stopped) {
    const began = performance.now();
    const { text } = await post({ id: ++id, method: 'tools/call', params: { name: 'echo', arguments: { message: `probe ${id}` } } });
    if (!text.includes(`Echo: probe ${id}`)) throw new Error(`the prober was answered ${text}`);
    slowest = Math.max(slowest, performance.now() - began);
    await sleep(50);
  }
  await fetch(workerData.url, { method: 'DELETE', headers });
  parentPort.postMessage(slowest);
}
