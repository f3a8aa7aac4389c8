// All connections.

import { usePaged } from '../api/paged.js'
import { State } from '../parts/badge.jsx'
import { PageHead } from '../parts/card.jsx'
import { numberColumn, vhostColumn } from '../parts/columns.jsx'
import { Name } from '../parts/name.jsx'
import { PagedTable } from '../parts/paged-table.jsx'
import { bytes } from '../format.js'
import { href } from '../route.js'
import { useScope } from '../scope.js'
import { at } from '../api/paths.js'
import { CloseConnection } from './connection/close.jsx'

const FIELDS = [
  'name', 'user_provided_name', 'vhost', 'user', 'state', 'protocol', 'ssl', 'channels', 'client_properties',
  'recv_oct_details', 'send_oct_details', 'type',
]

export function Connections() {
  const { vhost } = useScope()
  const list = usePaged(vhost === null ? 'connections' : at('vhosts', vhost, 'connections'), { columns: FIELDS, sort: 'name' })
  return (
    <>
      <PageHead title="Connections" />
      <PagedTable
        list={list} noun="connection" label="Connections" columns={columnsFor(vhost)} rowKey={({ name }) => name}
        empty="Nobody is connected."
      />
    </>
  )
}

function columnsFor(vhost) {
  return [
    {
      key: 'name', label: 'Name', sort: 'name', grow: true,
      cell: (connection) => (
        <>
          <a href={href('connections', connection.name)}><Name of={connection.name} /></a>
          {givenName(connection) && <div class="muted"><Name of={givenName(connection)} /></div>}
        </>
      ),
    },
    ...vhostColumn(vhost),
    { key: 'user', label: 'User', sort: 'user', cell: ({ user }) => user && <Name of={user} /> },
    { key: 'state', label: 'State', sort: 'state', cell: ({ state }) => state && <State of={state} /> },
    { key: 'client', label: 'Client', minor: true, cell: (connection) => <Client of={connection.client_properties} /> },
    { key: 'tls', label: 'TLS', minor: true, sort: 'ssl', cell: ({ ssl }) => ssl ? 'yes' : 'no' },
    numberColumn('channels', 'Channels'),
    { key: 'in', label: 'From client', number: true, minor: true, sort: 'recv_oct_details.rate', cell: (row) => bytesRate(row.recv_oct_details) },
    { key: 'out', label: 'To client', number: true, minor: true, sort: 'send_oct_details.rate', cell: (row) => bytesRate(row.send_oct_details) },
    { key: 'close', label: 'Close', hidden: true, cell: ({ name }) => <CloseConnection name={name} small /> },
  ]
}

export function givenName({ user_provided_name: name, client_properties: properties }) {
  return name ?? properties?.connection_name
}

function Client({ of: properties = {} }) {
  return <Name of={[properties.product, properties.version].filter((part) => typeof part === 'string').join(' ')} empty="" />
}

function bytesRate(details) {
  return details ? `${bytes(details.rate)}/s` : '–'
}
