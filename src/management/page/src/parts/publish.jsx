// The form that publishes a message, to an exchange or straight into a queue.

import { request } from '../api/client.js'
import { at, exchangePart } from '../api/paths.js'
import { ArgumentsEditor, toTable } from './arguments.jsx'
import { AreaField, Form, SelectField, TextField, useAction, useFields } from './form.jsx'
import { say } from './toasts.jsx'

const PROPERTIES = [
  ['content_type', 'text', 'MIME type of the body'],
  ['content_encoding', 'text', 'how the body is packed'],
  ['correlation_id', 'text', 'the request that this answers'],
  ['reply_to', 'text', 'the queue for the answer'],
  ['expiration', 'text', 'ms until it expires'],
  ['priority', 'number', 'higher ones go first, in queues with priorities'],
  ['message_id', 'text', 'a name of its own'],
  ['timestamp', 'number', 'seconds since 1970'],
  ['type', 'text', 'what kind of message this is'],
  ['app_id', 'text', 'what sends it'],
]

export function Publish({ vhost, exchange, routingKey = '', isKeyFixed = false, onClose }) {
  const { values, bind } = useFields({
    key: routingKey, mode: '2', headers: [], properties: [], body: '', encoding: 'string',
  })
  const action = useAction(
    () => request('POST', at('exchanges', vhost, exchangePart(exchange), 'publish'), {
      body: {
        properties: { ...toTable(values.properties), delivery_mode: Number(values.mode), headers: toTable(values.headers) },
        routing_key: values.key,
        payload: values.body,
        payload_encoding: values.encoding,
      },
    }),
    {
      then: ({ routed }) => {
        if (routed) say('Published, and routed.')
        else say('Published, but no queue took it: it is gone.', 'warn')
        if (onClose) onClose()
      },
    },
  )
  return (
    <Form action={action} button="Publish" onCancel={onClose}>
      {!isKeyFixed && <TextField label="Routing key" maxLength={255} {...bind('key')} />}
      <SelectField
        label="Delivery mode" options={[['2', 'persistent'], ['1', 'transient']]} {...bind('mode')}
      />
      <SelectField label="Body is" options={[['string', 'text'], ['base64', 'Base64']]} {...bind('encoding')} />
      <AreaField label="Body" {...bind('body')} />
      <ArgumentsEditor label="Headers" value={values.headers} onChange={bind('headers').onChange} />
      <ArgumentsEditor label="Properties" known={PROPERTIES} value={values.properties} onChange={bind('properties').onChange} />
    </Form>
  )
}
