// The MCP servers of these tests, by id: how each is started, which eras it speaks, and
// what the gateway is told of it.
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
const own = (name) => join(here, 'servers', name);
const installed = (name) => join(here, 'node_modules/@modelcontextprotocol', name, 'dist/index.js');

// http and sse services have a script that serves at path; stdio services are run for
// each session. Extra are further fields of the service in the gateway's configuration.
const http = (era, script, args, path = '/mcp', extra = {}) => ({ transport: 'streamable_http', era, script, args, path, extra });
const sse = (era, script, args, path) => ({ transport: 'sse', era, script, args, path, extra: {} });
const stdio = (era, script, args, extra = {}) => ({ transport: 'stdio', era, script, args, extra: { isolation: 'session', ...extra } });

export const services = {
  'everything-http': http('legacy', installed('server-everything'), ['streamableHttp']),
  'everything-sse': sse('legacy', installed('server-everything'), ['sse'], '/sse'),
  'everything-stdio': stdio('legacy', installed('server-everything'), ['stdio']),
  'filesystem-stdio': stdio('legacy', installed('server-filesystem'), () => [folder()]),
  'filesystem-kept': stdio('legacy', installed('server-filesystem'), () => [folder()], { withhold_capabilities: ['roots'] }),
  'fixture-http': http('legacy', own('fixture.mjs'), ['http']),
  'fixture-stdio': stdio('legacy', own('fixture.mjs'), ['stdio']),
  'modern-http': http('modern', own('modern.mjs'), ['http']),
  'modern-stdio': stdio('modern', own('modern.mjs'), ['stdio']),
  'dual-http': http('dual', own('modern.mjs'), ['http', 'dual']),
  'dual-stdio': stdio('dual', own('modern.mjs'), ['stdio', 'dual']),
  'raw-http': http('legacy', own('raw.mjs'), ['http', 'legacy']),
  'raw-stdio': stdio('legacy', own('raw.mjs'), ['stdio', 'legacy']),
  'raw-modern-http': http('modern', own('raw.mjs'), ['http', 'modern']),
  'raw-modern-stdio': stdio('modern', own('raw.mjs'), ['stdio', 'modern']),
  // The same servers, shared in other ways.
  'raw-stdio-key': stdio('legacy', own('raw.mjs'), ['stdio', 'legacy'], { isolation: 'key' }),
  'raw-stdio-shared': stdio('legacy', own('raw.mjs'), ['stdio', 'legacy'], { isolation: 'shared' }),
  'fixture-stdio-shared': stdio('legacy', own('fixture.mjs'), ['stdio'], { isolation: 'shared' }),
  'raw-stdio-two': stdio('legacy', own('raw.mjs'), ['stdio', 'legacy'], { max_instances: 2 }),
  'raw-stdio-idle': stdio('legacy', own('raw.mjs'), ['stdio', 'legacy'], { idle_ttl: '1s' }),
  'raw-stdio-env': stdio('legacy', own('raw.mjs'), ['stdio', 'legacy', '; touch pwned', '$(touch pwned)', '`id`'], { env: { GIVEN: 'by the configuration' } }),
  'raw-http-auth': http('legacy', own('raw.mjs'), ['http', 'legacy'], '/mcp', { auth: { type: 'bearer', token: 'upstream-secret-canary' }, headers: { 'X-Fixed': 'yes' } }),
};

// argsOf are the arguments of a service's script.
export const argsOf = ({ args }) => (typeof args === 'function' ? args() : args);

// folder is what server-filesystem may see; it is made anew for each run of the tests.
let made;
export function folder() {
  if (!made) {
    made = realpathSync(mkdtempSync(join(tmpdir(), 'agw-mcp-files-')));
    writeFileSync(join(made, 'hello.txt'), 'Hello from a file: ü\n');
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  return made;
}
