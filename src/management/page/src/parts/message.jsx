// One message: where it came from, what it carries, and its body.

import { useState } from 'preact/hooks'
import { bytes, dateTime, number } from '../format.js'
import { Arguments } from './arguments.jsx'
import { Badge } from './badge.jsx'
import { ExchangeName, Name } from './name.jsx'

export function Message({ of: message, number: nth, limit }) {
  const { headers, ...properties } = message.properties ?? {}
  const isCut = message.payload_bytes > limit
  return (
    <article class="message" aria-label={`Message ${nth}`}>
      <header>
        <strong>{nth}</strong>
        {message.exchange !== undefined && <span><span class="muted">from</span> <ExchangeName of={message.exchange} /></span>}
        <span><span class="muted">key</span> <code><Name of={message.routing_key} /></code></span>
        <span class="muted">{bytes(message.payload_bytes)}</span>
        {message.redelivered && <Badge tone="warn">redelivered</Badge>}
        {message.message_count !== undefined && <span class="muted">{number(message.message_count)} behind it</span>}
      </header>
      <Arguments of={readable(properties)} />
      {headers && Object.keys(headers).length > 0 && (
        <details open>
          <summary>Headers</summary>
          <Arguments of={headers} />
        </details>
      )}
      <Body text={message.payload} encoding={message.payload_encoding} />
      {isCut && <p class="muted">Only the first {bytes(limit)} are shown.</p>}
    </article>
  )
}

function Body({ text, encoding }) {
  const [isPretty, setPretty] = useState(true)
  const pretty = encoding === 'string' ? indented(text) : null
  return (
    <>
      <div class="bar">
        <span class="muted">{encoding === 'base64' ? 'Body, in Base64' : 'Body'}</span>
        {pretty !== null && (
          <button type="button" class="small" aria-pressed={isPretty} onClick={() => setPretty(!isPretty)}>Indent JSON</button>
        )}
      </div>
      <pre tabIndex={0} aria-label="Body"><bdi>{isPretty && pretty !== null ? pretty : text}</bdi></pre>
    </>
  )
}

/** Only what would look the same when it is parsed again: large numbers lose digits. */
function indented(text) {
  try {
    const value = JSON.parse(text)
    const hasLargeNumbers = /\d{16}/.test(text)
    return value !== null && typeof value === 'object' && !hasLargeNumbers ? JSON.stringify(value, null, 2) : null
  } catch {
    return null
  }
}

function readable(properties) {
  const { delivery_mode: mode, timestamp, ...rest } = properties
  return {
    ...(mode && { delivery_mode: mode === 2 ? 'persistent' : 'transient' }),
    ...rest,
    ...(timestamp && { timestamp: `${timestamp} (${dateTime(timestamp * 1000)})` }),
  }
}
