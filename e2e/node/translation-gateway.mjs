// agwd between each kind of caller and each kind of upstream.
import { startAgwd } from './process.mjs';
import { Upstream } from './upstreams/server.mjs';
import { chat } from './upstreams/chat.mjs';
import { gemini } from './upstreams/gemini.mjs';
import { messages } from './upstreams/messages.mjs';
import { responses } from './upstreams/responses.mjs';

const upstreamKey = 'sk-translation-upstream';
const callerKey = 'vk-translation-caller-0123456789';

// The kinds of upstreams: what the gateway must know of each, and the models that
// it is asked for: an ordinary one, the newest, and those that show or sign thoughts.
// OpenAI's chat has no thoughts: OpenRouter's stands in for it there.
export const kinds = [
  { name: 'chat', protocol: chat, type: 'openai', base: '/v1', api: 'chat', model: 'gpt-4.1', newest: { model: 'gpt-5.2' }, thinkers: [{ model: 'anthropic/claude-sonnet-4.5', at: 'router' }] },
  { name: 'responses', protocol: responses, type: 'openai', base: '/v1', api: 'responses', model: 'gpt-4.1', newest: { model: 'gpt-5.2' }, thinkers: [{ model: 'gpt-5.2' }] },
  { name: 'messages', protocol: messages, type: 'anthropic', base: '', model: 'claude-sonnet-4-5', newest: { model: 'claude-opus-4-7' }, thinkers: [{ model: 'claude-sonnet-4-5' }, { model: 'claude-opus-4-7' }] },
  { name: 'gemini', protocol: gemini, type: 'gemini', base: '', model: 'gemini-2.5-flash', newest: { model: 'gemini-3-pro-preview' }, thinkers: [{ model: 'gemini-3-pro-preview' }, { model: 'gemini-2.5-flash' }] },
];
const router = { name: 'router', protocol: chat, type: 'openrouter', base: '/api/v1', api: 'chat' };

export async function start(direct) {
  const stops = [];
  const stop = async () => {
    for (const f of stops.reverse()) await f();
  };
  try {
    const upstreams = {};
    for (const kind of [...kinds, router]) {
      const up = new Upstream(kind.protocol, direct ? callerKey : upstreamKey);
      up.router = kind === router;
      await up.start();
      stops.push(() => up.stop());
      upstreams[kind.name] = up;
    }
    const gateway = direct ? undefined : await startAgwd(stops, { prefix: 'agw-e2e-', password: 'e2e-password', bundle: bundle(upstreams) });
    // The SDKs of OpenAI want the path of OpenRouter without its /v1.
    const under = (name) => (direct ? upstreams[name].url + (name === 'router' ? '/api' : '') : `${gateway.origin}/${name}`);
    return { upstreams, under, key: callerKey, stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

function bundle(upstreams) {
  return {
    apiVersion: 'gateway.agw/v1alpha1',
    kind: 'GatewayBundle',
    providers: [...kinds, router].map((k) => ({ id: k.name, provider_type: k.type, api_key: upstreamKey, base_url: upstreams[k.name].url + k.base, ...(k.api && { options: { api: k.api } }) })),
    llmRoutes: [...kinds, router].flatMap((k) =>
      ['openai', 'anthropic', 'gemini'].map((protocol) => ({
        id: `${protocol}-to-${k.name}`, protocol, match_policy: { path_prefix: `/${k.name}` }, auth_policy: { require_virtual_key: true },
        target_policy: { provider_target: { provider_id: k.name } },
      }))),
    virtualKeys: [{ id: 'caller', key: callerKey, allowed_route_ids: ['*'] }],
  };
}
