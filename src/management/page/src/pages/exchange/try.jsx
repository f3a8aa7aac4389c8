// A try-out: which queues would a message reach, and by which bindings? Nothing is published.

import { useState } from 'preact/hooks'
import { request } from '../../api/client.js'
import { at } from '../../api/paths.js'
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
  const action = useAction(
    async () => {
      const headers = toTable(values.headers)
      const [exchanges, bindings] = await Promise.all([
        request('GET', at('exchanges', vhost)),
        request('GET', at('bindings', vhost)),
      ])
      return follow({ start: name, key: values.key, headers, exchanges, bindings })
    },
    { then: setResult },
  )
  return (
    <Card title="Where would it go?" note="Reads the bindings, publishes nothing" wide>
      <Form action={action} button="Try" inline>
        <TextField label="Routing key" {...bind('key')} />
        <ArgumentsEditor label="Headers" value={values.headers} onChange={bind('headers').onChange} />
      </Form>
      <div role="status">{result && <Outcome {...result} vhost={vhost} />}</div>
    </Card>
  )
}

function Outcome({ queues, steps, unsure, vhost }) {
  const shown = steps.toSorted((one, other) => other.matches - one.matches).slice(0, STEPS_MAX)
  return (
    <>
      <p class="outcome">
        {queues.length === 0 ? 'It reaches no queue.' : `It reaches ${plural(queues.length, 'queue')}: `}
        {queues.map((queue) => <a key={queue} class="chip" href={href('queues', vhost, queue)}><Name of={queue} /></a>)}
      </p>
      {unsure.map((name) => (
        <p key={name} class="muted">Which of its bindings <Name of={name} /> chooses, the broker decides for each message.</p>
      ))}
      {steps.length > 0 && <Table label="Bindings that were looked at" columns={COLUMNS} rows={shown} rowKey={stepKey} />}
      {steps.length > shown.length && <p class="muted">…and {steps.length - shown.length} more.</p>}
    </>
  )
}

const COLUMNS = [
  { key: 'matches', label: 'Matches', cell: (step) => step.matches ? <Badge tone="good">yes</Badge> : <Badge>no</Badge> },
  { key: 'from', label: 'From', cell: ({ binding }) => <ExchangeName of={binding.source} /> },
  { key: 'key', label: 'Binding key', cell: ({ binding }) => <code><Name of={binding.routing_key} empty="" /></code> },
  { key: 'to', label: 'To', grow: true, cell: ({ binding }) => <><span class="muted">{binding.destination_type}</span> <Name of={binding.destination} /></> },
]

function stepKey({ binding }) {
  return JSON.stringify([binding.source, binding.destination_type, binding.destination, binding.properties_key])
}
