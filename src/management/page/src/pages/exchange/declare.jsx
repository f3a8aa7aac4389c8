// The form that declares an exchange.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { ArgumentsEditor, toTable } from '../../parts/arguments.jsx'
import { CheckField, Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { go } from '../../route.js'
import { useScope } from '../../scope.js'

const KNOWN = [
  ['alternate-exchange', 'text', 'where messages go that are not routed'],
  ['x-delayed-type', 'text', 'how an x-delayed-message exchange routes'],
]
/** Until the broker has told which it knows. */
const TYPES = ['direct', 'fanout', 'topic', 'headers']

export function DeclareExchange({ onClose }) {
  const { vhost, vhosts } = useScope()
  const overview = useLive('overview?columns=exchange_types', { every: 60_000 })
  const types = overview.data?.exchange_types?.map(({ name }) => name) ?? TYPES
  const { values, bind } = useFields({
    vhost: vhost ?? vhosts[0] ?? '/', name: '', type: 'direct', durable: true, autoDelete: false, internal: false, rows: [],
  })
  const action = useAction(
    () => request('PUT', at('exchanges', values.vhost, values.name), {
      body: {
        type: values.type,
        durable: values.durable,
        auto_delete: values.autoDelete,
        internal: values.internal,
        arguments: toTable(values.rows),
      },
    }),
    {
      done: `Exchange ${values.name} is declared.`,
      then: () => {
        onClose()
        go('exchanges', values.vhost, values.name)
      },
    },
  )
  return (
    <Form action={action} button="Declare" onCancel={onClose}>
      <TextField label="Name" required maxLength={255} {...bind('name')} />
      <SelectField label="Virtual host" options={vhosts} {...bind('vhost')} />
      <SelectField label="Type" options={types} {...bind('type')} />
      <div class="checks">
        <CheckField label="Durable: outlives a restart" {...bind('durable')} />
        <CheckField label="Delete it with its last binding" {...bind('autoDelete')} />
        <CheckField label="Internal: only other exchanges publish to it" {...bind('internal')} />
      </div>
      <ArgumentsEditor label="Arguments" known={KNOWN} value={values.rows} onChange={bind('rows').onChange} />
    </Form>
  )
}
