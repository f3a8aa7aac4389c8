// The broker at a glance.

import { useLive } from '../api/live.js'
import { Answer } from '../parts/answer.jsx'
import { Card, PageHead, Tile } from '../parts/card.jsx'
import { Chart } from '../parts/chart.jsx'
import { Name } from '../parts/name.jsx'
import { Table } from '../parts/table.jsx'
import { number, rate, statRate } from '../format.js'
import { isMonitoring } from '../rights.js'
import { href } from '../route.js'
import { useScope } from '../scope.js'
import { Nodes } from './overview/nodes.jsx'

export function Overview() {
  const { user } = useScope()
  const live = useLive('overview')
  const nodes = useLive(isMonitoring(user) ? 'nodes' : null)
  return (
    <>
      <PageHead title="Overview" note={live.data && <Product of={live.data} />} />
      <Answer of={live}>{(overview) => <Summary overview={overview} at={live.at} />}</Answer>
      {nodes.data && <Nodes nodes={nodes.data} />}
      {live.data && <Details overview={live.data} />}
    </>
  )
}

function Product({ of: overview }) {
  const { product_name: product = 'RabbitMQ', product_version: version, rabbitmq_version: compatible } = overview
  return <>{product} {version ?? compatible} on <Name of={overview.node ?? ''} /></>
}

function Summary({ overview, at: seen }) {
  const { queue_totals: totals = {}, object_totals: objects = {}, message_stats: stats } = overview
  return (
    <div class="grid">
      <div class="tiles wide">
        <Tile label="Ready" value={number(totals.messages_ready ?? 0)} note={trend(totals.messages_ready_details)} />
        <Tile label="Unacked" value={number(totals.messages_unacknowledged ?? 0)} note={trend(totals.messages_unacknowledged_details)} />
        <Tile label="Connections" value={number(objects.connections)} href={href('connections')} />
        <Tile label="Channels" value={number(objects.channels)} href={href('channels')} />
        <Tile label="Exchanges" value={number(objects.exchanges)} href={href('exchanges')} />
        <Tile label="Queues" value={number(objects.queues)} href={href('queues')} />
        <Tile label="Consumers" value={number(objects.consumers)} href={href('consumers')} />
      </div>
      <Card title="Queued messages">
        <Chart
          name="overview depth" label="Messages in all queues" at={seen} format={number}
          series={[
            ['Ready', totals.messages_ready ?? 0],
            ['Unacked', totals.messages_unacknowledged ?? 0],
          ]}
        />
      </Card>
      <Card title="Message rates">
        <Chart
          name="overview rates" label="Messages a second" at={seen} format={rate}
          series={[
            ['Published', statRate(stats, 'publish')],
            ['Delivered', statRate(stats, 'deliver_get')],
            ['Acked', statRate(stats, 'ack')],
            ['Confirmed', statRate(stats, 'confirm')],
            ['Unroutable', statRate(stats, 'return_unroutable') + statRate(stats, 'drop_unroutable')],
          ]}
        />
      </Card>
    </div>
  )
}

function trend(details) {
  const change = details?.rate ?? 0
  if (change === 0) return 'steady'
  return change > 0 ? `growing ${rate(change)}` : `shrinking ${rate(-change)}`
}

function Details({ overview }) {
  return (
    <div class="grid">
      <Card title="Listeners" flush>
        <Table
          label="Listeners" columns={LISTENERS} rows={overview.listeners ?? []} empty="None are told to you."
          rowKey={({ protocol, ip_address: ip, port, node }) => `${node} ${protocol} ${ip} ${port}`}
        />
      </Card>
      <Card title="Coming and going" flush>
        <Table label="What is opened and closed" columns={CHURN} rows={churn(overview.churn_rates)} rowKey={({ what }) => what} />
      </Card>
    </div>
  )
}

const LISTENERS = [
  { key: 'protocol', label: 'Protocol', cell: ({ protocol }) => protocol },
  { key: 'address', label: 'Address', cell: ({ ip_address: ip }) => ip },
  { key: 'port', label: 'Port', number: true, cell: ({ port }) => port },
]

const CHURN = [
  { key: 'what', label: 'What', cell: ({ what }) => what },
  { key: 'count', label: 'Since the start', number: true, cell: ({ count }) => number(count) },
  { key: 'rate', label: 'Now', number: true, cell: ({ perSecond }) => rate(perSecond) },
]

function churn(rates = {}) {
  const lines = [
    ['Connections opened', 'connection_created'],
    ['Connections closed', 'connection_closed'],
    ['Channels opened', 'channel_created'],
    ['Channels closed', 'channel_closed'],
    ['Queues declared', 'queue_declared'],
    ['Queues created', 'queue_created'],
    ['Queues deleted', 'queue_deleted'],
  ]
  return lines.map(([what, field]) => ({ what, count: rates[field], perSecond: statRate(rates, field) }))
}
