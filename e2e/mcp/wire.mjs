// HTTP by hand: what goes over the wire, without an SDK that smooths it.
import { modernVersion } from './clients.mjs';

// envelope is what a request of the modern era carries.
export const envelope = (version = modernVersion, capabilities = { elicitation: {}, sampling: {}, roots: {} }) => ({
  _meta: {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    'io.modelcontextprotocol/clientInfo': { name: 'e2e-wire', version: '0' },
  },
});

// exchange posts a message, and reads all of the answer; headers that are undefined are
// left out, and so is the version of the modern era unless it is given. With until it
// reads no further than that pattern.
export async function exchange(target, message, { signal, until, ...headers } = {}) {
  const all = {
    'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': modernVersion, ...target.headers, ...headers,
  };
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  const resp = await fetch(target.url, { method: 'POST', body, signal, headers: Object.entries(all).filter(([, v]) => v !== undefined) });
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of resp.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (until?.test(text)) break;
  }
  return { status: resp.status, headers: resp.headers, text, ...messagesOf(resp, text) };
}

function messagesOf(resp, text) {
  const type = resp.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    const events = parseEvents(text);
    const raw = events.map((event) => event.data).filter((data) => data !== '');
    return { events, raw, messages: raw.map((data) => JSON.parse(data)) };
  }
  if (!type.startsWith('application/json') || text === '') return { raw: [], messages: [] };
  try {
    return { raw: [text], messages: [JSON.parse(text)] };
  } catch {
    return { raw: [text], messages: [] };
  }
}

// parseEvents are the events of a stream that are whole.
export function parseEvents(text) {
  return text.split(/\r?\n\r?\n/).slice(0, -1).map((block) => {
    const lines = block.split(/\r?\n/);
    const field = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ''));
    return { id: field('id').at(-1), event: field('event').at(-1), retry: field('retry').at(-1), data: field('data').join('\n') };
  });
}
