// Who consumes from one queue.

import { Card } from '../../parts/card.jsx'
import { Table } from '../../parts/table.jsx'
import { consumerColumns, consumerKey } from '../../parts/consumer-columns.jsx'

export function QueueConsumers({ queue }) {
  const consumers = queue.consumer_details ?? []
  return (
    <Card title="Consumers" note={String(consumers.length)} flush wide>
      <Table
        label="Consumers of this queue" columns={consumerColumns({ withQueue: false })} rows={consumers}
        rowKey={consumerKey} empty="No consumers."
      />
    </Card>
  )
}
