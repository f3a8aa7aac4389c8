// Bindings: those of a queue, or from or to an exchange; with what unbinds and binds.

import { request } from '../api/client.js'
import { at, exchangePart } from '../api/paths.js'
import { href } from '../route.js'
import { Arguments, ArgumentsEditor, toTable } from './arguments.jsx'
import { Confirm } from './confirm.jsx'
import { Form, SelectField, TextField, useAction, useFields } from './form.jsx'
import { ExchangeName, Name } from './name.jsx'
import { Table } from './table.jsx'

export function bindingKey(binding) {
  return JSON.stringify([binding.source, binding.destination_type, binding.destination, binding.properties_key])
}

/** `side` is the end that is told: `source` or `destination`. */
export function BindingTable({ label, bindings, side, empty }) {
  const columns = [
    { key: 'end', label: side === 'source' ? 'From exchange' : 'To', grow: true, cell: (binding) => <End of={binding} side={side} /> },
    { key: 'key', label: 'Routing key', cell: (binding) => <code><Name of={binding.routing_key} empty="" /></code> },
    { key: 'arguments', label: 'Arguments', minor: true, cell: (binding) => <Arguments of={binding.arguments} /> },
    { key: 'unbind', label: 'Unbind', hidden: true, cell: (binding) => <Unbind binding={binding} /> },
  ]
  return <Table label={label} columns={columns} rows={bindings} rowKey={bindingKey} empty={empty} />
}

function End({ of: binding, side }) {
  if (side === 'source') {
    return <a href={href('exchanges', binding.vhost, binding.source)}><ExchangeName of={binding.source} /></a>
  }
  const kind = binding.destination_type === 'queue' ? 'queues' : 'exchanges'
  return (
    <>
      <span class="muted">{binding.destination_type} </span>
      <a href={href(kind, binding.vhost, binding.destination)}><Name of={binding.destination} /></a>
    </>
  )
}

function Unbind({ binding }) {
  // Every queue is bound to the default exchange by its name, which nobody can change.
  if (binding.source === '') return null
  const { vhost, source, destination, destination_type: type, properties_key: key } = binding
  return (
    <Confirm
      label="Unbind" name={`${source} → ${destination}`} small title="Unbind?" done="Unbound."
      does={() => request('DELETE', bindingPath({ vhost, source, type, destination }, key))}
    >
      <p>
        <Name of={destination} /> will no longer get messages from <Name of={source} />
        {binding.routing_key !== '' && <> with the routing key <code><Name of={binding.routing_key} /></code></>}.
      </p>
    </Confirm>
  )
}

function bindingPath({ vhost, source, type, destination }, key) {
  const path = at('bindings', vhost, 'e', exchangePart(source), type === 'queue' ? 'q' : 'e', destination)
  // The key is encoded by the broker already, and once more for the path.
  return key === undefined ? path : `${path}/${encodeURIComponent(key)}`
}

/** `from` is the exchange, or `to` the queue or exchange, that is fixed: `{ type, name }`. */
export function Bind({ vhost, from, to, onClose }) {
  const { values, bind } = useFields({ name: '', type: 'queue', key: '', rows: [] })
  const action = useAction(
    () => {
      const destination = to ?? { type: values.type, name: values.name }
      const binding = { vhost, source: from ?? values.name, type: destination.type, destination: destination.name }
      return request('POST', bindingPath(binding), {
        body: { routing_key: values.key, arguments: toTable(values.rows) },
      })
    },
    { done: 'Bound.', then: onClose },
  )
  return (
    <Form action={action} button="Bind" onCancel={onClose}>
      {from !== undefined && (
        <SelectField label="To" options={[['queue', 'a queue'], ['exchange', 'an exchange']]} {...bind('type')} />
      )}
      <TextField label={from === undefined ? 'From exchange' : `Name of the ${values.type}`} required {...bind('name')} />
      <TextField label="Routing key" maxLength={255} {...bind('key')} />
      <ArgumentsEditor
        label="Arguments" known={[['x-match', 'text', 'all, any, all-with-x or any-with-x']]}
        value={values.rows} onChange={bind('rows').onChange}
      />
    </Form>
  )
}
