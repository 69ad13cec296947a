// A rule is a list of which one must match; a member is a string, or {"all":[…]}.
// The first character of a string says how it matches: = equals, ^ begins, $ ends,
// ~ contains, / is a regular expression of RE2; ! before it negates it.

export function matchOf(m) {
  const members = 'or' in m ? m.or.flatMap(matchOf) : [member(m)]
  // Names that differ in case alone are the same here.
  return [...new Map(members.map(x => [JSON.stringify(x), x])).values()]
}

function member(m) {
  const [[kind, v], ...more] = Object.entries(m)
  if (more.length) throw new Error(`match: ${JSON.stringify(m)}`)
  switch (kind) {
    case 'equals': return '=' + v.toLowerCase()
    case 'starts_with': return guarded('^', v.toLowerCase())
    case 'ends_with': return '$' + v.toLowerCase()
    case 'contains': return guarded('~', v.toLowerCase())
    case 'and': return all(v.map(member))
    case 'regex': return re2(v)
  }
  throw new Error(`match: ${kind} is not known`)
}

const all = list => {
  const flat = list.flatMap(x => (typeof x === 'object' ? x.all : [x]))
  return flat.length === 1 ? flat[0] : { all: flat }
}

// "claude-sonnet-5" as a beginning would give claude-sonnet-5-5 the price of its
// predecessor. A price that nobody published is not known.
function guarded(kind, v) {
  if (!/claude-[a-z]+-\d+$/.test(v)) return kind + v
  return { all: [kind + v, `!/${escape(v)}[-.]\\d{1,2}(?:\\D|$)`] }
}

const escape = s => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

// RE2 cannot look ahead, but "^(?!x)y" is "not ^x, and ^y".
function re2(v) {
  if (!v.startsWith('^(?!')) {
    if (/\(\?[=!<]/.test(v)) throw new Error(`match: ${v} looks around`)
    return '/' + v
  }
  let depth = 0, i = 1
  for (; i < v.length; i++) {
    if (v[i] === '\\') i++
    else if (v[i] === '(') depth++
    else if (v[i] === ')' && --depth === 0) break
  }
  const not = v.slice(4, i), rest = v.slice(i + 1)
  if (/\(\?[=!<]/.test(not + rest)) throw new Error(`match: ${v} looks around`)
  return all([`!/^${not}`, ...(rest ? [`/^${rest}`] : [])])
}
