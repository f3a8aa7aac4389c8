// Looking into a queue without touching it, and doing something with single messages.

import { useState } from 'preact/hooks'
import { request } from '../../api/client.js'
import { at, withQuery } from '../../api/paths.js'
import { Card } from '../../parts/card.jsx'
import { Opener } from '../../parts/confirm.jsx'
import { Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Message } from '../../parts/message.jsx'
import { Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'
import { NOTHING, bytes, duration, number, plural } from '../../format.js'
import { Actions } from './inside/actions.jsx'

const COUNT = 50
/** Of each body. */
const BODY_BYTES_MAX = 20_000
/** Of the body in its line of the list. */
const LETTERS = 60

export function LookInside({ vhost, name }) {
  const path = at('queues', vhost, name, 'messages')
  const { values, bind } = useFields({ state: 'ready', header: '', body: '' })
  const [page, setPage] = useState(null)
  const [chosen, setChosen] = useState(new Set())
  const look = useAction(async (offset = 0, query = values) => {
    const answer = await request('GET', withQuery(path, { ...query, offset, count: COUNT, truncate: BODY_BYTES_MAX }))
    return { ...answer, offset, query }
  }, {
    then: (answer) => {
      setPage(answer)
      setChosen(new Set())
    },
  })
  const again = () => look.run(page?.offset, page?.query)
  const choose = (id, is) => setChosen((before) => {
    const after = new Set(before)
    if (is) after.add(id)
    else after.delete(id)
    return after
  })
  return (
    <Card title="Look inside" note="Marks and moves nothing" wide>
      <Form action={{ ...look, run: () => look.run() }} button="Look" inline>
        <SelectField label="Messages that are" options={[['ready', 'ready'], ['unacked', 'unacked']]} {...bind('state')} />
        <TextField label="With the header" placeholder="name or name=value" {...bind('header')} />
        <TextField label="With this in the body" {...bind('body')} />
      </Form>
      <div class="found" role="status">
        {page && (
          <>
            <Table
              label="Messages in this queue" columns={columns(page.query.state, chosen, choose)} rows={page.messages} rowKey={({ id }) => id}
              empty={page.next_offset === null ? 'No such message.' : 'None among those that were looked at.'}
            />
            <div class="bar">
              <span class="muted">{seen(page)}</span>
              {page.offset > 0 && <button type="button" class="small" onClick={() => look.run(0, page.query)}>From the start</button>}
              {page.next_offset !== null && <button type="button" class="small" onClick={() => look.run(page.next_offset, page.query)}>Look on</button>}
            </div>
            {page.query.state === 'ready' && <Actions vhost={vhost} name={name} ids={[...chosen]} then={again} />}
          </>
        )}
      </div>
    </Card>
  )
}

function seen({ messages, compared, query }) {
  const isFiltered = query.header !== '' || query.body !== ''
  return isFiltered ? `${number(messages.length)} of ${plural(compared, 'message')} that were looked at` : plural(messages.length, 'message')
}

function columns(state, chosen, choose) {
  const isReady = state === 'ready'
  return [
    isReady && {
      key: 'choose', label: 'Choose', hidden: true,
      cell: ({ id, position }) => (
        <input
          type="checkbox" aria-label={`Choose message ${position + 1}`} checked={chosen.has(id)}
          onChange={(event) => choose(id, event.currentTarget.checked)}
        />
      ),
    },
    { key: 'position', label: 'Place', number: true, cell: ({ position }) => number(position + 1) },
    { key: 'key', label: 'Routing key', cell: (message) => <code><Name of={message.routing_key ?? ''} empty="" /></code> },
    { key: 'body', label: 'Body', grow: true, minor: true, cell: (message) => <span class="muted"><Name of={firstOf(message)} empty="" /></span> },
    !isReady && { key: 'consumer', label: 'Consumer', cell: (message) => message.consumer_tag ? <Name of={message.consumer_tag} /> : <span class="muted">fetched</span> },
    { key: 'age', label: 'Age', number: true, minor: true, cell: ({ age_ms: age }) => age === null ? NOTHING : duration(age) },
    { key: 'size', label: 'Size', number: true, minor: true, cell: (message) => bytes(message.payload_bytes) },
    {
      key: 'show', label: 'Message', hidden: true,
      cell: (message) => (
        <Opener label="Show" name={`message ${message.position + 1}`} title={`Message ${message.position + 1}`} small wide>
          {() => message.readable
            ? <Message of={message} number={message.position + 1} limit={BODY_BYTES_MAX} />
            : <p class="empty">The disk does not give it back.</p>}
        </Opener>
      ),
    },
  ].filter(Boolean)
}

function firstOf({ readable, payload, payload_encoding: encoding }) {
  if (!readable) return 'unreadable'
  if (encoding !== 'string') return 'Base64'
  return payload.length > LETTERS ? `${payload.slice(0, LETTERS)}…` : payload
}
