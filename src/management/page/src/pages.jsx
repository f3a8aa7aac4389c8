// Which address shows which page.

import { Admin } from './pages/admin.jsx'
import { Channel } from './pages/channel.jsx'
import { Channels } from './pages/channels.jsx'
import { Connection } from './pages/connection.jsx'
import { Connections } from './pages/connections.jsx'
import { Consumers } from './pages/consumers.jsx'
import { Exchange } from './pages/exchange.jsx'
import { Exchanges } from './pages/exchanges.jsx'
import { Nowhere } from './pages/nowhere.jsx'
import { Overview } from './pages/overview.jsx'
import { Queue } from './pages/queue.jsx'
import { Queues } from './pages/queues.jsx'
import { isPolicymaker } from './rights.js'

/** `{ title, Page, props }` */
export function pageFor({ parts }, user) {
  const [kind = '', ...rest] = parts
  const [first, second] = rest
  const shape = `${kind}/${rest.length}`
  switch (shape) {
    case '/0': return { title: 'Overview', Page: Overview, props: {} }
    case 'connections/0': return { title: 'Connections', Page: Connections, props: {} }
    case 'connections/1': return { title: `Connection ${first}`, Page: Connection, props: { name: first } }
    case 'channels/0': return { title: 'Channels', Page: Channels, props: {} }
    case 'channels/1': return { title: `Channel ${first}`, Page: Channel, props: { name: first } }
    case 'exchanges/0': return { title: 'Exchanges', Page: Exchanges, props: {} }
    case 'exchanges/2': return { title: `Exchange ${second || '(default)'}`, Page: Exchange, props: { vhost: first, name: second } }
    case 'queues/0': return { title: 'Queues', Page: Queues, props: {} }
    case 'queues/2': return { title: `Queue ${second}`, Page: Queue, props: { vhost: first, name: second } }
    case 'consumers/0': return { title: 'Consumers', Page: Consumers, props: {} }
  }
  if (kind === 'admin' && isPolicymaker(user)) {
    return { title: 'Admin', Page: Admin, props: { part: first, name: second } }
  }
  return { title: 'Nothing here', Page: Nowhere, props: {} }
}
