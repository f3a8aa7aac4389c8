// Policies: arguments that queues and exchanges get by their names.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Arguments, ArgumentsEditor, toTable } from '../../parts/arguments.jsx'
import { Card } from '../../parts/card.jsx'
import { Confirm, Opener } from '../../parts/confirm.jsx'
import { Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'
import { isAdministrator } from '../../rights.js'
import { useScope } from '../../scope.js'

const KINDS = [
  ['policies', 'Policies', 'policy', 'The one with the highest priority whose pattern matches'],
  ['operator-policies', 'Operator policies', 'operator policy', 'Bounds that the others cannot exceed'],
]

const APPLY_TO = [
  ['all', 'queues and exchanges'],
  ['queues', 'queues'],
  ['classic_queues', 'classic queues'],
  ['quorum_queues', 'quorum queues'],
  ['exchanges', 'exchanges'],
]

const KNOWN = [
  ['message-ttl', 'number', 'ms after which a message expires'],
  ['expires', 'number', 'ms of disuse after which a queue is deleted'],
  ['max-length', 'number', 'messages that a queue holds at most'],
  ['max-length-bytes', 'number', 'bytes of bodies that a queue holds at most'],
  ['overflow', 'text', 'drop-head, reject-publish or reject-publish-dlx'],
  ['dead-letter-exchange', 'text', 'where dead letters go'],
  ['dead-letter-routing-key', 'text', 'the routing key that they get'],
  ['dead-letter-strategy', 'text', 'at-most-once or at-least-once (quorum)'],
  ['consumer-timeout', 'number', 'ms that a consumer may keep a delivery'],
  ['delivery-limit', 'number', 'deliveries after which a message is dropped (quorum)'],
  ['alternate-exchange', 'text', 'where an exchange sends what it does not route'],
]

export function Policies() {
  return (
    <div class="grid">
      {KINDS.map(([path, title, noun, note]) => <PolicyCard key={path} path={path} title={title} noun={noun} note={note} />)}
    </div>
  )
}

function PolicyCard({ path, title, noun, note }) {
  const live = useLive(path)
  const { user } = useScope()
  const maySet = path === 'policies' || isAdministrator(user)
  const set = live.data && maySet && (
    <Opener label={`Set ${noun}`} small wide>{(close) => <SetPolicy path={path} noun={noun} onClose={close} />}</Opener>
  )
  return (
    <Card title={title} note={note} actions={set} flush wide>
      <Answer of={live} missing="This broker has no policies.">
        {(list) => (
          <Table
            label={title} columns={columnsFor(path).filter(({ key }) => key !== 'delete' || maySet)} rows={list} empty="None."
            rowKey={({ vhost, name }) => JSON.stringify([vhost, name])}
          />
        )}
      </Answer>
    </Card>
  )
}

function columnsFor(path) {
  return [
    { key: 'name', label: 'Name', grow: true, cell: ({ name }) => <Name of={name} /> },
    { key: 'vhost', label: 'Virtual host', cell: ({ vhost }) => <Name of={vhost} /> },
    { key: 'pattern', label: 'Pattern', cell: ({ pattern }) => <code><Name of={pattern} /></code> },
    { key: 'apply', label: 'Applies to', minor: true, cell: (policy) => policy['apply-to'] },
    { key: 'priority', label: 'Priority', number: true, cell: ({ priority }) => priority },
    { key: 'definition', label: 'Definition', cell: ({ definition }) => <Arguments of={definition} /> },
    {
      key: 'delete', label: 'Delete', hidden: true,
      cell: ({ vhost, name }) => (
        <Confirm
          label="Delete" name={name} small title="Delete this policy?" done={`Policy ${name} is deleted.`}
          does={() => request('DELETE', at(path, vhost, name))}
        >
          <p>What it set no longer holds where <Name of={name} /> applied.</p>
        </Confirm>
      ),
    },
  ]
}

function SetPolicy({ path, noun, onClose }) {
  const { vhosts, vhost } = useScope()
  const { values, bind } = useFields({
    name: '', vhost: vhost ?? vhosts[0], pattern: '', apply: 'all', priority: '0', rows: [],
  })
  const action = useAction(
    () => request('PUT', at(path, values.vhost, values.name), {
      body: {
        pattern: values.pattern,
        'apply-to': values.apply,
        priority: Number(values.priority),
        definition: toTable(values.rows),
      },
    }),
    { done: `The ${noun} is set.`, then: onClose },
  )
  return (
    <Form action={action} button="Set" onCancel={onClose}>
      <TextField label="Name" required maxLength={255} {...bind('name')} />
      <SelectField label="Virtual host" options={vhosts} {...bind('vhost')} />
      <TextField label="Pattern" hint="A regular expression for names" required {...bind('pattern')} />
      <SelectField label="Applies to" options={APPLY_TO} {...bind('apply')} />
      <TextField label="Priority" type="number" required {...bind('priority')} />
      <ArgumentsEditor label="Definitions" known={KNOWN} value={values.rows} onChange={bind('rows').onChange} />
    </Form>
  )
}
