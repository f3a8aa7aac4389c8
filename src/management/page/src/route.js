// Which page is shown: the part of the address behind the `#`, as `#/queues/<vhost>/<name>?sort=messages`.

import { createStore, useStore } from './store.js'

const route = createStore(read())

addEventListener('hashchange', () => route.set(read()))

/** `{ parts: ['queues', '/', 'orders'], query: URLSearchParams, key }`; `key` names the page without its query. */
export function useRoute() {
  return useStore(route)
}

/** The address of a page. */
export function href(...parts) {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

export function go(...parts) {
  location.hash = href(...parts)
}

/** Changes the query of the page that is shown, without a step in the browser's history. */
export function setQuery(values) {
  const { key, query } = route.get()
  const next = new URLSearchParams(query)
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === '' || value === undefined) next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString()
  history.replaceState(null, '', text === '' ? key : `${key}?${text}`)
  route.set(read())
}

function read() {
  const [path, ...rest] = location.hash.replace(/^#\/?/, '').split('?')
  const parts = path.split('/').map(decode)
  return { parts: parts[0] === '' ? [] : parts, query: new URLSearchParams(rest.join('?')), key: `#/${path}` }
}

/** Somebody may have written the address by hand. */
function decode(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
