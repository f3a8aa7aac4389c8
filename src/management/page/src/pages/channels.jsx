// All channels.

import { usePaged } from '../api/paged.js'
import { at } from '../api/paths.js'
import { PageHead } from '../parts/card.jsx'
import { channelColumns } from '../parts/channel-columns.jsx'
import { vhostColumn } from '../parts/columns.jsx'
import { PagedTable } from '../parts/paged-table.jsx'
import { useScope } from '../scope.js'

const FIELDS = [
  'name', 'vhost', 'user', 'state', 'confirm', 'transactional', 'prefetch_count', 'global_prefetch_count',
  'consumer_count', 'messages_unacknowledged', 'messages_unconfirmed', 'message_stats',
]

export function Channels() {
  const { vhost } = useScope()
  const list = usePaged(vhost === null ? 'channels' : at('vhosts', vhost, 'channels'), { columns: FIELDS, sort: 'name' })
  const [name, ...rest] = channelColumns()
  return (
    <>
      <PageHead title="Channels" />
      <PagedTable
        list={list} noun="channel" label="Channels" columns={[name, ...vhostColumn(vhost), ...rest]}
        rowKey={(channel) => channel.name} empty="No channels are open."
      />
    </>
  )
}
