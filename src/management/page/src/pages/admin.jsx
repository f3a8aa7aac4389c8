// What only administrators see: who may do what, and everything that is defined.

import { href } from '../route.js'
import { Definitions } from './admin/definitions.jsx'
import { Limits } from './admin/limits.jsx'
import { Policies } from './admin/policies.jsx'
import { User } from './admin/user.jsx'
import { Users } from './admin/users.jsx'
import { Vhosts } from './admin/vhosts.jsx'
import { Permissions } from './admin/permissions.jsx'
import { PageHead } from '../parts/card.jsx'

const PARTS = [
  ['users', 'Users', Users],
  ['vhosts', 'Virtual hosts', Vhosts],
  ['permissions', 'Permissions', Permissions],
  ['policies', 'Policies', Policies],
  ['limits', 'Limits', Limits],
  ['definitions', 'Definitions', Definitions],
]

export function Admin({ part = 'users', name }) {
  const [, , Part = Users] = PARTS.find(([key]) => key === part) ?? []
  if (part === 'users' && name !== undefined) return <User name={name} />
  return (
    <>
      <PageHead title="Admin" />
      <nav class="tabs" aria-label="Parts of the administration">
        {PARTS.map(([key, text]) => (
          <a key={key} href={href('admin', key)} aria-current={key === part ? 'page' : undefined}>{text}</a>
        ))}
      </nav>
      <Part />
    </>
  )
}
