// The field that a list is filtered by. The key `/` leads there from anywhere on the page.

import { useEffect, useRef, useState } from 'preact/hooks'

/** Until the list follows what is typed. */
const REST_MS = 250

export function Filter({ label, value, regex, onChange }) {
  const [text, setText] = useState(value)
  const input = useRef(null)
  const timer = useRef(0)

  useEffect(() => () => clearTimeout(timer.current), [])
  useEffect(() => {
    function focus(event) {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
      if (event.target.closest('input, textarea, select, dialog')) return
      event.preventDefault()
      input.current.focus()
    }
    document.addEventListener('keydown', focus)
    return () => document.removeEventListener('keydown', focus)
  }, [])

  function type(event) {
    const next = event.currentTarget.value
    setText(next)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => onChange({ name: next }), REST_MS)
  }

  return (
    <div class="filter" role="search">
      <input
        ref={input} type="search" aria-label={label} placeholder={`${label}  ( / )`} value={text}
        autocomplete="off" spellcheck={false} onInput={type}
      />
      {regex !== undefined && (
        <label class="check">
          <input
            type="checkbox" checked={regex}
            onChange={(event) => onChange({ regex: event.currentTarget.checked })}
          />
          Regex
        </label>
      )}
    </div>
  )
}
