// All queues, a hundred at a time.

import { usePaged } from '../api/paged.js'
import { Features, State } from '../parts/badge.jsx'
import { PageHead } from '../parts/card.jsx'
import { numberColumn, rateColumn, vhostColumn } from '../parts/columns.jsx'
import { Opener } from '../parts/confirm.jsx'
import { Name } from '../parts/name.jsx'
import { PagedTable } from '../parts/paged-table.jsx'
import { href } from '../route.js'
import { useScope, useScoped } from '../scope.js'
import { DeclareQueue } from './queue/declare.jsx'

const FIELDS = [
  'name', 'vhost', 'type', 'durable', 'auto_delete', 'exclusive', 'arguments', 'policy', 'state', 'consumers',
  'messages', 'messages_ready', 'messages_unacknowledged', 'message_stats',
]

export function Queues() {
  const { vhost } = useScope()
  const list = usePaged(useScoped('queues'), { columns: FIELDS, sort: 'name' })
  return (
    <>
      <PageHead title="Queues">
        <Opener label="New queue" title="Declare a queue" primary wide>{(close) => <DeclareQueue onClose={close} />}</Opener>
      </PageHead>
      <PagedTable
        list={list} noun="queue" label="Queues" columns={columnsFor(vhost)}
        rowKey={(queue) => JSON.stringify([queue.vhost, queue.name])}
        empty="No queues yet. Clients declare them, and so can you."
      />
    </>
  )
}

function columnsFor(vhost) {
  return [
    {
      key: 'name', label: 'Name', sort: 'name', grow: true,
      cell: (queue) => <a href={href('queues', queue.vhost, queue.name)}><Name of={queue.name} /></a>,
    },
    ...vhostColumn(vhost),
    { key: 'type', label: 'Type', minor: true, sort: 'type', cell: (queue) => queue.type },
    { key: 'features', label: 'Features', minor: true, cell: (queue) => <Features of={queue} /> },
    { key: 'state', label: 'State', minor: true, sort: 'state', cell: (queue) => <State of={queue.state} /> },
    numberColumn('messages_ready', 'Ready'),
    numberColumn('messages_unacknowledged', 'Unacked'),
    numberColumn('messages', 'Total', { minor: true }),
    numberColumn('consumers', 'Consumers', { minor: true }),
    rateColumn('publish', 'In'),
    rateColumn('deliver_get', 'Out'),
    rateColumn('ack', 'Ack', { minor: true }),
  ]
}
