// All exchanges.

import { usePaged } from '../api/paged.js'
import { Features } from '../parts/badge.jsx'
import { PageHead } from '../parts/card.jsx'
import { rateColumn, vhostColumn } from '../parts/columns.jsx'
import { Opener } from '../parts/confirm.jsx'
import { ExchangeName } from '../parts/name.jsx'
import { PagedTable } from '../parts/paged-table.jsx'
import { href } from '../route.js'
import { useScope, useScoped } from '../scope.js'
import { DeclareExchange } from './exchange/declare.jsx'

const FIELDS = ['name', 'vhost', 'type', 'durable', 'auto_delete', 'internal', 'arguments', 'policy', 'message_stats']

export function Exchanges() {
  const { vhost } = useScope()
  const list = usePaged(useScoped('exchanges'), { columns: FIELDS, sort: 'name' })
  return (
    <>
      <PageHead title="Exchanges">
        <Opener label="New exchange" title="Declare an exchange" primary wide>
          {(close) => <DeclareExchange onClose={close} />}
        </Opener>
      </PageHead>
      <PagedTable
        list={list} noun="exchange" label="Exchanges" columns={columnsFor(vhost)}
        rowKey={(exchange) => JSON.stringify([exchange.vhost, exchange.name])} empty="No exchanges."
      />
    </>
  )
}

function columnsFor(vhost) {
  return [
    {
      key: 'name', label: 'Name', sort: 'name', grow: true,
      cell: (exchange) => <a href={href('exchanges', exchange.vhost, exchange.name)}><ExchangeName of={exchange.name} /></a>,
    },
    ...vhostColumn(vhost),
    { key: 'type', label: 'Type', sort: 'type', cell: (exchange) => exchange.type },
    { key: 'features', label: 'Features', minor: true, cell: (exchange) => <Features of={exchange} /> },
    rateColumn('publish_in', 'In'),
    rateColumn('publish_out', 'Out'),
  ]
}
