// Everything that is defined, as one file: out of one broker, and into another.

import { useState } from 'preact/hooks'
import { request } from '../../api/client.js'
import { at } from '../../api/paths.js'
import { Card } from '../../parts/card.jsx'
import { Field, Form, Mistake, SelectField, useAction, useFields } from '../../parts/form.jsx'
import { useScope } from '../../scope.js'

/** What the broker takes. */
const FILE_BYTES_MAX = 16 * 1024 * 1024

export function Definitions() {
  return (
    <div class="grid">
      <Export />
      <Import />
    </div>
  )
}

function pathOf(vhost) {
  return vhost === 'all' ? 'definitions' : at('definitions', vhost.slice(1))
}

function useChoice() {
  const { vhosts } = useScope()
  // A prefix tells the choice of all from a vhost of any name.
  return [['all', 'everything'], ...vhosts.map((name) => [`=${name}`, `only ${name}`])]
}

function Export() {
  const options = useChoice()
  const { values, bind } = useFields({ vhost: 'all' })
  const action = useAction(async () => save(await request('GET', pathOf(values.vhost), { asText: true })), { done: 'The file is made.' })
  return (
    <Card title="Export">
      <p class="muted">Users with the hashes of their passwords, virtual hosts, permissions, policies, queues, exchanges and
        bindings; no messages.</p>
      <Form action={action} button="Download">
        <SelectField label="What" options={options} {...bind('vhost')} wide />
      </Form>
    </Card>
  )
}

function save(definitions) {
  const day = new Date().toISOString().slice(0, 10)
  const file = new Blob([definitions], { type: 'application/json' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = `definitions-${day}.json`
  link.click()
  URL.revokeObjectURL(link.href)
}

function Import() {
  const options = useChoice()
  const { values, bind } = useFields({ vhost: 'all' })
  const [file, setFile] = useState(null)
  const action = useAction(async () => request('POST', pathOf(values.vhost), { text: await read(file) }), {
    done: 'The definitions are imported.',
  })
  return (
    <Card title="Import">
      <p class="muted">Adds what the file has and this broker has not, and changes users, permissions and policies of the same
        names. Nothing is deleted.</p>
      <Form action={action} button="Import">
        <Field label="File" wide>
          {(ties) => (
            <input
              {...ties} type="file" accept="application/json,.json" required
              onChange={(event) => setFile(event.currentTarget.files[0] ?? null)}
            />
          )}
        </Field>
        <SelectField label="Into" options={options} {...bind('vhost')} wide />
      </Form>
    </Card>
  )
}

async function read(file) {
  if (!file) throw new Mistake('Choose a file first.')
  if (file.size > FILE_BYTES_MAX) throw new Mistake('The file is larger than 16 MiB.')
  const text = await file.text().catch(() => {
    throw new Mistake('The file has changed since, or cannot be read: choose it again.')
  })
  try {
    JSON.parse(text)
  } catch {
    throw new Mistake('The file is not JSON.')
  }
  return text
}
