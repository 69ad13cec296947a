// Runs services, and the gateway in front of them, for tests in other languages or by hand:
// prints where they are as one line of JSON, and ends with its input.
//
//   node serve.mjs everything-http modern-http
import { start, vias } from './stack.mjs';

const ids = process.argv.slice(2);
const stack = await start(ids);
console.log(JSON.stringify(ids.flatMap((id) => vias.map((via) => stack.target(id, via)))));
process.stdin.on('end', async () => {
  await stack.stop();
  process.exit();
}).resume();
