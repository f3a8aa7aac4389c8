// What stands where an answer of the broker belongs: the content, why there is none, or that it is awaited.

import { NoAnswer } from '../api/client.js'

export function Answer({ of: live, missing, children }) {
  if (live.data !== undefined) return children(live.data)
  const { error } = live
  if (error?.status === 404 && missing) return <p class="empty">{missing}</p>
  if (error && !(error instanceof NoAnswer)) return <p class="empty" role="alert">{error.message}</p>
  return <p class="empty" aria-busy="true">…</p>
}
