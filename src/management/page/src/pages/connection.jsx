// One connection: who it is, how much it moves, and its channels.

import { useLive } from '../api/live.js'
import { at } from '../api/paths.js'
import { Answer } from '../parts/answer.jsx'
import { Arguments } from '../parts/arguments.jsx'
import { State } from '../parts/badge.jsx'
import { Card, Facts, PageHead } from '../parts/card.jsx'
import { channelColumns } from '../parts/channel-columns.jsx'
import { Chart } from '../parts/chart.jsx'
import { Name } from '../parts/name.jsx'
import { Table } from '../parts/table.jsx'
import { bytes, dateTime, number } from '../format.js'
import { go } from '../route.js'
import { CloseConnection } from './connection/close.jsx'
import { givenName } from './connections.jsx'

export function Connection({ name }) {
  const live = useLive(at('connections', name))
  return (
    <>
      <PageHead title={<><span class="kind">Connection</span> <Name of={name} /></>}>
        {live.data && <CloseConnection name={name} then={() => go('connections')} />}
      </PageHead>
      <Answer of={live} missing="This connection is closed.">
        {(connection) => <Details connection={connection} at={live.at} />}
      </Answer>
    </>
  )
}

function Details({ connection, at: seen }) {
  const { name } = connection
  return (
    <div class="grid">
      <Card title="Data">
        <Chart
          name={`connection ${name}`} label="Bytes a second" at={seen} format={(value) => `${bytes(value)}/s`}
          series={[
            ['From the client', connection.recv_oct_details?.rate ?? 0],
            ['To the client', connection.send_oct_details?.rate ?? 0],
          ]}
        />
      </Card>
      <Card title="About it">
        <Facts
          of={[
            ['State', <State of={connection.state} />],
            givenName(connection) && ['Calls itself', <Name of={givenName(connection)} />],
            ['User', <Name of={connection.user ?? ''} />],
            ['Virtual host', <Name of={connection.vhost ?? ''} />],
            ['Protocol', connection.protocol],
            ['TLS', connection.ssl ? [connection.ssl_protocol, connection.ssl_cipher].filter(Boolean).join(', ') || 'yes' : 'no'],
            connection.peer_cert_subject && ['Certificate', <Name of={connection.peer_cert_subject} />],
            ['Login', connection.auth_mechanism],
            ['Connected', dateTime(connection.connected_at)],
            ['Heartbeat', connection.timeout > 0 ? `${connection.timeout} s` : 'none'],
            ['Largest frame', bytes(connection.frame_max)],
            ['Received, sent', `${bytes(connection.recv_oct)}, ${bytes(connection.send_oct)}`],
            ['Waiting to be sent', number(connection.send_pend)],
          ]}
        />
      </Card>
      <ChannelsOf name={name} />
      <Card title="What the client says of itself" wide>
        <Arguments of={connection.client_properties} empty="nothing" />
      </Card>
    </div>
  )
}

function ChannelsOf({ name }) {
  const live = useLive(`${at('connections', name)}/channels`)
  return (
    <Card title="Channels" note={String(live.data?.length ?? '')} flush wide>
      <Answer of={live}>
        {(channels) => (
          <Table
            label="Channels of this connection" columns={channelColumns()} rows={channels}
            rowKey={(channel) => channel.name} empty="No channels."
          />
        )}
      </Answer>
    </Card>
  )
}
