// The tags of users: they open the management interfaces, and nothing in the broker itself.

import { Badge } from '../../parts/badge.jsx'
import { CheckField } from '../../parts/form.jsx'

const TAGS = [
  ['management', 'sees and changes what the user has permissions for'],
  ['policymaker', 'that, and policies'],
  ['monitoring', 'that, and reads everything'],
  ['administrator', 'everything'],
  ['impersonator', 'publishes with other users’ names'],
]

export function Tags({ of: tags }) {
  return <span class="badges">{listOf(tags).map((tag) => <Badge key={tag}><bdi>{tag}</bdi></Badge>)}</span>
}

/** RabbitMQ's older versions send them as one text. */
export function listOf(tags) {
  return Array.isArray(tags) ? tags : String(tags ?? '').split(',').filter(Boolean)
}

/** Tags of other names are kept as they are. */
export function TagChoice({ value: tags, onChange }) {
  const others = tags.filter((tag) => !TAGS.some(([known]) => known === tag))
  return (
    <fieldset class="checks">
      <legend>Tags</legend>
      {[...TAGS, ...others.map((tag) => [tag, ''])].map(([tag, text]) => (
        <CheckField
          key={tag} label={<><strong><bdi>{tag}</bdi></strong> <span class="muted">{text}</span></>} value={tags.includes(tag)}
          onChange={(has) => onChange(has ? [...tags, tag] : tags.filter((other) => other !== tag))}
        />
      ))}
    </fieldset>
  )
}
