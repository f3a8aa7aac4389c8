// What the broker takes of its machine, and how much of that there is.

import { Card } from '../../parts/card.jsx'
import { Badge } from '../../parts/badge.jsx'
import { Name } from '../../parts/name.jsx'
import { bytes, duration, number, plural } from '../../format.js'

export function Nodes({ nodes }) {
  return (
    <div class="grid">
      {nodes.map((node) => (
        <Card key={node.name} title={<Name of={node.name} />} note={node.running ? aboutOf(node) : 'down'} wide>
          {node.running && <Node node={node} />}
        </Card>
      ))}
    </div>
  )
}

function aboutOf({ uptime, processors, os_pid: pid }) {
  return `up ${duration(uptime)} · ${plural(processors, 'processor')} · process ${pid}`
}

function Node({ node }) {
  return (
    <div class="meters">
      <Meter label="Memory" used={node.mem_used} limit={node.mem_limit} format={bytes} alarm={node.mem_alarm} />
      <Spare label="Disk" free={node.disk_free} limit={node.disk_free_limit} alarm={node.disk_free_alarm} />
      <Meter label="File descriptors" used={node.fd_used} limit={node.fd_total} format={number} />
      <Meter label="Sockets" used={node.sockets_used} limit={node.sockets_total} format={number} />
    </div>
  )
}

function Meter({ label, used, limit, format, alarm = false }) {
  const share = limit > 0 ? Math.min(1, used / limit) : 0
  return (
    <div class="meter-box">
      <div class="label">{label} {alarm && <Badge tone="bad">alarm</Badge>}</div>
      <strong>{format(used)}</strong> <span class="muted">of {format(limit)}</span>
      <meter min={0} max={1} low={0.7} high={0.9} optimum={0} value={share} aria-label={`${label}, used`} />
    </div>
  )
}

/** Of the disk one knows what is left, and what must be. */
function Spare({ label, free, limit, alarm }) {
  return (
    <div class="meter-box">
      <div class="label">{label} {alarm && <Badge tone="bad">alarm</Badge>}</div>
      <strong>{bytes(free)}</strong> <span class="muted">free, {bytes(limit)} needed</span>
      <meter min={0} max={1} low={0.05} high={0.2} optimum={1} value={free > 0 ? 1 - Math.min(1, limit / free) : 0} aria-label={`${label}, above the limit`} />
    </div>
  )
}
