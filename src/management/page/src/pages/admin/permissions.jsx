// Who may configure, write and read what in which vhost; and with which routing keys.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Card } from '../../parts/card.jsx'
import { Confirm, Opener } from '../../parts/confirm.jsx'
import { Form, SelectField, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'
import { href } from '../../route.js'
import { useScope } from '../../scope.js'

export function Permissions() {
  return (
    <div class="grid">
      <PermissionCard />
      <TopicPermissionCard />
    </div>
  )
}

/** Of one user, or of all. */
export function PermissionCard({ user }) {
  const live = useLive(user === undefined ? 'permissions' : at('users', user, 'permissions'))
  const set = <Opener label="Set permission" small>{(close) => <SetPermission user={user} onClose={close} />}</Opener>
  return (
    <Card title="Permissions" note="Regular expressions; an empty one matches nothing" actions={set} flush wide>
      <Answer of={live}>
        {(list) => (
          <Table
            label="Permissions" rows={list} rowKey={(row) => JSON.stringify([row.user, row.vhost])} empty="None."
            columns={[
              ...userColumn(user),
              vhostColumn(),
              pattern('configure', 'Configure'),
              pattern('write', 'Write'),
              pattern('read', 'Read'),
              clearColumn((row) => at('permissions', row.vhost, row.user), (row) => `${row.user} in ${row.vhost}`),
            ]}
          />
        )}
      </Answer>
    </Card>
  )
}

export function TopicPermissionCard({ user }) {
  const live = useLive(user === undefined ? 'topic-permissions' : at('users', user, 'topic-permissions'))
  const set = <Opener label="Set topic permission" small>{(close) => <SetTopicPermission user={user} onClose={close} />}</Opener>
  return (
    <Card title="Topic permissions" note="On routing keys; where there are none, all are allowed" actions={set} flush wide>
      <Answer of={live}>
        {(list) => (
          <Table
            label="Topic permissions" rows={list} empty="None."
            rowKey={(row) => JSON.stringify([row.user, row.vhost, row.exchange])}
            columns={[
              ...userColumn(user),
              vhostColumn(),
              { key: 'exchange', label: 'Exchange', cell: ({ exchange }) => <Name of={exchange} /> },
              pattern('write', 'Write'),
              pattern('read', 'Read'),
              clearColumn(
                (row) => at('topic-permissions', row.vhost, row.user, row.exchange),
                (row) => `${row.user} at ${row.exchange}`,
              ),
            ]}
          />
        )}
      </Answer>
    </Card>
  )
}

function userColumn(user) {
  if (user !== undefined) return []
  return [{ key: 'user', label: 'User', cell: ({ user: name }) => <a href={href('admin', 'users', name)}><Name of={name} /></a> }]
}

function vhostColumn() {
  return { key: 'vhost', label: 'Virtual host', grow: true, cell: ({ vhost }) => <Name of={vhost} /> }
}

function pattern(key, label) {
  return { key, label, cell: (row) => <code><Name of={row[key]} empty="nothing" /></code> }
}

function clearColumn(path, name) {
  return {
    key: 'clear',
    label: 'Clear',
    hidden: true,
    cell: (row) => (
      <Confirm
        label="Clear" name={name(row)} small title="Clear this permission?" done="Cleared."
        does={() => request('DELETE', path(row))}
      >
        <p><Name of={row.user} /> in <Name of={row.vhost} /></p>
      </Confirm>
    ),
  }
}

function SetPermission({ user, onClose }) {
  const { vhosts, vhost } = useScope()
  const { values, bind } = useFields({ user: user ?? '', vhost: vhost ?? vhosts[0], configure: '.*', write: '.*', read: '.*' })
  const { configure, write, read } = values
  const action = useAction(
    () => request('PUT', at('permissions', values.vhost, values.user), { body: { configure, write, read } }),
    { done: 'The permission is set.', then: onClose },
  )
  return (
    <Form action={action} button="Set" onCancel={onClose}>
      {user === undefined && <TextField label="User" required {...bind('user')} />}
      <SelectField label="Virtual host" options={vhosts} {...bind('vhost')} />
      <TextField label="Configure" hint="Names that may be declared and deleted" {...bind('configure')} />
      <TextField label="Write" hint="Names that may be published and bound to" {...bind('write')} />
      <TextField label="Read" hint="Names that may be consumed and bound from" {...bind('read')} />
    </Form>
  )
}

function SetTopicPermission({ user, onClose }) {
  const { vhosts, vhost } = useScope()
  const { values, bind } = useFields({ user: user ?? '', vhost: vhost ?? vhosts[0], exchange: 'amq.topic', write: '.*', read: '.*' })
  const { exchange, write, read } = values
  const action = useAction(
    () => request('PUT', at('topic-permissions', values.vhost, values.user), { body: { exchange, write, read } }),
    { done: 'The topic permission is set.', then: onClose },
  )
  return (
    <Form action={action} button="Set" onCancel={onClose}>
      {user === undefined && <TextField label="User" required {...bind('user')} />}
      <SelectField label="Virtual host" options={vhosts} {...bind('vhost')} />
      <TextField label="Exchange" hint="A topic exchange" required {...bind('exchange')} />
      <TextField label="Write" hint="Routing keys that may be published with" {...bind('write')} />
      <TextField label="Read" hint="Binding keys that may be bound with" {...bind('read')} />
    </Form>
  )
}
