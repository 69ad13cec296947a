// The CLIs as they are run in these tests: with the gateway as their only provider, and
// nobody to ask.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { virtualKey } from './stack.mjs';

export const claudeModel = 'claude-sonnet-4-6';

export const outTxt = (dir) => existsSync(join(dir, 'out.txt')) && readFileSync(join(dir, 'out.txt'), 'utf8');

export function claude(stack, route, { prompt = 'Do it.', key = virtualKey, args = [], env = {}, keep } = {}) {
  return stack.run('claude', ['-p', prompt, '--dangerously-skip-permissions', ...args], {
    keep,
    env: {
      ANTHROPIC_BASE_URL: `${stack.origin}/${route}`, ANTHROPIC_AUTH_TOKEN: key, ANTHROPIC_MODEL: claudeModel,
      ...Object.fromEntries(['OPUS', 'SONNET', 'HAIKU', 'FABLE'].map((size) => [`ANTHROPIC_DEFAULT_${size}_MODEL`, claudeModel])),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1', DISABLE_AUTOUPDATER: '1',
      IS_SANDBOX: '1', // it runs tools unasked as root in a sandbox only
      ...env,
    },
  });
}

// codex runs Codex; config is more of its config.toml.
export function codex(stack, route, model, { key = virtualKey, retries = 1, config = '' } = {}) {
  const toml = `
model = "${model}"
model_provider = "gateway"
check_for_update_on_startup = false
[analytics]
enabled = false
[features]
plugins = false
[model_providers.gateway]
name = "gateway"
base_url = "${stack.origin}/${route}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
request_max_retries = ${retries}
stream_max_retries = ${retries}
${config}`;
  return stack.run('codex', ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', 'Do it.'], {
    env: { GATEWAY_KEY: key },
    home: (dir) => {
      mkdirSync(join(dir, '.codex'));
      writeFileSync(join(dir, '.codex', 'config.toml'), toml);
    },
    keep: outTxt,
  });
}
