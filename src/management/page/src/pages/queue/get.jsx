// Takes messages out of a queue and shows them.

import { useState } from 'preact/hooks'
import { request } from '../../api/client.js'
import { at } from '../../api/paths.js'
import { Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Message } from '../../parts/message.jsx'
import { plural } from '../../format.js'

/** What becomes of them. Whoever gets a message is a consumer for that moment. */
const MODES = [
  ['ack_requeue_true', 'put them back'],
  ['ack_requeue_false', 'take them out for good'],
  ['reject_requeue_true', 'reject them, and put them back'],
  ['reject_requeue_false', 'reject them (dead-letter)'],
]

/** Of each body; the rest would only be scrolled past. */
const BODY_BYTES_MAX = 50_000

export function GetMessages({ vhost, name, onClose }) {
  const { values, bind } = useFields({ count: '1', mode: 'ack_requeue_true', encoding: 'auto' })
  const [messages, setMessages] = useState(null)
  const action = useAction(
    () => request('POST', at('queues', vhost, name, 'get'), {
      body: { count: Number(values.count), ackmode: values.mode, encoding: values.encoding, truncate: BODY_BYTES_MAX },
    }),
    { then: setMessages },
  )
  return (
    <>
      <Form action={action} button="Get" cancel="Close" onCancel={onClose}>
        <TextField label="How many" type="number" min="1" max="1000" required {...bind('count')} />
        <SelectField
          label="Then" options={MODES} {...bind('mode')}
          hint={values.mode.endsWith('requeue_true') ? 'They count as redelivered afterwards.' : 'This cannot be undone.'}
        />
        <SelectField label="Show bodies as" options={[['auto', 'text, if they are'], ['base64', 'Base64']]} {...bind('encoding')} />
      </Form>
      <div class="messages" role="status">
        {messages && <p class="muted">{messages.length === 0 ? 'The queue has nothing ready.' : plural(messages.length, 'message')}</p>}
        {messages?.map((message, index) => <Message key={index} of={message} number={index + 1} limit={BODY_BYTES_MAX} />)}
      </div>
    </>
  )
}
