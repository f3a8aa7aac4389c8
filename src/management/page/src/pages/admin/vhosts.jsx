// All virtual hosts.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Card } from '../../parts/card.jsx'
import { numberColumn } from '../../parts/columns.jsx'
import { Confirm, Opener } from '../../parts/confirm.jsx'
import { Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'

export function Vhosts() {
  const live = useLive('vhosts')
  const add = <Opener label="New virtual host" primary small>{(close) => <AddVhost onClose={close} />}</Opener>
  return (
    <Card title="Virtual hosts" note={String(live.data?.length ?? '')} actions={add} flush>
      <Answer of={live}>
        {(list) => <Table label="Virtual hosts" columns={COLUMNS} rows={list} rowKey={({ name }) => name} />}
      </Answer>
    </Card>
  )
}

const COLUMNS = [
  { key: 'name', label: 'Name', grow: true, cell: ({ name }) => <Name of={name} /> },
  { key: 'description', label: 'Description', minor: true, cell: ({ description }) => description && <Name of={description} /> },
  { key: 'type', label: 'Queues by default', minor: true, cell: ({ default_queue_type: type }) => (type && type !== 'undefined' ? type : 'classic') },
  numberColumn('messages_ready', 'Ready', { cell: (row) => row.messages_ready ?? 0 }),
  numberColumn('messages_unacknowledged', 'Unacked', { cell: (row) => row.messages_unacknowledged ?? 0 }),
  {
    key: 'delete', label: 'Delete', hidden: true,
    cell: ({ name }) => (
      <Confirm
        label="Delete" name={name} small title="Delete this virtual host?" done={`Virtual host ${name} is deleted.`}
        does={() => request('DELETE', at('vhosts', name))}
      >
        <p>All queues, exchanges and messages in <Name of={name} /> will be gone for good, and whoever is connected to it
          is cut off.</p>
      </Confirm>
    ),
  },
]

function AddVhost({ onClose }) {
  const { values, bind } = useFields({ name: '', description: '', type: 'classic' })
  const action = useAction(
    () => request('PUT', at('vhosts', values.name), {
      body: { description: values.description, default_queue_type: values.type },
    }),
    { done: `Virtual host ${values.name} is made.`, then: onClose },
  )
  return (
    <Form action={action} button="Add" onCancel={onClose}>
      <TextField label="Name" required maxLength={255} {...bind('name')} />
      <TextField label="Description" {...bind('description')} />
      <SelectField label="Queues by default" options={['classic', 'quorum']} {...bind('type')} />
    </Form>
  )
}
