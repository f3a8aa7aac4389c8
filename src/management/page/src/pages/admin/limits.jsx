// How much a virtual host or a user may have.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Card } from '../../parts/card.jsx'
import { Confirm, Opener } from '../../parts/confirm.jsx'
import { Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'
import { useScope } from '../../scope.js'

const KINDS = {
  vhost: { title: 'Of virtual hosts', path: 'vhost-limits', label: 'Virtual host', names: ['max-connections', 'max-queues'] },
  user: { title: 'Of users', path: 'user-limits', label: 'User', names: ['max-connections', 'max-channels'] },
}

export function Limits() {
  return (
    <div class="grid">
      <LimitCard kind="vhost" />
      <LimitCard kind="user" />
    </div>
  )
}

function LimitCard({ kind }) {
  const { title, path, label } = KINDS[kind]
  const live = useLive(path)
  const set = <Opener label="Set limit" title={`Set a limit of a ${label.toLowerCase()}`} small>{(close) => <SetLimit kind={kind} onClose={close} />}</Opener>
  return (
    <Card title={title} actions={set} flush>
      <Answer of={live}>
        {(list) => (
          <Table
            label={`Limits: ${title.toLowerCase()}`} rows={list.flatMap((entry) => linesOf(kind, entry))} empty="None."
            rowKey={({ owner, name }) => JSON.stringify([owner, name])} columns={columnsFor(kind)}
          />
        )}
      </Answer>
    </Card>
  )
}

function linesOf(kind, entry) {
  return Object.entries(entry.value).map(([name, value]) => ({ owner: entry[kind], name, value }))
}

function columnsFor(kind) {
  const { path, label } = KINDS[kind]
  return [
    { key: 'owner', label, grow: true, cell: ({ owner }) => <Name of={owner} /> },
    { key: 'name', label: 'Limit', cell: ({ name }) => name },
    { key: 'value', label: 'At most', number: true, cell: ({ value }) => value < 0 ? 'no limit' : value },
    {
      key: 'clear', label: 'Clear', hidden: true,
      cell: ({ owner, name }) => (
        <Confirm
          label="Clear" name={`${name} of ${owner}`} small title="Clear this limit?" done="The limit is cleared."
          does={() => request('DELETE', at(path, owner, name))}
        >
          <p>{name} of <Name of={owner} /></p>
        </Confirm>
      ),
    },
  ]
}

function SetLimit({ kind, onClose }) {
  const { path, label, names } = KINDS[kind]
  const { vhosts } = useScope()
  const { values, bind } = useFields({ owner: kind === 'vhost' ? vhosts[0] : '', name: names[0], value: '' })
  const action = useAction(
    () => request('PUT', at(path, values.owner, values.name), { body: { value: Number(values.value) } }),
    { done: 'The limit is set.', then: onClose },
  )
  return (
    <Form action={action} button="Set" onCancel={onClose}>
      {kind === 'vhost'
        ? <SelectField label={label} options={vhosts} {...bind('owner')} />
        : <TextField label={label} required {...bind('owner')} />}
      <SelectField label="Limit" options={names} {...bind('name')} />
      <TextField label="At most" type="number" min="-1" required hint="-1: no limit" {...bind('value')} />
    </Form>
  )
}
