// The table that the tests write into docs/translation.md.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { kinds } from './translation-gateway.mjs';

const file = new URL('../../docs/translation.md', import.meta.url);
const begin = '<!-- written by e2e/node/translation.test.mjs: UPDATE=1 ./e2e/run -->';
const end = '<!-- end -->';

const titles = { chat: 'chat', responses: 'Responses', messages: 'Messages', gemini: 'generateContent' };

const cell = (told) => {
  if (told === undefined) return '?';
  if (told === '') return 'yes';
  const [how, names] = told.includes(': ') ? told.split(': ') : ['dropped', told];
  return `${how}: ${names.split(',').map((n) => `\`${n}\``).join(', ')}`;
};

const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((r) => `| ${r.join(' | ')} |`).join('\n');

function render(found, scenarios, settings) {
  const out = ['## Scenarios', '', '`yes` is carried, and nothing reported. The rows are a caller and the upstream behind it.', ''];
  out.push(table(['from, to', ...scenarios], Object.entries(found.scenarios).map(([pair, row]) => {
    const [from, to] = pair.split(' to ');
    return [`${titles[from]} → ${titles[to]}`, ...scenarios.map((s) => cell(row[s]))];
  })), '');
  for (const [caller, rows] of Object.entries(found.settings)) {
    const others = kinds.filter((k) => k.name !== caller);
    out.push(`## Settings of ${titles[caller]}`, '');
    out.push(table(['', ...others.map((k) => `to ${titles[k.name]}`)], settings[caller].map((s) => [s.name, ...others.map((k) => cell(rows[s.name]?.[k.name]))])), '');
  }
  return out.join('\n');
}

export function checkTable(found, scenarios, settings) {
  const all = readFileSync(file, 'utf8');
  const from = all.indexOf(begin) + begin.length, to = all.indexOf(end);
  assert.ok(from >= begin.length && to > from, 'docs/translation.md has lost its markers');
  const want = `\n\n${render(found, scenarios, settings)}\n`;
  assert.ok(!want.includes('| ? '), 'some cells have failed');
  if (process.env.UPDATE === '1') writeFileSync(file, all.slice(0, from) + want + all.slice(to));
  else assert.equal(all.slice(from, to), want, 'the table is not what the tests found: read the difference, and write it with UPDATE=1');
}
