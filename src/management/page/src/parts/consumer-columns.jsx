// What is told about a consumer, wherever it is listed.

import { number } from '../format.js'
import { href } from '../route.js'
import { Badge } from './badge.jsx'
import { Name } from './name.jsx'

export function consumerKey({ consumer_tag: tag, channel_details: channel, queue }) {
  return JSON.stringify([tag, channel?.name, queue?.vhost, queue?.name])
}

export function consumerColumns({ withQueue = true, withChannel = true } = {}) {
  return [
    { key: 'tag', label: 'Tag', grow: true, cell: (consumer) => <Name of={consumer.consumer_tag} /> },
    withQueue && {
      key: 'queue', label: 'Queue',
      cell: ({ queue }) => queue && <a href={href('queues', queue.vhost, queue.name)}><Name of={queue.name} /></a>,
    },
    withChannel && {
      key: 'channel', label: 'Channel',
      cell: ({ channel_details: channel }) => channel?.name
        && <a href={href('channels', channel.name)}><Name of={channel.name} /></a>,
    },
    { key: 'prefetch', label: 'Prefetch', number: true, cell: (consumer) => consumer.prefetch_count === 0 ? 'no limit' : number(consumer.prefetch_count) },
    { key: 'ack', label: 'Acks', minor: true, cell: (consumer) => consumer.ack_required ? 'by hand' : 'automatic' },
    {
      key: 'state', label: 'State', minor: true,
      cell: (consumer) => (
        <span class="badges">
          {consumer.exclusive && <Badge>exclusive</Badge>}
          {consumer.active === false
            ? <Badge tone="warn">{consumer.activity_status?.replaceAll('_', ' ') ?? 'waiting'}</Badge>
            : <Badge tone="good">active</Badge>}
        </span>
      ),
    },
  ].filter(Boolean)
}
