// The form that declares a queue.

import { request } from '../../api/client.js'
import { at } from '../../api/paths.js'
import { ArgumentsEditor, toTable } from '../../parts/arguments.jsx'
import { CheckField, Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { go } from '../../route.js'
import { useScope } from '../../scope.js'

const KNOWN = [
  ['x-message-ttl', 'number', 'ms after which a message expires'],
  ['x-expires', 'number', 'ms of disuse after which the queue is deleted'],
  ['x-max-length', 'number', 'messages that it holds at most'],
  ['x-max-length-bytes', 'number', 'bytes of bodies that it holds at most'],
  ['x-overflow', 'text', 'what happens when it is full: drop-head, reject-publish or reject-publish-dlx'],
  ['x-dead-letter-exchange', 'text', 'where dead letters go'],
  ['x-dead-letter-routing-key', 'text', 'the routing key that they get'],
  ['x-max-priority', 'number', 'the highest priority, 1 to 255'],
  ['x-single-active-consumer', 'boolean', 'one consumer at a time'],
  ['x-delivery-limit', 'number', 'deliveries after which a message is dropped (quorum)'],
]

export function DeclareQueue({ onClose }) {
  const { vhost, vhosts } = useScope()
  const { values, bind } = useFields({
    vhost: vhost ?? vhosts[0] ?? '/', name: '', type: 'classic', durable: true, autoDelete: false, rows: [],
  })
  const isQuorum = values.type === 'quorum'
  const action = useAction(
    () => request('PUT', at('queues', values.vhost, values.name), {
      body: {
        durable: isQuorum || values.durable,
        auto_delete: !isQuorum && values.autoDelete,
        arguments: { 'x-queue-type': values.type, ...toTable(values.rows) },
      },
    }),
    {
      done: `Queue ${values.name} is declared.`,
      then: () => {
        onClose()
        go('queues', values.vhost, values.name)
      },
    },
  )
  return (
    <Form action={action} button="Declare" onCancel={onClose}>
      <TextField label="Name" required maxLength={255} {...bind('name')} />
      <SelectField label="Virtual host" options={vhosts} {...bind('vhost')} />
      <SelectField label="Type" options={['classic', 'quorum']} {...bind('type')} />
      {!isQuorum && (
        <div class="checks">
          <CheckField label="Durable: outlives a restart" {...bind('durable')} />
          <CheckField label="Delete it with its last consumer" {...bind('autoDelete')} />
        </div>
      )}
      <ArgumentsEditor label="Arguments" known={KNOWN} value={values.rows} onChange={bind('rows').onChange} />
    </Form>
  )
}
