// Paths of the HTTP API: each part is encoded, whatever it contains.

/** `at('queues', '/', 'a b')` is `queues/%2F/a%20b`. */
export function at(...parts) {
  return parts.map(encodeURIComponent).join('/')
}

/** `withQuery('queues', { page: 1, name: '' })` is `queues?page=1`. */
export function withQuery(path, values) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, value)
  }
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

/** The default exchange has no name, but a path needs one. */
export function exchangePart(name) {
  return name === '' ? 'amq.default' : name
}
