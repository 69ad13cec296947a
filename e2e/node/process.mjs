// agwd as a real process, and what it takes to start and to end one.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// agwd is the binary that is tested.
export const agwd = process.env.AGWD ?? join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'agwd');

// startAgwd runs agwd with a bundle, if there is one, in a directory of its own whose name
// starts with prefix (or in cwd), and waits until it answers. What ends it is added to stops.
export async function startAgwd(stops, { prefix, password, bundle, cwd, env = {} }) {
  assert.ok(existsSync(agwd), `${agwd} is not there: build it, or set AGWD`);
  const dir = mkdtempSync(join(tmpdir(), prefix));
  stops.push(() => rmSync(dir, { recursive: true, force: true }));
  const hash = execFileSync(agwd, ['hash-password', '--plaintext', password], { encoding: 'utf8' }).trim();
  const [port, adminPort] = await freePorts(2);
  if (bundle) writeFileSync(join(dir, 'bundle.json'), JSON.stringify(bundle));
  const child = spawn(
    agwd,
    ['--addr', `127.0.0.1:${port}`, '--admin-addr', `127.0.0.1:${adminPort}`, '--admin-basic-auth-hash', `admin:${hash}`,
      '--config-store', join(dir, 'configstore.db'), ...(bundle ? ['--static-config', join(dir, 'bundle.json')] : [])],
    { cwd: cwd ?? dir, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: dir, AGW_MASTER_KEY: process.env.AGW_MASTER_KEY ?? '', ...env } },
  );
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (b) => (log = (log + b).slice(-200000)));
  stops.push(() => end(child));
  const gateway = { origin: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${adminPort}`, auth: `admin:${password}`, dir, pid: child.pid, log: () => log };
  for (let tries = 0; ; tries++) {
    try {
      const ready = await fetch(`${gateway.admin}/admin/ready`, { headers: { Authorization: `Basic ${Buffer.from(gateway.auth).toString('base64')}` } });
      if (ready.ok && (await fetch(gateway.origin))) return gateway;
      log = `${await ready.text()}\n${log}`;
    } catch {}
    if (child.exitCode !== null || tries === 200) throw new Error(`agwd does not get ready:\n${log}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function freePorts(n) {
  const servers = [];
  for (let i = 0; i < n; i++) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
  }
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((done) => s.close(done))));
  return ports;
}

// end asks a process to end, and waits until it has.
export async function end(child, ask = () => child.kill('SIGTERM')) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  ask();
  const timer = setTimeout(() => child.kill('SIGKILL'), 10000);
  await exited;
  clearTimeout(timer);
}
