// A try-out: which queues would a message reach, by which bindings, and why not by the others? Nothing is published.

import { useState } from 'preact/hooks'
import { request } from '../../api/client.js'
import { at, exchangePart } from '../../api/paths.js'
import { ArgumentsEditor, toTable } from '../../parts/arguments.jsx'
import { Badge } from '../../parts/badge.jsx'
import { Card } from '../../parts/card.jsx'
import { Form, TextField, useAction, useFields } from '../../parts/form.jsx'
import { ExchangeName, Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'
import { plural } from '../../format.js'
import { href } from '../../route.js'
import { follow } from '../../routing.js'

/** More lines than this explain nothing. */
const STEPS_MAX = 200

export function TryRouting({ exchange }) {
  const { vhost, name } = exchange
  const { values, bind } = useFields({ key: '', headers: [] })
  const [result, setResult] = useState(null)
  const action = useAction(() => explain(vhost, name, values.key, toTable(values.headers)), { then: setResult })
  return (
    <Card title="Where would it go?" note="Publishes nothing" wide>
      <Form action={action} button="Try" inline>
        <TextField label="Routing key" {...bind('key')} />
        <ArgumentsEditor label="Headers" value={values.headers} onChange={bind('headers').onChange} />
      </Form>
      <div class="found" role="status">{result && <Outcome {...result} vhost={vhost} />}</div>
    </Card>
  )
}

/** Asks the broker. One that cannot tell, as RabbitMQ, lists its bindings, and they are followed here. */
async function explain(vhost, name, key, headers) {
  const path = at('exchanges', vhost, exchangePart(name), 'explain')
  try {
    return told(await request('POST', path, { body: { routing_key: key, headers } }))
  } catch (error) {
    if (error.status !== 404 && error.status !== 405) throw error
  }
  const [exchanges, bindings] = await Promise.all([
    request('GET', at('exchanges', vhost)),
    request('GET', at('bindings', vhost)),
  ])
  const { queues, steps, unsure } = follow({ start: name, key, headers, exchanges, bindings })
  return {
    queues: queues.map((queue) => ({ name: queue, path: null })),
    total: queues.length,
    steps,
    notes: unsure.map((chooser) => `Which of its bindings ${chooser} chooses, the broker decides for each message.`),
  }
}

function told({ queues, queues_total: total, bindings, notes }) {
  const steps = bindings.map(({ matches, why_not: why, ...binding }) => ({ binding, matches, why }))
  return { queues, total, steps, notes: notes.map(sentence) }
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`
}

function Outcome({ queues, total, steps, notes, vhost }) {
  const shown = steps.toSorted((one, other) => other.matches - one.matches).slice(0, STEPS_MAX)
  const detours = queues.filter(({ path }) => path?.length > 1).slice(0, STEPS_MAX)
  return (
    <>
      <p class="outcome">
        {total === 0 ? 'It reaches no queue.' : `It reaches ${plural(total, 'queue')}: `}
        {queues.map(({ name }) => <a key={name} class="chip" href={href('queues', vhost, name)}><Name of={name} /></a>)}
        {total > queues.length && <span class="muted">…and {total - queues.length} more.</span>}
      </p>
      {notes.map((note) => <p key={note} class="muted"><Name of={note} /></p>)}
      {detours.map(({ name, path }) => <Way key={name} path={path} />)}
      {steps.length > 0 && <Table label="Bindings that were looked at" columns={COLUMNS} rows={shown} rowKey={stepKey} />}
      {steps.length > shown.length && <p class="muted">…and {steps.length - shown.length} more.</p>}
    </>
  )
}

/** One way over several exchanges, from the first on. */
function Way({ path }) {
  return (
    <p class="way">
      <ExchangeName of={path[0].source} />
      {path.map((hop, index) => (
        <span key={index}>
          {' → '}{hop.by === 'alternate-exchange' && <span class="muted">(alternate) </span>}
          <Name of={hop.destination} />
        </span>
      ))}
    </p>
  )
}

const COLUMNS = [
  { key: 'matches', label: 'Matches', cell: (step) => step.matches ? <Badge tone="good">yes</Badge> : <Badge>no</Badge> },
  { key: 'from', label: 'From', cell: ({ binding }) => <ExchangeName of={binding.source} /> },
  { key: 'key', label: 'Binding key', cell: ({ binding }) => <code><Name of={binding.routing_key} empty="" /></code> },
  { key: 'to', label: 'To', cell: ({ binding }) => <><span class="muted">{binding.destination_type}</span> <Name of={binding.destination} /></> },
  { key: 'why', label: 'Why not', grow: true, minor: true, cell: ({ why }) => why && <span class="muted"><Name of={why} /></span> },
]

function stepKey({ binding }) {
  return JSON.stringify([binding.source, binding.destination_type, binding.destination, binding.properties_key])
}
