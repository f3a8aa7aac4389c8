// What is on the screen is asked for again and again: only while it is shown, and not while nobody looks.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { createStore } from '../store.js'
import { NoAnswer, request } from './client.js'

export const EVERY_MS = 2_000

/** Moves when this page changed something, so that everything shown is asked for anew. */
const changes = createStore(0)

export function tellChange() {
  changes.set(changes.get() + 1)
}

/**
 * Keeps the answer to `GET api/<path>` fresh. `path` may be `null`: then nothing is asked.
 *
 * Gives `{ data, at, error, isOld }`: the last good answer, when it came, why there is no newer one, and whether it
 * answers another query of the same path. An answer is kept while the broker is away, and while only the query changes.
 */
export function useLive(path, { every = EVERY_MS } = {}) {
  const [state, setState] = useState({ path: null, data: undefined, error: null, at: 0 })
  const again = useRef(() => {})

  useEffect(() => {
    if (path === null) return
    const gone = new AbortController()
    let timer
    let current = null

    async function ask() {
      clearTimeout(timer)
      current?.abort()
      const mine = (current = new AbortController())
      const signal = AbortSignal.any([gone.signal, mine.signal])
      try {
        const data = await request('GET', path, { signal })
        setState({ path, data, error: null, at: Date.now() })
      } catch (error) {
        if (signal.aborted) return
        setState((before) => afterError(before, path, error))
      }
      if (!signal.aborted && !document.hidden) timer = setTimeout(ask, every)
    }

    function onVisibility() {
      if (document.hidden) clearTimeout(timer)
      else ask()
    }

    again.current = ask
    document.addEventListener('visibilitychange', onVisibility)
    const unwatch = changes.watch(ask)
    ask()
    return () => {
      gone.abort()
      clearTimeout(timer)
      unwatch()
      document.removeEventListener('visibilitychange', onVisibility)
    }
  }, [path, every])

  const refresh = useCallback(() => again.current(), [])
  const isSame = path !== null && state.path !== null && resource(state.path) === resource(path)
  const { data, error, at } = isSame ? state : { data: undefined, error: null, at: 0 }
  return { data, error, at, refresh, isOld: isSame && state.path !== path }
}

/** What was known stays, if it is only the broker that is away; what it refuses to show does not. */
function afterError(before, path, error) {
  const keeps = error instanceof NoAnswer && before.path && resource(before.path) === resource(path)
  return keeps
    ? { ...before, error }
    : { path, data: undefined, error, at: 0 }
}

function resource(path) {
  return path.split('?')[0]
}
