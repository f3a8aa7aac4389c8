// What concerns everybody, above each page: the broker is away, or holds publishers back.

import { lostSince } from '../api/client.js'
import { time } from '../format.js'
import { useStore } from '../store.js'
import { Icon } from './icon.jsx'

export function LostConnection() {
  const since = useStore(lostSince)
  return (
    <div role="alert">
      {since !== null && (
        <p class="notice bad">
          <Icon of="warning" />
          <span>
            <strong>The broker does not answer</strong> since {time(since)}. What you see is from before; the page goes on
            by itself as soon as it is back.
          </span>
        </p>
      )}
    </div>
  )
}

export function Alarms({ nodes }) {
  const memory = nodes.some((node) => node.mem_alarm)
  const disk = nodes.some((node) => node.disk_free_alarm)
  return (
    <div role="status">
      {memory && <Alarm text="Memory alarm">Queues hold more than the limit allows: publishers wait until consumers have caught up.</Alarm>}
      {disk && <Alarm text="Disk alarm">There is too little room on the disk: publishers wait until there is more.</Alarm>}
    </div>
  )
}

function Alarm({ text, children }) {
  return (
    <p class="notice warn">
      <Icon of="warning" />
      <span><strong>{text}.</strong> {children}</span>
    </p>
  )
}
