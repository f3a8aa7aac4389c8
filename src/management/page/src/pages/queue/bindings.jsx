// Where the messages of one queue come from.

import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Bind, BindingTable } from '../../parts/bindings.jsx'
import { Card } from '../../parts/card.jsx'
import { Opener } from '../../parts/confirm.jsx'

export function QueueBindings({ vhost, name }) {
  const live = useLive(at('queues', vhost, name, 'bindings'), { every: 5_000 })
  const bind = (
    <Opener label="Bind" title="Bind this queue" small wide>
      {(close) => <Bind vhost={vhost} to={{ type: 'queue', name }} onClose={close} />}
    </Opener>
  )
  return (
    <Card title="Bindings" note={String(live.data?.length ?? '')} actions={bind} flush>
      <Answer of={live}>
        {(bindings) => <BindingTable label="Bindings of this queue" bindings={bindings} side="source" empty="No bindings." />}
      </Answer>
    </Card>
  )
}
