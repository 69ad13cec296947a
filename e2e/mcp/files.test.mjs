// server-filesystem over stdio: a server that people really run.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { clients, connect } from './clients.mjs';
import { folder } from './services.mjs';
import { behindGateway, each, it, start } from './stack.mjs';

const ids = ['filesystem-stdio'];
const stack = await start(ids);
after(() => stack.stop());

each(stack, ids, (target) => {
  for (const name of Object.keys(clients)) {
    it(`reads and writes files: ${name}`, async () => {
      // Without roots: with them, the client's would take the place of the folder given.
      const session = await connect(name, target, { options: { capabilities: {} } });
      const { tools } = await session.client.listTools();
      assert.ok(tools.length >= 14, String(tools.length));
      assert.match(await session.text('list_allowed_directories'), new RegExp(folder()));
      assert.equal(await session.text('read_text_file', { path: join(folder(), 'hello.txt') }), 'Hello from a file: ü\n');
      const file = join(folder(), `written-${target.via}-${name.split(' ')[0]}.txt`);
      const content = 'a\r\nb\u2028🌍'.repeat(50000);
      await session.call('write_file', { path: file, content });
      assert.equal(readFileSync(file, 'utf8'), content);
      assert.equal(await session.text('read_text_file', { path: file }), content);
      const outside = await session.call('read_text_file', { path: '/etc/passwd' });
      assert.equal(outside.isError, true);
      await session.close();
    });
  }

  it('takes the roots of the client instead of its arguments', async () => {
    const session = await connect('sdk 1.32.2', target, { requests: { 'roots/list': () => ({ roots: [{ uri: 'file:///usr/lib' }] }) } });
    for (let tries = 0; !/\/usr\/lib/.test(await session.text('list_allowed_directories')); tries++) {
      assert.ok(tries < 100, 'the roots are not asked for');
      await new Promise((done) => setTimeout(done, 50));
    }
    await session.close();
  });
});

await behindGateway(['filesystem-kept'], (kept) => {
  it('keeps to its arguments where roots are withheld', async () => {
    let asked = 0;
    const session = await connect('sdk 1.32.2', kept.target('filesystem-kept', 'gateway'), { requests: { 'roots/list': () => { asked++; return { roots: [{ uri: 'file:///etc' }] }; } } });
    await session.client.sendRootsListChanged();
    for (let tries = 0; tries < 5; tries++) {
      assert.match(await session.text('list_allowed_directories'), new RegExp(folder()));
      assert.equal((await session.call('read_text_file', { path: '/etc/passwd' })).isError, true);
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.equal(asked, 0);
    await session.close();
  });
});
