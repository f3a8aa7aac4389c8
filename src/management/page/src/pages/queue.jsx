// One queue: how full it is, what goes in and out, who consumes, and what can be done with it.

import { request } from '../api/client.js'
import { useLive } from '../api/live.js'
import { at } from '../api/paths.js'
import { Answer } from '../parts/answer.jsx'
import { Arguments } from '../parts/arguments.jsx'
import { Features, State } from '../parts/badge.jsx'
import { Card, Facts, PageHead, Tile } from '../parts/card.jsx'
import { Chart } from '../parts/chart.jsx'
import { Confirm, Opener } from '../parts/confirm.jsx'
import { Name } from '../parts/name.jsx'
import { Publish } from '../parts/publish.jsx'
import { NOTHING, bytes, dateTime, delay, number, plural, rate, statRate } from '../format.js'
import { go, href } from '../route.js'
import { QueueBindings } from './queue/bindings.jsx'
import { QueueConsumers } from './queue/consumers.jsx'
import { GetMessages } from './queue/get.jsx'
import { LookInside } from './queue/inside.jsx'

export function Queue({ vhost, name }) {
  const live = useLive(at('queues', vhost, name))
  return (
    <>
      <PageHead title={<><span class="kind">Queue</span> <Name of={name} /></>} note={<>in <Name of={vhost} /></>}>
        <Actions vhost={vhost} name={name} queue={live.data} />
      </PageHead>
      <Answer of={live} missing="There is no such queue (any more).">
        {(queue) => <Details queue={queue} at={live.at} />}
      </Answer>
    </>
  )
}

function Actions({ vhost, name, queue }) {
  if (!queue) return null
  const path = at('queues', vhost, name)
  return (
    <>
      <Opener label="Publish" title="Publish into this queue" wide>
        {(close) => <Publish vhost={vhost} exchange="" routingKey={name} isKeyFixed onClose={close} />}
      </Opener>
      <Opener label="Get messages" wide>
        {(close) => <GetMessages vhost={vhost} name={name} onClose={close} />}
      </Opener>
      <Confirm
        label="Purge" title="Purge this queue?" done={`Queue ${name} is purged.`}
        does={() => request('DELETE', `${path}/contents`)}
      >
        <p>All {plural(queue.messages_ready ?? 0, 'ready message')} of <Name of={name} /> will be gone for good. What
          consumers have unacked stays.</p>
      </Confirm>
      <Confirm
        label="Delete" title="Delete this queue?" done={`Queue ${name} is deleted.`}
        does={() => request('DELETE', path)} then={() => go('queues')}
      >
        <p>The queue <Name of={name} />, its bindings and {plural(queue.messages ?? 0, 'message')} will be gone for
          good{queue.consumers > 0 && <>, and {plural(queue.consumers, 'consumer')} cancelled</>}.</p>
      </Confirm>
    </>
  )
}

function Details({ queue, at: seen }) {
  const { vhost, name, message_stats: stats } = queue
  const key = JSON.stringify([vhost, name])
  return (
    <div class="grid">
      <div class="tiles wide">
        <Tile label="Ready" value={number(queue.messages_ready)} note="wait to be delivered" />
        <Tile label="Unacked" value={number(queue.messages_unacknowledged)} note="delivered, not acknowledged" />
        <Tile label="Total" value={number(queue.messages)} note={bytes(queue.message_bytes)} />
        <Tile label="Consumers" value={number(queue.consumers)} tone={queue.consumers === 0 && queue.messages > 0 ? 'warn' : ''} note={capacity(queue)} />
      </div>
      <Card title="Messages">
        <Chart
          name={`depth ${key}`} label="Messages in the queue" at={seen} format={number}
          series={[
            ['Ready', queue.messages_ready ?? 0],
            ['Unacked', queue.messages_unacknowledged ?? 0],
          ]}
        />
      </Card>
      <Card title="Rates">
        <Chart
          name={`rates ${key}`} label="Messages a second" at={seen} format={rate}
          series={[
            ['Published', statRate(stats, 'publish')],
            ['Delivered', statRate(stats, 'deliver_get')],
            ['Acked', statRate(stats, 'ack')],
            ['Redelivered', statRate(stats, 'redeliver')],
          ]}
        />
      </Card>
      {queue.deaths !== undefined && <LookInside vhost={vhost} name={name} />}
      {queue.time_in_queue_ms !== undefined && (
        <>
          <Times
            title="Time in the queue" name={`waits ${key}`} at={seen} durations={queue.time_in_queue_ms}
            oldest={['Oldest ready message', queue.oldest_ready_ms]}
          />
          <Times
            title="Time to ack" name={`acks ${key}`} at={seen} durations={queue.time_to_ack_ms}
            oldest={['Oldest unacked delivery', queue.oldest_unacked_ms]}
          />
        </>
      )}
      <QueueConsumers queue={queue} />
      <QueueBindings vhost={vhost} name={name} />
      <Card title="About it">
        <Facts
          of={[
            ['State', <State of={queue.state} />],
            ['Type', queue.type],
            ['Features', <Features of={queue} />],
            ['Arguments', <Arguments of={queue.arguments} empty="none" />],
            ['Policy', queue.policy ? <Name of={queue.policy} /> : 'none'],
            queue.operator_policy && ['Operator policy', <Name of={queue.operator_policy} />],
            (queue.policy || queue.operator_policy) && [
              'Set by policies', <Arguments of={queue.effective_policy_definition} empty="nothing" />,
            ],
            ['Memory', bytes(queue.memory)],
            ['Idle since', idle(queue.idle_since)],
            queue.owner_pid_details?.name && ['Exclusive to', <a href={href('connections', queue.owner_pid_details.name)}><Name of={queue.owner_pid_details.name} /></a>],
            queue.node && ['Node', <Name of={queue.node} />],
          ]}
        />
      </Card>
    </div>
  )
}

/** How long messages take: what RabbitMQ does not tell. */
function Times({ title, name, at: seen, durations, oldest: [label, age] }) {
  const known = durations?.count > 0 ? durations : {}
  return (
    <Card title={title}>
      <Chart
        name={name} label={title} at={seen} format={delay}
        series={[
          ['Half within', known.p50 ?? null],
          ['95 %', known.p95 ?? null],
          ['99 %', known.p99 ?? null],
        ]}
      />
      <Facts of={[[label, delay(age)]]} />
    </Card>
  )
}

function capacity(queue) {
  const share = queue.consumer_capacity ?? queue.consumer_utilisation
  if (queue.consumers === 0) return queue.messages > 0 ? 'nobody takes these messages' : 'none'
  return Number.isFinite(share) ? `ready to take ${Math.round(share * 100)} % of the time` : ''
}

/** ISO 8601 with a space for the `T` in RabbitMQ's older versions. */
function idle(since) {
  if (!since) return NOTHING
  const ms = Date.parse(since.includes('T') ? since : `${since.replace(' ', 'T')}Z`)
  return Number.isNaN(ms) ? <Name of={since} /> : dateTime(ms)
}
