// What is told about a channel, wherever it is listed.

import { href } from '../route.js'
import { Badge, State } from './badge.jsx'
import { numberColumn, rateColumn } from './columns.jsx'
import { Name } from './name.jsx'

export function channelColumns() {
  return [
    {
      key: 'name', label: 'Channel', sort: 'name', grow: true,
      cell: (channel) => <a href={href('channels', channel.name)}><Name of={channel.name} /></a>,
    },
    { key: 'user', label: 'User', minor: true, sort: 'user', cell: ({ user }) => user && <Name of={user} /> },
    { key: 'mode', label: 'Mode', minor: true, cell: (channel) => <Mode of={channel} /> },
    { key: 'state', label: 'State', minor: true, sort: 'state', cell: ({ state }) => state && <State of={state} /> },
    { key: 'prefetch', label: 'Prefetch', number: true, minor: true, sort: 'prefetch_count', cell: prefetch },
    numberColumn('consumer_count', 'Consumers'),
    numberColumn('messages_unacknowledged', 'Unacked'),
    numberColumn('messages_unconfirmed', 'Unconfirmed', { minor: true }),
    rateColumn('publish', 'Publish'),
    rateColumn('deliver_get', 'Deliver'),
    rateColumn('ack', 'Ack', { minor: true }),
  ]
}

function Mode({ of: channel }) {
  return (
    <span class="badges">
      {channel.confirm && <abbr class="badge" title="publishes are confirmed">C</abbr>}
      {channel.transactional && <Badge title="transactional">tx</Badge>}
    </span>
  )
}

/** Of each consumer, and of the whole channel if that is limited. */
function prefetch({ prefetch_count: each, global_prefetch_count: all }) {
  return [each > 0 && String(each), all > 0 && `${all} in all`].filter(Boolean).join(', ') || '–'
}
