// One channel: what it publishes and consumes.

import { useLive } from '../api/live.js'
import { at } from '../api/paths.js'
import { Answer } from '../parts/answer.jsx'
import { State } from '../parts/badge.jsx'
import { Card, Facts, PageHead, Tile } from '../parts/card.jsx'
import { Chart } from '../parts/chart.jsx'
import { consumerColumns, consumerKey } from '../parts/consumer-columns.jsx'
import { Name } from '../parts/name.jsx'
import { Table } from '../parts/table.jsx'
import { number, rate, statRate } from '../format.js'
import { href } from '../route.js'

export function Channel({ name }) {
  const live = useLive(at('channels', name))
  return (
    <>
      <PageHead title={<><span class="kind">Channel</span> <Name of={name} /></>} />
      <Answer of={live} missing="This channel is closed.">
        {(channel) => <Details channel={channel} at={live.at} />}
      </Answer>
    </>
  )
}

function Details({ channel, at: seen }) {
  const { message_stats: stats, connection_details: connection } = channel
  const consumers = channel.consumer_details ?? []
  return (
    <div class="grid">
      <div class="tiles wide">
        <Tile label="Unacked" value={number(channel.messages_unacknowledged)} note="delivered to it" />
        <Tile label="Unconfirmed" value={number(channel.messages_unconfirmed)} note="published by it" />
        <Tile label="Uncommitted" value={number(channel.messages_uncommitted)} note="in its transaction" />
        <Tile label="Consumers" value={number(channel.consumer_count)} />
      </div>
      <Card title="Rates">
        <Chart
          name={`channel ${channel.name}`} label="Messages a second" at={seen} format={rate}
          series={[
            ['Published', statRate(stats, 'publish')],
            ['Delivered', statRate(stats, 'deliver_get')],
            ['Acked', statRate(stats, 'ack')],
            ['Confirmed', statRate(stats, 'confirm')],
          ]}
        />
      </Card>
      <Card title="About it">
        <Facts
          of={[
            ['State', <State of={channel.state} />],
            connection?.name && ['Connection', <a href={href('connections', connection.name)}><Name of={connection.name} /></a>],
            ['User', <Name of={channel.user ?? ''} />],
            ['Virtual host', <Name of={channel.vhost ?? ''} />],
            ['Publishes are', channel.confirm ? 'confirmed' : channel.transactional ? 'in transactions' : 'not confirmed'],
            ['Prefetch of a consumer', limit(channel.prefetch_count)],
            ['Prefetch of the channel', limit(channel.global_prefetch_count)],
          ]}
        />
      </Card>
      <Card title="Consumers" note={String(consumers.length)} flush wide>
        <Table
          label="Consumers of this channel" columns={consumerColumns({ withChannel: false })} rows={consumers}
          rowKey={consumerKey} empty="No consumers."
        />
      </Card>
    </div>
  )
}

function limit(count) {
  return count > 0 ? number(count) : 'no limit'
}
