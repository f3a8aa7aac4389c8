// One exchange: what goes through, where to, and a way to try where a message would go.

import { request } from '../api/client.js'
import { useLive } from '../api/live.js'
import { at, exchangePart } from '../api/paths.js'
import { Answer } from '../parts/answer.jsx'
import { Arguments } from '../parts/arguments.jsx'
import { Features } from '../parts/badge.jsx'
import { Card, Facts, PageHead } from '../parts/card.jsx'
import { Chart } from '../parts/chart.jsx'
import { Confirm, Opener } from '../parts/confirm.jsx'
import { ExchangeName, Name } from '../parts/name.jsx'
import { Publish } from '../parts/publish.jsx'
import { rate, statRate } from '../format.js'
import { go } from '../route.js'
import { ExchangeBindings } from './exchange/bindings.jsx'
import { TryRouting } from './exchange/try.jsx'
import { Unroutable } from './exchange/unroutable.jsx'

export function Exchange({ vhost, name }) {
  const path = at('exchanges', vhost, exchangePart(name))
  const live = useLive(path)
  return (
    <>
      <PageHead title={<><span class="kind">Exchange</span> <ExchangeName of={name} /></>} note={<>in <Name of={vhost} /></>}>
        {live.data && !live.data.internal && (
          <Opener label="Publish" title="Publish to this exchange" wide>
            {(close) => <Publish vhost={vhost} exchange={name} onClose={close} />}
          </Opener>
        )}
        {live.data && isOurs(name) && (
          <Confirm
            label="Delete" title="Delete this exchange?" done={`Exchange ${name} is deleted.`}
            does={() => request('DELETE', path)} then={() => go('exchanges')}
          >
            <p>The exchange <Name of={name} /> and its bindings will be gone for good. Whoever publishes to it then is
              refused.</p>
          </Confirm>
        )}
      </PageHead>
      <Answer of={live} missing="There is no such exchange (any more).">
        {(exchange) => <Details exchange={exchange} at={live.at} />}
      </Answer>
    </>
  )
}

/** The broker's own cannot be deleted. */
function isOurs(name) {
  return name !== '' && !name.startsWith('amq.')
}

function Details({ exchange, at: seen }) {
  const { vhost, name, message_stats: stats } = exchange
  return (
    <div class="grid">
      <Card title="Rates">
        <Chart
          name={`exchange ${JSON.stringify([vhost, name])}`} label="Messages a second" at={seen} format={rate}
          series={[['In', statRate(stats, 'publish_in')], ['Out', statRate(stats, 'publish_out')]]}
        />
      </Card>
      <Card title="About it">
        <Facts
          of={[
            ['Type', exchange.type],
            ['Features', <Features of={exchange} />],
            ['Arguments', <Arguments of={exchange.arguments} empty="none" />],
            ['Policy', exchange.policy ? <Name of={exchange.policy} /> : 'none'],
            exchange.operator_policy && ['Operator policy', <Name of={exchange.operator_policy} />],
            (exchange.policy || exchange.operator_policy) && [
              'Set by policies', <Arguments of={exchange.effective_policy_definition} empty="nothing" />,
            ],
          ]}
        />
      </Card>
      <TryRouting exchange={exchange} />
      <ExchangeBindings vhost={vhost} name={name} />
      {exchange.unroutable !== undefined && <Unroutable exchange={exchange} />}
    </div>
  )
}
