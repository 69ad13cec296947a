// Converts two npm packages, unpacked, to llm/models' own data. The output depends
// on nothing but the input. What it does not understand it refuses: a rate or a
// rule that is lost in silence would be a wrong price.
//
//   node convert.mjs <genai-prices> <anthropic> <output folder>
import fs from 'node:fs'
import path from 'node:path'
import { claudeRows } from './claude.mjs'
import { matchOf } from './match.mjs'

const [pricesDir, claudeDir, outDir] = process.argv.slice(2)
const manifest = dir => JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8'))
const source = (dir, license, copyright) => {
  const m = manifest(dir)
  if (m.license !== license) throw new Error(`${m.name}: licence ${m.license} is not ${license}: may it be used?`)
  return { package: m.name, version: m.version, license, copyright }
}

// Ours from theirs. What is bought by the hour, page, pixel or search in a file
// store is no part of llm.Usage, so that a model priced by it alone has no price.
const KEYS = {
  input_mtok: 'in', output_mtok: 'out', output_reasoning_mtok: 'reasoning',
  cache_read_mtok: 'read', cache_write_mtok: 'write', cache_write_1h_mtok: 'write_1h',
  input_audio_mtok: 'audio_in', output_audio_mtok: 'audio_out', cache_audio_read_mtok: 'audio_read',
  output_image_mtok: 'image_out', output_video_mtok: 'image_out',
  requests_kcount: 'per_1k_requests', web_searches_kcount: 'per_1k_web_searches',
}
const LEFT_OUT = new Set([
  'audio_hours', 'input_audio_hours', 'input_document_kpages', 'input_annotated_document_kpages', 'input_text_messages_kcount',
  'storage_searches_kcount', 'social_searches_kcount', 'rerank_searches_kcount', 'input_image_mtok', 'input_video_mtok',
  'cache_image_read_mtok', 'output_citation_mtok',
])

// The source writes "free" and "not known" alike, as no rates at all. These are free.
const isFree = (provider, id) => id.endsWith(':free') || (provider === 'openai' && id === 'moderation')

function rate(where, n) {
  if (typeof n !== 'number' || !(n >= 0) || n > 1e6) throw new Error(`${where}: ${n} is no rate`)
  const nano = Math.round(n * 1e9)
  if (n > 0 && nano === 0) throw new Error(`${where}: ${n} is finer than a nano-dollar`)
  return nano / 1e9
}

function rates(where, prices) {
  const base = {}, tiers = new Map()
  const known = Object.entries(prices).filter(([k]) => {
    if (!KEYS[k] && !LEFT_OUT.has(k)) throw new Error(`${where}: ${k} is a price that nobody has looked at`)
    return KEYS[k]
  })
  for (const [k, v] of known) {
    base[KEYS[k]] = rate(where, typeof v === 'object' ? v.base : v)
    for (const t of v.tiers ?? []) tiers.set(t.start, {})
  }
  const above = [...tiers.keys()].sort((a, b) => a - b)
  for (const start of above) {
    const tier = { above: start }
    for (const k of ORDER) for (const [theirs, v] of known) {
      if (KEYS[theirs] !== k || typeof v !== 'object') continue
      const at = v.tiers.filter(t => t.start <= start).sort((a, b) => a.start - b.start).pop()
      if (at) tier[k] = rate(where, at.price)
    }
    tiers.set(start, tier)
  }
  const out = {}
  for (const k of ORDER) if (k in base) out[k] = base[k]
  if (above.length) out.tiers = above.map(s => tiers.get(s))
  return out
}
const ORDER = [...new Set(Object.values(KEYS))]

function timeOfDay(where, s) {
  const m = /^(\d\d:\d\d):00Z$/.exec(s)
  if (!m) throw new Error(`${where}: time of day ${s}`)
  return m[1]
}

function periods(provider, model) {
  const where = `${provider} ${model.id}`
  const list = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  const out = list.map(({ constraint: c, prices }) => {
    const r = rates(where, prices)
    if (c === undefined) return r
    if (c.type === 'start_date') return { from: c.start_date, ...r }
    if (c.type === 'time_of_date') return { daily: [timeOfDay(where, c.start_time), timeOfDay(where, c.end_time)], ...r }
    throw new Error(`${where}: constraint ${JSON.stringify(c)}`)
  })
  if (Object.keys(list[0].prices).length === 0 && isFree(provider, model.id)) return [{ in: 0, out: 0 }]
  return out.some(r => 'in' in r) ? out : undefined
}

async function providers(dir) {
  // The package exports no list of its providers; its first constant is it.
  const text = fs.readFileSync(path.join(dir, 'dist/index.js'), 'utf8')
  const first = /^const (\w+) = \[/.exec(text)
  if (!first) throw new Error('genai-prices: dist/index.js does not begin with its data any more')
  const file = path.join(dir, 'dist/with-data.mjs')
  fs.writeFileSync(file, `${text}\nexport { ${first[1]} as data }\n`)
  const { data } = await import(path.resolve(file))
  return data
}

// One line a model, so that a difference between two versions can be read.
function write(file, head, key, groups) {
  const body = groups.map(([g, name, rows]) =>
    `{${JSON.stringify(g).slice(1, -1)},"${name}":[\n${rows.map(r => '  ' + JSON.stringify(r)).join(',\n')}\n]}`)
  fs.writeFileSync(path.join(outDir, file), `{"source":${JSON.stringify(head)},\n"${key}":[\n${body.join(',\n')}\n]}\n`)
}

const list = (await providers(pricesDir)).sort((a, b) => (a.id < b.id ? -1 : 1))
write('prices.json', source(pricesDir, 'MIT', 'Copyright (c) Pydantic Services Inc. 2025 to present'), 'providers', list.map(p => [
  { id: p.id, name: p.name, url: p.api_pattern, ...(p.fallback_model_providers && { fallback: p.fallback_model_providers }) },
  'models',
  // In the source's order, since the first that matches wins.
  p.models.map(m => {
    const match = matchOf(m.match)
    return {
      id: m.id,
      ...(m.name && { name: m.name.trim() }),
      ...(JSON.stringify(match) !== JSON.stringify([`=${m.id.toLowerCase()}`]) && { match }),
      ...(m.context_window && { context: m.context_window }),
      prices: periods(p.id, m),
    }
  }),
]))
write('claude.json', source(claudeDir, 'Apache-2.0', 'Copyright 2023 Vercel, Inc.'), 'groups',
  [[{ name: 'claude, as @ai-sdk/anthropic knows it' }, 'rows', claudeRows(claudeDir)]])
