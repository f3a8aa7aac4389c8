// Short messages about what was done. A screen reader reads them out; they leave by themselves.

import { createStore, useStore } from '../store.js'

const SHOWN_MS = 6_000
const toasts = createStore([])
let told = 0

export function say(text, tone = 'good') {
  const toast = { id: (told += 1), text, tone }
  // The same words once more are not one more line.
  toasts.set([...toasts.get().filter((other) => other.text !== text).slice(-3), toast])
  setTimeout(() => toasts.set(toasts.get().filter(({ id }) => id !== toast.id)), SHOWN_MS)
}

export function Toasts() {
  const shown = useStore(toasts)
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, tone }) => (
        <p key={id} class={tone}>{text}</p>
      ))}
    </div>
  )
}
