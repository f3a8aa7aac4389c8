// Closes a connection, and tells the client why.

import { request } from '../../api/client.js'
import { at } from '../../api/paths.js'
import { Opener } from '../../parts/confirm.jsx'
import { Form, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Name } from '../../parts/name.jsx'

export function CloseConnection({ name, small = false, then }) {
  return (
    <Opener label="Close" name={small ? name : undefined} title="Close this connection?" small={small}>
      {(close) => <CloseForm name={name} onClose={close} then={then} />}
    </Opener>
  )
}

function CloseForm({ name, onClose, then }) {
  const { values, bind } = useFields({ reason: '' })
  const action = useAction(
    () => request('DELETE', at('connections', name), { headers: reasonHeader(values.reason) }),
    {
      done: 'The connection is closed.',
      then: () => {
        onClose()
        then?.()
      },
    },
  )
  return (
    <Form action={action} button="Close it" danger onCancel={onClose}>
      <p>Its unacked messages go back to their queues. Most clients connect again by themselves.</p>
      <p><Name of={name} /></p>
      <TextField label="Reason" hint="The client is told it." wide maxLength={200} {...bind('reason')} />
    </Form>
  )
}

/** A header takes one line of Latin-1; what else was typed is left out. */
function reasonHeader(reason) {
  const line = reason.replace(/[^\x20-\x7e\xa0-\xff]+/g, ' ').trim()
  return line === '' ? {} : { 'X-Reason': line }
}
