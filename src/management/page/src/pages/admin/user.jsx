// One user: password, tags and permissions.

import { request } from '../../api/client.js'
import { useLive } from '../../api/live.js'
import { at } from '../../api/paths.js'
import { Answer } from '../../parts/answer.jsx'
import { Card, Facts, PageHead } from '../../parts/card.jsx'
import { Confirm, Opener } from '../../parts/confirm.jsx'
import { Form, TextField, useAction, useFields } from '../../parts/form.jsx'
import { Name } from '../../parts/name.jsx'
import { go } from '../../route.js'
import { useScope } from '../../scope.js'
import { PermissionCard, TopicPermissionCard } from './permissions.jsx'
import { TagChoice, Tags, listOf } from './tags.jsx'

export function User({ name }) {
  const live = useLive(at('users', name))
  const { user: me } = useScope()
  return (
    <>
      <PageHead title={<><span class="kind">User</span> <Name of={name} /></>}>
        {live.data && (
          <>
            <Opener label="Change password">{(close) => <Password user={live.data} onClose={close} />}</Opener>
            <Opener label="Change tags">{(close) => <ChangeTags user={live.data} onClose={close} />}</Opener>
            <Confirm
              label="Delete" title="Delete this user?" done={`User ${name} is deleted.`}
              does={() => request('DELETE', at('users', name))} then={() => go('admin', 'users')}
            >
              <p>
                <Name of={name} /> can no longer log in, and loses all permissions.
                {name === me.name && <strong> That is you.</strong>}
              </p>
            </Confirm>
          </>
        )}
      </PageHead>
      <Answer of={live} missing="There is no such user (any more).">
        {(user) => (
          <div class="grid">
            <Card title="About them" wide>
              <Facts of={[['Tags', <Tags of={user.tags} />], ['Password', user.password_hash === '' ? 'none: cannot log in with one' : 'set']]} />
            </Card>
            <PermissionCard user={name} />
            <TopicPermissionCard user={name} />
          </div>
        )}
      </Answer>
    </>
  )
}

function Password({ user, onClose }) {
  const { values, bind } = useFields({ password: '' })
  const action = useAction(
    () => request('PUT', at('users', user.name), { body: { password: values.password, tags: listOf(user.tags).join(',') } }),
    { done: 'The password is changed.', then: onClose },
  )
  return (
    <Form action={action} button="Change" onCancel={onClose}>
      <TextField label="New password" type="password" required autocomplete="new-password" wide {...bind('password')} />
    </Form>
  )
}

/** A user without a password in the request would lose it, so its hash goes back as it came. */
function ChangeTags({ user, onClose }) {
  const { values, bind } = useFields({ tags: listOf(user.tags) })
  const { password_hash: hash, hashing_algorithm: algorithm } = user
  const action = useAction(
    () => request('PUT', at('users', user.name), {
      body: { password_hash: hash, hashing_algorithm: algorithm, tags: values.tags.join(',') },
    }),
    { done: 'The tags are changed.', then: onClose },
  )
  return (
    <Form action={action} button="Change" onCancel={onClose}>
      <TagChoice {...bind('tags')} />
    </Form>
  )
}
