// Agents that reach their model and their tools through one gateway, with one key.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { claude, claudeModel, codex } from './clis.mjs';
import { start, unusable, virtualKey } from './stack.mjs';

// How each of them is told of a server, and what it says to one of each era before it
// calls a tool. Codex knows servers with sessions only.
const agents = {
  claude: {
    protocol: 'messages', route: 'cc-messages', model: claudeModel, named: (tool) => `mcp__gw__${tool.replaceAll('-', '_')}`, shown: (t) => t.name.replaceAll('-', '_'),
    run: (stack, url) => claude(stack, 'cc-messages', {
      args: ['--strict-mcp-config', '--mcp-config', JSON.stringify({ mcpServers: { gw: { type: 'http', url, headers: { Authorization: `Bearer ${virtualKey}` } } } })],
      env: { ENABLE_TOOL_SEARCH: 'false' },
    }),
    begins: { legacy: ['server/discover 400', 'initialize 200'], modern: ['server/discover 200'], dual: ['server/discover 200'] },
  },
  codex: {
    protocol: 'responses', route: 'openai-responses', model: 'gpt-unknown', named: (tool) => `mcp__gw ${tool.replaceAll('-', '_')}`, shown: (t) => `${t.namespace} ${t.name}`,
    run: (stack, url) => codex(stack, 'openai-responses', 'gpt-unknown', { config: `[mcp_servers.gw]\nurl = "${url}"\nbearer_token_env_var = "GATEWAY_KEY"\n` }),
    begins: { legacy: ['initialize 200'], dual: ['initialize 200'] },
  },
};

for (const [name, agent] of Object.entries(agents)) {
  const why = unusable(name);
  if (why) console.error(`${name} is not tested with MCP: ${why}`);

  describe(`${name} with MCP`, { skip: why }, () => {
    let stack;
    before(async () => {
      stack = await start();
    });
    after(() => stack?.stop());

    for (const [era, begins] of Object.entries(agent.begins)) {
      test(`calls a tool of a server: ${era}`, async () => {
        await stack.reset((r) => (r.results.length === 0 ? [{ text: 'Asking.' }, { call: 'say_again', args: { message: 'through the gateway' } }] : [{ text: 'All is done.' }]));
        const got = await agent.run(stack, `${stack.gateway.origin}/mcp-${era}`);
        const { protocol, route, model } = agent;
        await stack.passed(got, { n: 2, protocol, route, model, tools: [[protocol === 'messages' ? 'mcp__gw__say_again' : 'say_again']] });
        assert.equal(got.out.trim(), 'All is done.');

        const [first, second] = stack.upstream.requests;
        const tools = first.tools.map(agent.shown);
        assert.ok(tools.includes(agent.named('say_again')), `by the name that it has on the route: ${tools}`);
        for (const hidden of ['echo', 'headers', 'get-env']) assert.ok(!tools.includes(agent.named(hidden)), hidden);
        assert.match(JSON.stringify(second.results), /Echo: through the gateway/);

        const events = await called(stack, era);
        assert.deepEqual(events.slice(0, begins.length).map((e) => `${e.method} ${e.status_code}`), begins);
        const want = {
          success: true, virtual_key_id: 'everything', service_id: era, tool_name: 'echo', presented_tool_name: 'say_again', executed_tool_name: 'echo',
          policy_action: 'allow', result_status: 'ok',
        };
        const calls = events.filter((e) => e.method === 'tools/call');
        assert.deepEqual(calls.map((e) => Object.fromEntries(Object.keys(want).map((k) => [k, e[k]]))), [want]);
        const failed = events.slice(begins.length).filter((e) => !e.success);
        assert.deepEqual(failed, [], 'nothing else fails, be it a stream that the agent ends');
      });
    }
  });
}

// called waits for the event of a tool's call, and returns those of the server's route.
async function called(stack, era) {
  for (let tries = 0; ; tries++) {
    const { items } = await stack.admin(`/admin/metrics/mcp/events?limit=1000&route_id=mcp-${era}`);
    if (items.some((e) => e.method === 'tools/call') || tries === 100) return items.reverse();
    await new Promise((done) => setTimeout(done, 50)); // they are written in batches
  }
}
