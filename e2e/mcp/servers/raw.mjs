// A server written by hand, byte for byte, without any SDK: what it says is odd, wrong or
// hostile, by the name of the tool.
//
//   node raw.mjs http|stdio legacy|modern
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { odd } from './odd.mjs';

const [mode, era] = process.argv.slice(2);
const instance = randomUUID();
const seen = []; // what calls came to
const sessions = new Set();

const names = [
  'echo', 'whoami', 'odd', 'never', 'slow', 'flood', 'huge', 'twice', 'wrong_id', 'ask_same_id', 'string_id', 'error',
  ...(mode === 'stdio'
    ? ['garbage', 'exit', 'close_stdout', 'stubborn', 'grandchild', 'stderr', 'env', 'half_line']
    : ['headers', 'drop', 'cut', 'end_early', 'html_500', 'not_json', 'no_type', 'sse_as_json', 'redirect', 'forget', 'challenge', 'accepted', 'crlf']),
];
const toolList = `{"tools":[${names.map((name) => `{"inputSchema":{"required":[],"properties":{"b":{"const":12345678901234567890},"a":{}},"type":"object"},"x-unknown":{"k":[1,{}]},"name":"${name}","description":"${name}"}`).join(',')}],"unknown":true${era === 'modern' ? ',"resultType":"complete","ttlMs":0,"cacheScope":"private"' : ''}}`;

const esc = JSON.stringify;
const withType = (members) => (era === 'modern' ? `{"resultType":"complete",${members}}` : `{${members}}`);
const content = (text) => withType(`"content":[{"type":"text","text":${esc(text)}}]`);

// answer serves one request. out.send sends a message of the given bytes to the caller,
// out.end says that all is said; id is the request's id as it was written.
async function answer(message, id, out) {
  const reply = (result) => out.send(`{"id":${id},"result":${result},"jsonrpc":"2.0"}`);
  const fail = (code, text, data = '') => out.send(`{"jsonrpc":"2.0","id":${id},"error":{"message":${esc(text)},"code":${code}${data}}}`);
  const { method, params = {} } = message;
  switch (method) {
    case 'initialize':
      if (era === 'modern') return fail(-32022, 'Unsupported protocol version', ',"data":{"supported":["2026-07-28"]}');
      return reply(`{"serverInfo":{"version":"0","name":"raw","unknown":1},"protocolVersion":${esc(params.protocolVersion === '2024-11-05' ? '2024-11-05' : '2025-11-25')},"capabilities":{"tools":{},"experimental":{"x.example":{"n":12345678901234567890}}}}`);
    case 'server/discover':
      if (era !== 'modern') return fail(-32601, 'Method not found');
      return reply('{"supportedVersions":["2026-07-28"],"resultType":"complete","capabilities":{"tools":{},"extensions":{"x.example/ext":{"n":1}}},"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"raw","version":"0"}}}');
    case 'ping':
      return reply('{}');
    case 'tools/list':
      return reply(toolList);
    case 'tools/call':
      break;
    default:
      return fail(-32601, 'Method not found');
  }
  const { name, arguments: args = {} } = params;
  const token = params._meta?.progressToken;
  const progress = (n, total) => out.send(`{"method":"notifications/progress","jsonrpc":"2.0","params":{"total":${total},"progress":${n},"unknown":[1.0],"progressToken":${esc(token)}}}`);
  switch (name) {
    case 'echo': return reply(content(`Echo: ${args.message}`));
    case 'whoami': return reply(content(esc({ pid: process.pid, instance, session: out.session ?? null })));
    case 'odd': return reply(odd(era));
    case 'error': return fail('-3.2e4', 'odd é', ',"data":{"big":12345678901234567890},"unknown":1');
    case 'never': return new Promise(() => {});
    case 'slow':
      await sleep(args.ms);
      return reply(content('slow'));
    case 'flood':
      for (let i = 1; i <= args.n; i++) {
        if (token !== undefined) progress(i, args.n);
        else out.send(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":${i}}}`);
        if (i % 1000 === 0) await sleep(0);
      }
      return reply(content('flooded'));
    case 'huge': return reply(content('x'.repeat(args.mb << 20)));
    case 'twice':
      reply(content('first'));
      return reply(content('second'));
    case 'wrong_id':
      out.send(`{"jsonrpc":"2.0","id":987654321,"result":${content('for nobody')}}`);
      out.send(`{"jsonrpc":"2.0","id":"never-asked","error":{"code":-1,"message":"for nobody"}}`);
      return reply(content('for you'));
    case 'string_id': return out.send(`{"jsonrpc":"2.0","id":${esc(String(id))},"result":${content('the id became a string')}}`);
    case 'ask_same_id': // both sides count by themselves: the server's request may well have the id of the client's
      asked.set(id, (msg) => reply(content(esc(msg.result ?? msg.error))));
      return out.send(`{"jsonrpc":"2.0","id":${id},"method":"sampling/createMessage","params":{"maxTokens":1,"messages":[{"role":"user","content":{"type":"text","text":"same id"}}]}}`);
    default:
      if (!names.includes(name)) return fail(-32602, `no tool ${name}`);
      return (mode === 'stdio' ? stdioFault : httpFault)(name, args, { reply, fail, out, id, message });
  }
}
const asked = new Map(); // what to do with the answers to requests of the server's

async function stdioFault(name, args, { reply, id }) {
  switch (name) {
    case 'garbage':
      process.stdout.write('Debugger listening on ws://127.0.0.1:9229\n\n{"jsonrpc":"2.0","id":\n[]\nnull\n42\n{}\n\u0000\u0007\n');
      process.stdout.write(Buffer.from([0xff, 0xfe, 0x80, 0x0a]));
      return reply(content('after garbage'));
    case 'half_line':
      process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":`);
      await sleep(100);
      return process.stdout.write(`${content('in two pieces')}}\r\n`);
    case 'exit':
      process.stderr.write('about to die with secret-canary-stderr\n');
      return process.exit(args.code ?? 3);
    case 'close_stdout': return closeSync(1); // process.stdout.end() leaves it open
    case 'stubborn':
      process.on('SIGTERM', () => {});
      process.stdin.removeAllListeners('end');
      setInterval(() => {}, 1000);
      return reply(content(esc({ pid: process.pid })));
    case 'grandchild': {
      const child = spawn('sleep', ['1000'], { stdio: 'inherit' });
      return reply(content(esc({ pid: process.pid, grandchild: child.pid })));
    }
    case 'stderr':
      for (let i = 0; i < args.mb; i++) process.stderr.write('e'.repeat(1 << 20));
      return reply(content('wrote to stderr'));
    case 'env': return reply(content(esc({ env: process.env, argv: process.argv.slice(2), cwd: process.cwd() })));
  }
}

async function httpFault(name, args, { reply, out, id, message }) {
  const { req, res } = out;
  const result = `{"jsonrpc":"2.0","id":${id},"result":${content(name)}}`;
  const sse = (status = 200, type = 'text/event-stream') => res.writeHead(status, { 'Content-Type': type });
  const full = (status, type, body, headers = {}) => res.writeHead(status, { ...(type && { 'Content-Type': type }), ...headers }).end(body);
  switch (name) {
    case 'headers': return reply(content(esc({ headers: req.headers, raw: req.rawHeaders, url: req.url })));
    case 'drop': return req.socket.destroy();
    case 'cut':
      sse().write(`event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"whole"}}\n\nevent: message\ndata: ${result.slice(0, 40)}`);
      await sleep(50);
      return req.socket.destroy();
    case 'end_early': return sse().end(`event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"alone"}}\n\n`);
    case 'html_500': return full(500, 'text/html', '<h1>500</h1> secret-canary-body');
    case 'not_json': return full(200, 'application/json', '<html>hello</html>');
    case 'no_type': return full(200, undefined, result);
    case 'sse_as_json': return sse(200, 'application/json').end(`event: message\ndata: ${result}\n\n`);
    case 'redirect': return full(307, 'text/plain', '', { Location: args.to });
    case 'challenge': return full(401, 'application/json', '{"error":"invalid_token"}', { 'WWW-Authenticate': 'Bearer resource_metadata="http://127.0.0.1:9/.well-known/oauth-protected-resource", scope="a b"' });
    case 'accepted': return full(202);
    case 'forget':
      sessions.clear();
      return reply(content('forgotten'));
    case 'crlf': // CRLF, comments, an event of another type, data in several lines, no space after the colon
      return sse().end(`\ufeff: hello\r\nevent: ping\r\ndata: {"not":"for you"}\r\n\r\nid:e-1\r\nretry:50\r\ndata:\r\n\r\nevent:message\r\nid:e-2\r\ndata:{"jsonrpc":"2.0",\r\ndata:"id":${id},"result":\r\ndata:${content(name)}}\r\n\r\n`);
    default: throw new Error(`${name} of ${message.method}`);
  }
}

// idOf is a request's id as it was written: numbers keep their digits.
const idOf = (raw) => /"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?[\d.eE+-]+|null)/.exec(raw)?.[1];

function receive(raw, out) {
  let message;
  try {
    message = JSON.parse(raw);
  } catch {
    return out.send('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}');
  }
  const id = idOf(raw);
  if (message.method === undefined) {
    asked.get(id)?.(message);
    asked.delete(id);
  } else if (message.id !== undefined) {
    seen.push({ method: message.method, name: message.params?.name, raw });
    return answer(message, id, out);
  } else {
    seen.push({ notification: message.method, raw });
  }
}

if (mode === 'stdio') {
  const send = (raw) => process.stdout.write(`${raw}\n`);
  process.stdout.on('error', () => {});
  createInterface(process.stdin).on('line', (line) => line && receive(line, { send }));
  process.stdin.on('end', () => process.exit());
} else {
  const serve = async (req, res) => {
    if (req.url === '/_seen') return res.end(esc(seen));
    if (req.url === '/_reset') return (seen.length = 0), res.end();
    const session = req.headers['mcp-session-id'];
    const refuse = (status, code, text) => res.writeHead(status, { 'Content-Type': 'application/json' }).end(`{"jsonrpc":"2.0","id":null,"error":{"code":${code},"message":"${text}"}}`);
    if (req.method !== 'POST') {
      if (req.method === 'DELETE' && sessions.delete(session)) return res.writeHead(204).end();
      return res.writeHead(405, { Allow: 'POST, DELETE' }).end();
    }
    const raw = await readAll(req);
    const message = JSON.parse(raw);
    const first = message.method === 'initialize' || era === 'modern';
    if (!first && session !== undefined && !sessions.has(session)) return refuse(404, -32001, 'Session not found');
    if (!first && session === undefined) return refuse(400, -32000, 'Mcp-Session-Id header is required');
    if (message.method === 'initialize' && era === 'legacy') {
      const id = randomUUID();
      sessions.add(id);
      res.setHeader('Mcp-Session-Id', id);
    }
    if (message.id === undefined || message.method === undefined) {
      receive(raw, { session });
      return res.writeHead(202).end();
    }
    // One message is sent as JSON; before a second one the answer becomes a stream.
    const id = idOf(raw);
    res.on('close', () => res.writableFinished || seen.push({ gone: message.method, name: message.params?.name, tag: message.params?.arguments?.tag }));
    const send = (msg) => {
      const last = JSON.parse(msg).method === undefined;
      if (res.writableEnded || res.destroyed) return;
      if (!res.headersSent && last && message.params?.name !== 'twice' && message.params?.name !== 'wrong_id') {
        const code = JSON.parse(msg).error?.code;
        const status = code === -32022 ? 400 : code === -32601 && era === 'modern' ? 404 : 200;
        return res.writeHead(status, { 'Content-Type': 'application/json' }).end(msg);
      }
      if (!res.headersSent) res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      res.write(`event: message\ndata: ${msg}\n\n`);
      if (last && idOf(msg) === id && message.params?.name !== 'twice') res.end();
    };
    await receive(raw, { send, req, res, session });
    if (message.params?.name === 'twice') res.end();
  };
  http.createServer((req, res) => serve(req, res).catch((err) => res.destroy(err))).listen(0);
}
