// A part of a page: a heading, what can be done there, and the content.

import { useId } from 'preact/hooks'

export function Card({ title, note, actions, flush = false, wide = false, children }) {
  const id = useId()
  return (
    <section class={`card ${flush ? 'flush' : ''} ${wide ? 'wide' : ''}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {note && <span class="muted">{note}</span>}
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </section>
  )
}

/** The heading of a page. It takes the focus when the page is opened, so that it is read out. */
export function PageHead({ title, note, children }) {
  return (
    <header class="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      {note && <span class="note">{note}</span>}
      {children && <div class="actions">{children}</div>}
    </header>
  )
}

/** Names and values in two columns. */
export function Facts({ of: facts }) {
  return (
    <dl class="facts">
      {facts.filter(Boolean).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** One number that matters. */
export function Tile({ label, value, note, href, tone = '' }) {
  const content = (
    <>
      <span class="label">{label}</span>
      <strong>{value}</strong>
      {note && <span class="muted">{note}</span>}
    </>
  )
  return href ? <a class={`tile ${tone}`} href={href}>{content}</a> : <div class={`tile ${tone}`}>{content}</div>
}
