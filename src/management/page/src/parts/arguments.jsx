// The arguments of a declaration and the headers of a message: shown, and edited as rows of name, type and value.

import { useId } from 'preact/hooks'
import { fieldValue } from '../format.js'
import { Icon } from './icon.jsx'
import { Mistake } from './form.jsx'
import { Name } from './name.jsx'

const TYPES = ['text', 'number', 'boolean', 'JSON']

export function Arguments({ of: table, empty = '' }) {
  const entries = Object.entries(table ?? {})
  if (entries.length === 0) return <span class="muted">{empty}</span>
  return (
    <dl class="arguments">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt><Name of={name} /></dt>
          <dd><bdi class="name">{fieldValue(value)}</bdi></dd>
        </div>
      ))}
    </dl>
  )
}

/** `known` are arguments to choose from: `[name, type, explanation]`. */
export function ArgumentsEditor({ label, known = [], value: rows, onChange }) {
  const id = useId()
  const put = (index, change) => onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)))
  const add = (row) => onChange([...rows, row])
  return (
    <fieldset class="arguments-editor">
      <legend>{label}</legend>
      {rows.map((row, index) => (
        <Row
          key={index} row={row} number={index + 1} list={id}
          onPut={(change) => put(index, change)}
          onDrop={() => onChange(rows.filter((_, at) => at !== index))}
        />
      ))}
      <datalist id={id}>
        {known.map(([name, , text]) => <option key={name} value={name}>{text}</option>)}
      </datalist>
      <div class="adders">
        <button type="button" class="small" onClick={() => add({ name: '', type: 'text', value: '' })}>
          <Icon of="plus" /> Add {singular(label)}
        </button>
        {known.filter(([name]) => !rows.some((row) => row.name === name)).map(([name, type, text]) => (
          <button
            key={name} type="button" class="small chip" title={text}
            onClick={() => add({ name, type, value: type === 'boolean' ? 'true' : '' })}
          >
            {name}
          </button>
        ))}
      </div>
    </fieldset>
  )
}

function Row({ row, number, list, onPut, onDrop }) {
  return (
    <div class="argument">
      <input
        aria-label={`Name ${number}`} placeholder="name" value={row.name} list={list} autocomplete="off" spellcheck={false}
        onInput={(event) => onPut({ name: event.currentTarget.value })}
      />
      <select
        aria-label={`Type ${number}`} value={row.type}
        onChange={(event) => onPut({ type: event.currentTarget.value })}
      >
        {TYPES.map((type) => <option key={type} value={type} selected={type === row.type}>{type}</option>)}
      </select>
      <input
        aria-label={`Value ${number}`} placeholder="value" value={row.value} autocomplete="off" spellcheck={false}
        onInput={(event) => onPut({ value: event.currentTarget.value })}
      />
      <button type="button" class="plain" aria-label={`Remove line ${number}`} onClick={onDrop}>
        <Icon of="close" />
      </button>
    </div>
  )
}

/** The rows as an object; lines without a name are left out. */
export function toTable(rows) {
  const entries = rows.filter(({ name }) => name !== '').map((row) => [row.name, valueOf(row)])
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(entries)
}

function valueOf({ name, type, value }) {
  if (type === 'text') return value
  if (type === 'boolean') {
    if (value === 'true' || value === 'false') return value === 'true'
    throw new Mistake(`${name}: true or false`)
  }
  if (type === 'number') {
    const number = Number(value)
    if (value.trim() !== '' && Number.isFinite(number)) return number
    throw new Mistake(`${name}: not a number`)
  }
  try {
    return JSON.parse(value)
  } catch {
    throw new Mistake(`${name}: not JSON`)
  }
}

function singular(label) {
  return label.toLowerCase().replace(/ies$/, 'y').replace(/s$/, '')
}
