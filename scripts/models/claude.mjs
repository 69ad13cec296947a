// Reads the rules of @ai-sdk/anthropic's getModelCapabilities: a list of conditions
// on the model's name, each with facts. They become rows of which the first that
// matches wins.
import fs from 'node:fs'
import path from 'node:path'

export function claudeRows(dir) {
  const text = fs.readFileSync(path.join(dir, 'dist/index.js'), 'utf8')
  // The functions and constants in question use nothing from outside, but are not exported.
  const part = re => {
    const m = re.exec(text)
    if (!m) throw new Error(`@ai-sdk/anthropic: ${re} is not where it was`)
    return m[0]
  }
  const code = [
    part(/^const legacyClaude = [\s\S]*?(?=^function defineRuntime\()/m), part(/^function defineRuntime\([\s\S]*?^}$/m),
    part(/^const runtimeRules = \[[\s\S]*?^\];$/m), part(/^function resolveRuntimeDefinition\([\s\S]*?^}$/m),
  ].join('\n')
  const { rules, resolve } = new Function(`${code}\nreturn { rules: runtimeRules, resolve: resolveRuntimeDefinition }`)()
  return [
    ...rules.map(r => ({ match: conditions(r.matches.toString()), set: capabilities(r.definition) })),
    // Any Claude that no rule names is newer than the package.
    { match: ['~claude-'], set: capabilities(resolve('claude-')) },
  ]
}

function conditions(fn) {
  const match = []
  const rest = fn.replace(/^\(modelId\) => /, '')
    .replace(/modelId\.includes\("([^"]+)"\)/g, (_, s) => (match.push('~' + s), ''))
    .replace(/\/(.+)\/\.test\(\s*modelId\s*\)/, (_, re) => (match.push('/' + re2(re)), ''))
  if (/[^\s|]/.test(rest) || match.length === 0) throw new Error(`@ai-sdk/anthropic: condition ${fn}`)
  return match
}

// A look ahead at the end of an expression is as good as a look.
function re2(re) {
  const out = re.replace(/\(\?=([^()]*)\)(?=\||\)+$)/g, '(?:$1)')
  if (/\(\?[=!<]/.test(out)) throw new Error(`@ai-sdk/anthropic: ${re} looks around`)
  return out
}

const FACTS = ['maxOutputTokens', 'nativeStructuredOutput', 'adaptiveThinking', 'samplingParameters', 'xhighEffort', 'thinkingCanBeDisabledAboveHighEffort',
  'thinkingCanBeDisabled', 'budgetThinking', 'forcedToolUse', 'betweenToolsThinking', 'knownModel']

function capabilities(d) {
  const unknown = Object.keys(d).filter(k => !FACTS.includes(k))
  if (unknown.length) throw new Error(`@ai-sdk/anthropic: ${unknown} is a fact that nobody has looked at`)
  return {
    max_output_tokens: d.maxOutputTokens,
    ...(!d.samplingParameters && { rejects_sampling: true }),
    ...(!d.thinkingCanBeDisabled && { rejects_thinking_disabled: true }),
    ...(!d.budgetThinking && { rejects_budget_thinking: true }),
    ...(!d.forcedToolUse && { rejects_forced_tool_use: true }),
    ...(d.betweenToolsThinking && { between_tools_thinking: true }),
    // Whatever thinks adaptively takes an effort; the reverse is not true.
    ...(d.adaptiveThinking && { adaptive_thinking: true, effort: true }),
    ...(!d.nativeStructuredOutput && { no_structured_output: true }),
    ...(d.xhighEffort && { efforts: ['low', 'medium', 'high', 'xhigh', 'max'] }),
  }
}
