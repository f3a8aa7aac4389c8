// What only administrators see: who may do what, and everything that is defined. Of it policymakers see the policies.

import { href } from '../route.js'
import { Definitions } from './admin/definitions.jsx'
import { Limits } from './admin/limits.jsx'
import { Policies } from './admin/policies.jsx'
import { User } from './admin/user.jsx'
import { Users } from './admin/users.jsx'
import { Vhosts } from './admin/vhosts.jsx'
import { Permissions } from './admin/permissions.jsx'
import { PageHead } from '../parts/card.jsx'
import { isAdministrator } from '../rights.js'
import { useScope } from '../scope.js'

const PARTS = [
  ['users', 'Users', Users],
  ['vhosts', 'Virtual hosts', Vhosts],
  ['permissions', 'Permissions', Permissions],
  ['policies', 'Policies', Policies],
  ['limits', 'Limits', Limits],
  ['definitions', 'Definitions', Definitions],
]

export function Admin({ part: asked, name }) {
  const { user } = useScope()
  const parts = isAdministrator(user) ? PARTS : PARTS.filter(([key]) => key === 'policies')
  const [part, , Part] = parts.find(([key]) => key === asked) ?? parts[0]
  if (part === 'users' && name !== undefined) return <User name={name} />
  return (
    <>
      <PageHead title="Admin" />
      <nav class="tabs" aria-label="Parts of the administration">
        {parts.map(([key, text]) => (
          <a key={key} href={href('admin', key)} aria-current={key === part ? 'page' : undefined}>{text}</a>
        ))}
      </nav>
      <Part />
    </>
  )
}
