// What a route lets its callers see and call of a server's tools.
import assert from 'node:assert/strict';
import { connect, clients } from './clients.mjs';
import { behindGateway, it } from './stack.mjs';

const ids = ['raw-http', 'raw-modern-http', 'raw-stdio'];

await behindGateway(ids, (stack) => {
  const policy = {
    mode: 'deny', tools: ['odd', 'never'], overrides: { echo: { name: 'say', description: 'Says it "again"' }, whoami: { description: 'who' } },
  };
  const reached = async (id) => (stack.origins[id] ? (await (await fetch(`${stack.origins[id]}/_seen`)).json()).filter((s) => s.name).map((s) => s.name) : []);

  for (const id of ids) {
    for (const name of Object.keys(clients)) {
      if (id === 'raw-modern-http' && name === 'sdk 1.32.2') continue; // refused: see eras.test.mjs
      it(`${id}, ${name}`, async () => {
        const prefix = `/policed/${id}/${name.split(' ')[0]}`;
        await stack.admin('mcp/routes', {
          method: 'POST', status: 201,
          body: { service_id: id, match_policy: { path_prefix: prefix }, auth_policy: { require_virtual_key: true }, tool_policy: policy },
        });
        const target = { ...stack.target(id, 'gateway'), url: new URL(stack.gateway.origin + prefix) };
        const session = await connect(name, target);
        const { tools } = await session.client.listTools();
        const names = tools.map((tool) => tool.name);
        for (const gone of ['odd', 'never', 'echo']) assert.ok(!names.includes(gone), gone);
        assert.deepEqual(tools.filter((tool) => ['say', 'whoami'].includes(tool.name)).map((tool) => [tool.name, tool.description]), [['say', 'Says it "again"'], ['whoami', 'who']]);
        assert.equal(await session.text('say', { message: 'alias' }), 'Echo: alias');
        for (const denied of ['odd', 'never', 'echo']) {
          await assert.rejects(session.call(denied, {}, { timeout: 5000 }), (err) => err.code === -32601 || /-32601/.test(err.message), denied);
        }
        assert.ok(!(await reached(id)).includes('odd'));
        await session.close();

        for (let tries = 0; ; tries++) {
          const { items } = await stack.admin(`metrics/mcp/events?route_id=${encodeURIComponent(`mcp:${id}:${prefix}`)}&limit=100`);
          const denied = items.filter((event) => event.policy_action === 'deny').map((event) => event.presented_tool_name);
          const said = items.find((event) => event.presented_tool_name === 'say');
          if (denied.length >= 3 && said) {
            assert.deepEqual([...new Set(denied)].sort(), ['echo', 'never', 'odd']);
            assert.equal(said.executed_tool_name, 'echo');
            break;
          }
          assert.ok(tries < 100, JSON.stringify(items));
          await new Promise((done) => setTimeout(done, 50));
        }
      });
    }
  }
});
