// The two SDKs behind one face, for tests that say the same of both.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';

export const dialects = [
  {
    name: 'openai',
    errors: OpenAI,
    client: (stack, options) => stack.openai(options),
    under: (stack, prefix, options) => stack.openai({ baseURL: `${stack.origin}${prefix}/v1`, ...options }),
    ask: (client, text, options) => client.chat.completions.create(chat(text), options),
    stream: (client, text, options) => client.chat.completions.create({ ...chat(text), stream: true }, options),
    whole: (client, text) => client.chat.completions.stream(chat(text)).finalChatCompletion(),
    unknownModel: (client) => client.chat.completions.create({ ...chat('hello'), model: 'no-such-model' }),
    errorType: (err) => err.type ?? err.error?.type,
    overloaded: [503, 529],
  },
  {
    name: 'openai responses',
    errors: OpenAI,
    client: (stack, options) => stack.openai(options),
    under: (stack, prefix, options) => stack.openai({ baseURL: `${stack.origin}${prefix}/v1`, ...options }),
    ask: (client, text, options) => client.responses.create(response(text), options),
    stream: (client, text, options) => client.responses.create({ ...response(text), stream: true }, options),
    // This helper alone takes a stream without its end for a good one, and says so in the status only.
    whole: async (client, text) => {
      const got = await client.responses.stream(response(text)).finalResponse();
      if (got.status !== 'completed') throw new Error(`the response is ${got.status}`);
      return got;
    },
    unknownModel: (client) => client.responses.create({ ...response('hello'), model: 'no-such-model' }),
    errorType: (err) => err.type ?? err.error?.type,
    overloaded: [503, 529],
  },
  {
    name: 'anthropic',
    errors: Anthropic,
    client: (stack, options) => stack.anthropic(options),
    under: (stack, prefix, options) => stack.anthropic({ baseURL: stack.origin + prefix, ...options }),
    ask: (client, text, options) => client.messages.create(message(text), options),
    stream: (client, text, options) => client.messages.create({ ...message(text), stream: true }, options),
    whole: (client, text) => client.messages.stream(message(text)).finalMessage(),
    unknownModel: (client) => client.messages.create({ ...message('hello'), model: 'no-such-model' }),
    errorType: (err) => err.error?.error?.type,
    overloaded: [529, 503],
  },
];

const chat = (content) => ({ model: 'gpt-test', messages: [{ role: 'user', content }] });
const response = (input) => ({ model: 'gpt-test', input });
const message = (content) => ({ model: 'claude-test', max_tokens: 64, messages: [{ role: 'user', content }] });

// drain reads a stream to its end and returns the number of its events.
export async function drain(stream) {
  let n = 0;
  for await (const _ of await stream) n++;
  return n;
}
