// Loaded before the conformance suite (node --import): it imports fs.globSync, which came
// with Node 22, for a subcommand that is not used here.
import fs from 'node:fs';
import { register } from 'node:module';

const hooks = `
export async function resolve(specifier, context, next) {
  if (specifier === 'fs' && context.parentURL?.includes('/conformance/dist/')) return { url: 'e2e:fs', format: 'module', shortCircuit: true };
  return next(specifier, context);
}
export async function load(url, context, next) {
  if (url !== 'e2e:fs') return next(url, context);
  return { format: 'module', shortCircuit: true, source: "export * from 'node:fs'; export const globSync = undefined;" };
}`;
if (!fs.globSync) register(`data:text/javascript,${encodeURIComponent(hooks)}`);
