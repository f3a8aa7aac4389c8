// What was published to an exchange and reached no queue: how much, and on request the last messages themselves.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at, exchangePart } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Card } from '../../parts/card.jsx'
import { Opener } from '../../parts/confirm.jsx'
import { Problem, useAction } from '../../parts/form.jsx'
import { Message } from '../../parts/message.jsx'
import { Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'
import { bytes, dateTime, plural } from '../../format.js'
import { href } from '../../route.js'

const KEPT = 100

export function Unroutable({ exchange }) {
  const path = at('exchanges', exchange.vhost, exchangePart(exchange.name), 'unroutable')
  const live = useLive(path)
  const keep = useAction(() => request('PUT', path, { body: { keep: KEPT } }), { done: `The last ${KEPT} are kept from now on.` })
  const stop = useAction(() => request('DELETE', path), { done: 'Nothing is kept any more.' })
  const isKept = live.data?.keep > 0
  const actions = live.data && (isKept
    ? <button type="button" class="small" aria-busy={stop.isBusy} onClick={() => stop.run()}>Stop keeping</button>
    : <button type="button" class="small" aria-busy={keep.isBusy} onClick={() => keep.run()}>Keep the last {KEPT}</button>)
  return (
    <Card title="Reached no queue" note={`${plural(exchange.unroutable, 'message')} so far`} actions={actions} flush wide>
      <Problem of={keep.error ?? stop.error} />
      <Answer of={live}>
        {({ messages }) => isKept
          ? <Table label="Messages that reached no queue" columns={COLUMNS} rows={messages.map(numbered)} rowKey={({ nth }) => nth} empty="None since then." />
          : <p class="empty">They are counted, and not kept.</p>}
      </Answer>
    </Card>
  )
}

function numbered(message, index, all) {
  return { ...message, nth: all.length - index }
}

const COLUMNS = [
  { key: 'at', label: 'When', cell: ({ at: when }) => dateTime(Date.parse(when)) },
  { key: 'key', label: 'Routing key', grow: true, cell: (message) => <code><Name of={message.routing_key} empty="" /></code> },
  { key: 'user', label: 'User', cell: ({ user }) => <Name of={user} /> },
  {
    key: 'from', label: 'Connection', minor: true,
    cell: ({ connection, channel }) => connection
      ? <><a href={href('connections', connection)}><Name of={connection} /></a> <span class="muted">channel {channel}</span></>
      : <span class="muted">over HTTP</span>,
  },
  { key: 'size', label: 'Size', number: true, minor: true, cell: (message) => bytes(message.payload_bytes) },
  {
    key: 'show', label: 'Message', hidden: true,
    cell: (message) => (
      <Opener label="Show" name={`message ${message.nth}`} title="A message that reached no queue" small wide>
        {() => <Message of={message} number={message.nth} />}
      </Opener>
    ),
  },
]
