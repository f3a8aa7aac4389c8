// All users.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Card } from '../../parts/card.jsx'
import { Opener } from '../../parts/confirm.jsx'
import { Form, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Name } from '../../parts/name.jsx'
import { Table } from '../../parts/table.jsx'
import { href } from '../../route.js'
import { TagChoice, Tags } from './tags.jsx'

export function Users() {
  const users = useLive('users')
  const permissions = useLive('permissions')
  const add = <Opener label="New user" primary small>{(close) => <AddUser onClose={close} />}</Opener>
  return (
    <Card title="Users" note={String(users.data?.length ?? '')} actions={add} flush>
      <Answer of={users}>
        {(list) => <Table label="Users" columns={columnsFor(permissions.data ?? [])} rows={list} rowKey={({ name }) => name} />}
      </Answer>
    </Card>
  )
}

function columnsFor(permissions) {
  return [
    { key: 'name', label: 'Name', grow: true, cell: ({ name }) => <a href={href('admin', 'users', name)}><Name of={name} /></a> },
    { key: 'tags', label: 'Tags', cell: ({ tags }) => <Tags of={tags} /> },
    {
      key: 'vhosts', label: 'May use', minor: true,
      cell: ({ name }) => {
        const vhosts = permissions.filter(({ user }) => user === name).map(({ vhost }) => vhost)
        if (vhosts.length === 0) return <span class="muted">no virtual host</span>
        return <span class="badges">{vhosts.map((vhost) => <Name key={vhost} of={vhost} />)}</span>
      },
    },
    { key: 'password', label: 'Password', minor: true, cell: (user) => user.password_hash === '' ? <span class="muted">none</span> : 'set' },
  ]
}

function AddUser({ onClose }) {
  const { values, bind } = useFields({ name: '', password: '', tags: [] })
  const action = useAction(
    () => request('PUT', at('users', values.name), { body: { password: values.password, tags: values.tags.join(',') } }),
    { done: `User ${values.name} is made. Permissions open a virtual host.`, then: onClose },
  )
  return (
    <Form action={action} button="Add" onCancel={onClose}>
      <TextField label="Name" required maxLength={255} {...bind('name')} />
      <TextField label="Password" type="password" required autocomplete="new-password" {...bind('password')} />
      <TagChoice {...bind('tags')} />
    </Form>
  )
}
