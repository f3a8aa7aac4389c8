// Where the messages of one exchange go, and which exchanges it gets messages from.

import { useLive } from '../../api/live.js'
import { at, exchangePart } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Bind, BindingTable } from '../../parts/bindings.jsx'
import { Card } from '../../parts/card.jsx'
import { Opener } from '../../parts/confirm.jsx'

/** The rest is left to the list of bindings that the command line prints. */
const SHOWN_MAX = 500
const EVERY_MS = 5_000

export function ExchangeBindings({ vhost, name }) {
  const path = at('exchanges', vhost, exchangePart(name), 'bindings')
  const out = useLive(`${path}/source`, { every: EVERY_MS })
  const into = useLive(`${path}/destination`, { every: EVERY_MS })
  const isDefault = name === ''
  const bind = !isDefault && (
    <Opener label="Bind" title="Bind to this exchange" small wide>
      {(close) => <Bind vhost={vhost} from={name} onClose={close} />}
    </Opener>
  )
  return (
    <>
      <Card title="Goes to" note={count(out.data)} actions={bind} flush wide={!into.data?.length}>
        <Answer of={out}>
          {(bindings) => (
            <BindingTable
              label="Bindings from this exchange" bindings={bindings.slice(0, SHOWN_MAX)} side="destination"
              empty={isDefault ? 'Each queue gets what has its name as the routing key.' : 'No bindings: what is published here is not routed.'}
            />
          )}
        </Answer>
      </Card>
      {into.data?.length > 0 && (
        <Card title="Comes from" note={count(into.data)} flush>
          <BindingTable label="Bindings to this exchange" bindings={into.data.slice(0, SHOWN_MAX)} side="source" />
        </Card>
      )}
    </>
  )
}

function count(bindings) {
  if (!bindings) return ''
  return bindings.length > SHOWN_MAX ? `the first ${SHOWN_MAX} of ${bindings.length}` : String(bindings.length)
}
