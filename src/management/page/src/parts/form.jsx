// Forms: fields with labels, a button that waits, and the broker's words when it refuses.

import { useId, useRef, useState } from 'preact/hooks'
import { tellChange } from '../api/live.js'
import { say } from './toasts.jsx'

/** Something that was typed cannot be sent. */
export class Mistake extends Error {}

/** `bind('name')` ties a field to a value; `values` has them all. */
export function useFields(initial) {
  const [values, setValues] = useState(initial)
  const set = (name, value) => setValues((before) => ({ ...before, [name]: value }))
  const bind = (name) => ({ value: values[name], onChange: (value) => set(name, value) })
  return { values, set, bind }
}

/** Does something once at a time; `done`, if given, is told to the user. */
export function useAction(action, { done, then } = {}) {
  const [state, setState] = useState({ isBusy: false, error: null })
  const isBusy = useRef(false)
  async function run(...args) {
    if (isBusy.current) return
    isBusy.current = true
    setState({ isBusy: true, error: null })
    try {
      const result = await action(...args)
      setState({ isBusy: false, error: null })
      const text = typeof done === 'function' ? done(result) : done
      if (text) say(text)
      then?.(result)
      tellChange()
    } catch (error) {
      setState({ isBusy: false, error })
    } finally {
      isBusy.current = false
    }
  }
  return { ...state, run }
}

export function Form({ action, button, danger = false, cancel = 'Cancel', onCancel, children, inline = false }) {
  function submit(event) {
    event.preventDefault()
    action.run()
  }
  return (
    <form class={inline ? 'inline' : ''} onSubmit={submit}>
      <div class="fields">{children}</div>
      <Problem of={action.error} />
      <footer>
        {onCancel && <button type="button" onClick={onCancel}>{cancel}</button>}
        <button type="submit" class={danger ? 'danger' : 'primary'} aria-busy={action.isBusy}>
          {button}
        </button>
      </footer>
    </form>
  )
}

export function Problem({ of: error }) {
  return <div role="alert">{error && <p class="problem">{error.message}</p>}</div>
}

export function Field({ label, hint, wide = false, children }) {
  const id = useId()
  const described = hint ? `${id}-hint` : undefined
  return (
    <div class={`field ${wide ? 'wide' : ''}`}>
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': described })}
      {hint && <small id={described} class="muted">{hint}</small>}
    </div>
  )
}

export function TextField({ label, hint, wide, value, onChange, type = 'text', ...rest }) {
  return (
    <Field label={label} hint={hint} wide={wide}>
      {(ties) => (
        <input
          {...ties} type={type} value={value} autocomplete="off" spellcheck={false} autocapitalize="none"
          onInput={(event) => onChange(event.currentTarget.value)} {...rest}
        />
      )}
    </Field>
  )
}

export function AreaField({ label, hint, value, onChange, ...rest }) {
  return (
    <Field label={label} hint={hint} wide>
      {(ties) => (
        <textarea
          {...ties} rows={5} spellcheck={false} value={value}
          onInput={(event) => onChange(event.currentTarget.value)} {...rest}
        />
      )}
    </Field>
  )
}

/** `options` are values, or pairs of a value and its label. */
export function SelectField({ label, hint, wide, value, onChange, options }) {
  return (
    <Field label={label} hint={hint} wide={wide}>
      {(ties) => (
        <select {...ties} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map((option) => {
            const [key, text] = Array.isArray(option) ? option : [option, option]
            return <option key={key} value={key} selected={key === value}>{text}</option>
          })}
        </select>
      )}
    </Field>
  )
}

export function CheckField({ label, value, onChange }) {
  return (
    <label class="check">
      <input type="checkbox" checked={value} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  )
}
