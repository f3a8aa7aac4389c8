// What can be done with messages that were chosen, or with all that are ready.

import { request } from '../../../api/client.js'
import { at } from '../../../api/paths.js'
import { Confirm, Opener } from '../../../parts/confirm.jsx'
import { Form, SelectField, TextField, useAction, useFields } from '../../../parts/form.jsx'
import { say } from '../../../parts/toasts.jsx'
import { Name } from '../../../parts/name.jsx'
import { plural } from '../../../format.js'

export function Actions({ vhost, name, ids, then }) {
  const path = at('queues', vhost, name, 'messages')
  const what = ids.length === 0 ? 'all ready messages' : plural(ids.length, 'message')
  const chosen = ids.length === 0 ? { all: true } : { ids }
  const finish = (done) => {
    tell(done)
    then()
  }
  return (
    <div class="buttons" role="group" aria-label="What to do with messages">
      <Opener label={ids.length === 0 ? 'Move all' : 'Move'} title={`Move ${what}`} small>
        {(close) => <Move path={path} chosen={chosen} onClose={close} then={finish} />}
      </Opener>
      <Outcome
        label={ids.length === 0 ? 'Redrive all' : 'Redrive'} title={`Send ${what} back?`}
        does={() => untilDone(`${path}/redrive`, chosen)} then={finish}
      >
        <p>Dead letters leave <Name of={name} /> and go back into the queue where each of them died first, with the routing key
          that it had. What is no dead letter stays.</p>
      </Outcome>
      {ids.length > 0 && (
        <Outcome
          label="Delete messages" title={`Delete ${what}?`}
          does={() => request('POST', `${path}/delete`, { body: { ids } })} then={finish}
        >
          <p>{ids.length === 1 ? 'It' : 'They'} will be gone from <Name of={name} /> for good.</p>
        </Outcome>
      )}
    </div>
  )
}

/** Asks first, and hands on what came of it. */
function Outcome({ does, then, ...rest }) {
  let result
  const keep = async () => {
    result = await does()
  }
  return <Confirm {...rest} small does={keep} then={() => then(result)} />
}

function Move({ path, chosen, onClose, then }) {
  const { values, bind } = useFields({ to: 'queue', queue: '', exchange: '', key: '' })
  const isQueue = values.to === 'queue'
  const action = useAction(() => {
    const target = isQueue ? { queue: values.queue } : { exchange: values.exchange || 'amq.default', routing_key: values.key }
    return untilDone(`${path}/move`, { ...chosen, ...target })
  }, {
    then: (done) => {
      onClose()
      then(done)
    },
  })
  return (
    <Form action={action} button="Move" onCancel={onClose}>
      <SelectField label="Move to" options={[['queue', 'a queue'], ['exchange', 'an exchange']]} {...bind('to')} />
      {isQueue
        ? <TextField label="Name of the queue" required maxLength={255} {...bind('queue')} />
        : (
          <>
            <TextField label="Name of the exchange" maxLength={255} hint="Nothing is the default exchange." {...bind('exchange')} />
            <TextField label="Routing key" maxLength={255} {...bind('key')} />
          </>
        )}
    </Form>
  )
}

/** One request goes on for some seconds only. What it leaves where it is would be left again. */
async function untilDone(path, body) {
  let moved = 0
  for (;;) {
    const answer = await request('POST', path, { body })
    moved += answer.moved
    if (answer.done || answer.moved === 0 || body.ids) return { ...answer, moved }
  }
}

function tell({ moved, deleted, left, reasons }) {
  const done = deleted === undefined ? `${plural(moved, 'message')} moved.` : `${plural(deleted, 'message')} deleted.`
  if (left === 0) say(done)
  else say(`${done} ${plural(left, 'message')} stayed: ${reasons[0]?.reason}.`, 'warn')
}
