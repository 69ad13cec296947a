// What a server writes by hand arrives byte for byte, whoever else has read it on the way.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { each, it, start } from './stack.mjs';
import { odd } from './servers/odd.mjs';
import { envelope, exchange } from './wire.mjs';

const ids = ['raw-http', 'raw-modern-http', 'raw-stdio', 'raw-modern-stdio'];
const stack = await start(ids);
after(() => stack.stop());

each(stack, ids, (target) => {
  if (target.transport === 'stdio') return; // its bytes are what servers/raw.mjs writes
  const { era } = target;

  // ask sends a request as it is written here, in a session where there are sessions.
  async function ask(method, params = '', { id = '1', headers = {}, meta = true } = {}) {
    const modern = era === 'modern';
    const members = [params, modern && meta && JSON.stringify(envelope()).slice(1, -1)].filter(Boolean).join(',');
    const all = modern ? { 'Mcp-Method': method, ...headers } : { 'MCP-Protocol-Version': '2025-11-25', 'Mcp-Session-Id': await session(), ...headers };
    return exchange(target, `{ "method":"${method}" ,"id":${id},"params":{${members}},"jsonrpc":"2.0"}`, all);
  }
  let opened;
  const session = () => (opened ??= open(target));

  it('results', async () => {
    const got = await ask('tools/call', '"name":"odd","arguments":{}', { headers: { 'Mcp-Name': 'odd' } });
    assert.equal(got.status, 200, got.text);
    assert.equal(got.raw[0], `{"id":1,"result":${odd(era)},"jsonrpc":"2.0"}`);
  });

  it('lists', async () => {
    const got = await ask('tools/list');
    assert.match(got.raw[0], /^\{"id":1,"result":\{"tools":\[\{"inputSchema":\{"required":\[\],"properties":\{"b":\{"const":12345678901234567890\},"a":\{\}\},"type":"object"\},"x-unknown":\{"k":\[1,\{\}\]\},"name":"echo","description":"echo"\},/);
    assert.match(got.raw[0], /\],"unknown":true/);
  });

  it('errors', async () => {
    const got = await ask('tools/call', '"name":"error"', { headers: { 'Mcp-Name': 'error' } });
    assert.equal(got.raw[0], '{"jsonrpc":"2.0","id":1,"error":{"message":"odd é","code":-3.2e4,"data":{"big":12345678901234567890},"unknown":1}}');
  });

  it('ids', async () => {
    for (const id of ['0', '-7', '"1"', '""', '"\\u00e4\\/\\""', '12345678901234567890', '"server-discover-probe-1"']) {
      const got = await ask('tools/call', '"name":"echo","arguments":{"message":"m"}', { id, headers: { 'Mcp-Name': 'echo' } });
      assert.equal(got.status, 200, `${id}: ${got.text}`);
      assert.ok(got.raw[0].startsWith(`{"id":${id},"result":`), `${id}: ${got.raw[0]}`);
    }
  });

  it('requests', async () => {
    if (!target.upstream) return assert.equal(target.origin, 'stdio'); // nobody to ask what came
    const tag = `"tag":"${target.via}"`;
    const odd = String.raw`"_meta":{"progressToken":"t\u00e4","x.example/z":[1.0,12345678901234567890]},"zeta":{ "b":1,"a":-0},"name":"echo","arguments":{"message":"\ud83d\ude00 \/","big":12345678901234567890,"id":7,${tag}}`;
    const params = era === 'modern' ? odd.replace('"_meta":{', `"_meta":{${JSON.stringify(envelope()._meta).slice(1, -1)},`) : odd;
    await ask('tools/call', params, { headers: { 'Mcp-Name': 'echo' }, meta: false });
    const seen = await (await fetch(`${target.upstream}/_seen`)).json();
    const { raw } = seen.find((s) => s.name === 'echo' && s.raw.includes(tag));
    for (const part of [String.raw`"x.example/z":[1.0,12345678901234567890]`, '"zeta":{ "b":1,"a":-0}', String.raw`"arguments":{"message":"\ud83d\ude00 \/","big":12345678901234567890,"id":7,${tag}}`]) {
      assert.ok(raw.includes(part), `${part} in ${raw}`);
    }
    if (target.direct) assert.ok(raw.includes(String.raw`"progressToken":"t\u00e4"`));
  });

  it('notifications', async () => {
    const meta = era === 'modern' ? JSON.stringify(envelope()._meta).slice(1, -1) + ',' : '';
    const got = await ask('tools/call', `"name":"flood","arguments":{"n":3},"_meta":{${meta}"progressToken":"t\\u00e4"}`, { headers: { 'Mcp-Name': 'flood' }, meta: false });
    assert.match(got.headers.get('content-type'), /^text\/event-stream/);
    const data = got.raw.slice(0, 3).map((raw) => raw.replace('\\u00e4', 'ä'));
    assert.deepEqual(data, [1, 2, 3].map((n) => `{"method":"notifications/progress","jsonrpc":"2.0","params":{"total":3,"progress":${n},"unknown":[1.0],"progressToken":"tä"}}`));
    assert.equal(got.messages.at(-1).result.content[0].text, 'flooded');
  });

  it('capabilities', async () => {
    if (era === 'modern') {
      const got = await ask('server/discover');
      assert.match(got.raw[0], /"extensions":\{"x\.example\/ext":\{"n":1\}\}/);
    } else {
      const got = await initialize(target);
      assert.match(got.raw[0], /"capabilities":\{.*"experimental":\{"x\.example":\{"n":12345678901234567890\}\}/);
      assert.match(got.raw[0], /"name":"raw"/);
    }
  });
});

const initialize = (target) => exchange(target, {
  jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: { sampling: {} }, clientInfo: { name: 'bytes', version: '0' } },
}, { 'MCP-Protocol-Version': undefined });

async function open(target) {
  const got = await initialize(target);
  const id = got.headers.get('mcp-session-id');
  await exchange(target, { jsonrpc: '2.0', method: 'notifications/initialized' }, { 'MCP-Protocol-Version': '2025-11-25', 'Mcp-Session-Id': id });
  return id;
}
