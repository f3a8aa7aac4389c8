// Where a message would go, read off the bindings: the same rules as the broker's, without publishing anything.

/** Exchanges whose choice depends on more than their bindings. */
const CHOOSING = ['x-consistent-hash', 'x-modulus-hash', 'x-random', 'x-local-random']

/**
 * Follows a message from `start`.
 *
 * `exchanges` and `bindings` are those of the vhost, as the HTTP API lists them. Gives `{ queues, steps, unsure }`:
 * the queues it reaches, each once; every binding that was looked at, as `{ binding, matches }`; and the exchanges of
 * which only the broker knows what they choose.
 */
export function follow({ start, key, headers, exchanges, bindings }) {
  const keys = [key, ...copies(headers.CC), ...copies(headers.BCC)]
  const types = new Map(exchanges.map((exchange) => [exchange.name, exchange]))
  const bySource = grouped(bindings)
  const queues = new Set()
  const steps = []
  const unsure = []
  const seen = new Set([start])
  const waiting = [start]

  while (waiting.length > 0) {
    const name = waiting.pop()
    const exchange = types.get(name)
    if (!exchange) continue
    const type = typeOf(exchange)
    if (CHOOSING.includes(type)) unsure.push(name)
    const looked = bySource.get(name) ?? []
    const taken = looked.filter((binding) => matches(type, binding, keys, headers))
    steps.push(...looked.map((binding) => ({ binding, matches: taken.includes(binding) })))
    for (const { destination, destination_type: to } of taken) {
      if (to === 'queue') queues.add(destination)
      else enter(destination)
    }
    const alternate = exchange.arguments?.['alternate-exchange']
    if (taken.length === 0 && typeof alternate === 'string') enter(alternate)
  }
  return { queues: [...queues], steps, unsure }

  function enter(name) {
    if (seen.has(name)) return
    seen.add(name)
    waiting.push(name)
  }
}

/** A delayed exchange routes as the type that it was given. */
function typeOf({ type, arguments: args }) {
  return type === 'x-delayed-message' ? args?.['x-delayed-type'] : type
}

function grouped(bindings) {
  const groups = new Map()
  for (const binding of bindings) {
    const group = groups.get(binding.source)
    if (group) group.push(binding)
    else groups.set(binding.source, [binding])
  }
  return groups
}

/** The headers CC and BCC hold further routing keys. */
function copies(list) {
  return Array.isArray(list) ? list.filter((key) => typeof key === 'string') : []
}

function matches(type, binding, keys, headers) {
  switch (type) {
    case 'direct': return keys.includes(binding.routing_key)
    case 'topic': return keys.some((key) => topicMatches(binding.routing_key, key))
    case 'headers': return headersMatch(binding.arguments ?? {}, headers)
    default: return true
  }
}

/** An empty key has no words, while `.` has two that are empty. */
function wordsOf(key) {
  return key === '' ? [] : key.split('.')
}

/** `*` stands for one word, `#` for any number of them. */
export function topicMatches(pattern, key) {
  const words = wordsOf(key)
  // Whether the pattern so far matches the first `n` words.
  let reached = [true, ...words.map(() => false)]
  for (const part of wordsOf(pattern)) {
    const next = words.map(() => false)
    next.unshift(part === '#' && reached[0])
    for (let n = 1; n <= words.length; n += 1) {
      if (part === '#') next[n] = next[n - 1] || reached[n]
      else next[n] = reached[n - 1] && (part === '*' || part === words[n - 1])
    }
    reached = next
  }
  return reached[words.length]
}

/** Without `x-match` all must match; names that begin with `x-` count with `all-with-x` and `any-with-x` alone. */
export function headersMatch(wanted, headers) {
  const mode = wanted['x-match'] ?? 'all'
  const withX = mode.endsWith('-with-x')
  const names = Object.keys(wanted).filter((name) => name !== 'x-match' && (withX || !name.startsWith('x-')))
  const has = (name) => Object.hasOwn(headers, name) && isEqual(wanted[name], headers[name])
  return mode.startsWith('any') ? names.some(has) : names.every(has)
}

function isEqual(one, other) {
  // A binding without a value asks for the header alone.
  return one === null || JSON.stringify(one) === JSON.stringify(other)
}
