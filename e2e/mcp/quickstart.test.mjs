// The MCP quick start of the brief, command by command: an HTTP server, and a command.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { promisify } from 'node:util';
import { here } from './services.mjs';
import { it, start, startAgwd, throughGateway } from './stack.mjs';

const agwctl = process.env.AGWCTL ?? join(here, '../../agwctl');

const overHTTP = `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
mcpServices:
  - id: mcp-main
    name: Main MCP Service
    transport: streamable_http
    url: \${MCP_SERVICE_URL}
mcpRoutes:
  - service_id: mcp-main
    match_policy:
      path_prefix: /mcp
    auth_policy:
      require_virtual_key: true
virtualKeys:
  - id: mcp-key
    allowed_route_ids:
      - mcp:mcp-main:/mcp
`;

const overStdio = `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
mcpServices:
  - id: mcp-fs
    name: Filesystem MCP Service
    transport: stdio
    command: npx
    args: ["-y", "@modelcontextprotocol/server-filesystem", "/tmp"]
mcpRoutes:
  - service_id: mcp-fs
    match_policy:
      path_prefix: /mcp
    auth_policy:
      require_virtual_key: true
virtualKeys:
  - id: mcp-key
    allowed_route_ids:
      - mcp:mcp-fs:/mcp
`;

if (throughGateway) {
  const servers = await start(['everything-http']);
  after(() => servers.stop());

  for (const [what, bundle, service, tool] of [
    ['streamable HTTP', overHTTP, 'mcp-main', 'echo'],
    ['stdio', overStdio, 'mcp-fs', 'read_text_file'],
  ]) {
    it(what, async (t) => {
      const stops = [];
      t.after(async () => {
        for (const stop of stops.reverse()) await stop();
      });
      // npx finds the package where the gateway runs; it has nowhere else to look.
      const gateway = await startAgwd(stops, { cwd: here, env: { npm_config_offline: 'true', npm_config_update_notifier: 'false' } });
      const file = join(gateway.dir, 'gateway.bundle.mcp.yaml');
      writeFileSync(file, bundle);
      const env = {
        PATH: process.env.PATH, HOME: gateway.dir, AGW_ADMIN_ADDR: gateway.admin, AGW_ADMIN_BASIC_AUTH: gateway.auth,
        MCP_SERVICE_URL: `${servers.origins['everything-http']}/mcp`,
      };
      const run = async (command, ...args) => (await promisify(execFile)(command, args, { env, cwd: gateway.dir })).stdout;
      const ctl = (...args) => run(agwctl, ...args);
      assert.ok(existsSync(agwctl), `${agwctl} is not there: build it, or set AGWCTL`);

      const lines = (action, counts) => `gateway apply: ${file}\n  ${action} mcp_service ${service}\n  ${action} mcp_route mcp:${service}:/mcp\n  ${action} virtual_key mcp-key\nsummary: ${counts}\n`;
      assert.equal(await ctl('gateway', 'apply', '-f', file), lines('create', 'create=3 update=0 skip=0 error=0'));
      assert.match(await ctl('gateway', 'apply', '-f', file), /summary: create=0 update=0 skip=3 error=0/);

      assert.match(await ctl('gateway', 'mcp-service', 'tools', service), new RegExp(`^${tool}\\b`, 'm'));
      const { key } = JSON.parse(await ctl('gateway', 'virtualkey', 'get', 'mcp-key'));
      assert.match(key, /^vk-/);
      const curl = (...more) => run('curl', '-s', `${gateway.origin}/mcp`, '-H', 'Content-Type: application/json', ...more, '-d', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
      const answer = JSON.parse(await curl('-H', `Authorization: Bearer ${key}`));
      assert.equal(answer.id, 1);
      assert.ok(answer.result.tools.some((listed) => listed.name === tool));
      assert.equal(await curl('-o', '/dev/null', '-w', '%{http_code}'), '401');

      // What the rest of the command line has to say of it.
      assert.match(await ctl('gateway', 'mcp-service', 'capabilities', service), /serverInfo\.name/);
      const result = JSON.parse(service === 'mcp-main'
        ? await ctl('gateway', 'mcp-service', 'tool-call', service, 'echo', '--arguments', '{"message":"from agwctl"}')
        : await ctl('gateway', 'mcp-service', 'tool-call', service, 'list_allowed_directories'));
      assert.match(result.content[0].text, service === 'mcp-main' ? /Echo: from agwctl/ : /\/tmp/);
      if (service === 'mcp-main') {
        assert.match(await ctl('gateway', 'mcp-service', 'resources', service), /architecture\.md/);
        assert.match(await ctl('gateway', 'mcp-service', 'resource-templates', service), /demo:\/\/resource\/dynamic\/text/);
        assert.match(await ctl('gateway', 'mcp-service', 'prompts', service), /simple-prompt/);
        assert.match(await ctl('gateway', 'mcp-service', 'resource-read', service, 'demo://resource/dynamic/text/1'), /Resource 1:/);
        assert.match(await ctl('gateway', 'mcp-service', 'prompt-get', service, 'simple-prompt'), /simple prompt without arguments/);
      }
      for (const what of ['get', 'inflight', 'progress', 'history']) await ctl('gateway', 'mcp-runtime', what);
      await ctl('gateway', 'mcp-service', 'sessions', service);
    }, 120000);
  }
}
