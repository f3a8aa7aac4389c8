// The pages, the vhost that they show, and what concerns the user.

import { logOut } from '../api/client.js'
import { isPolicymaker } from '../rights.js'
import { chosenVhost } from '../scope.js'
import { useStore } from '../store.js'
import { chosen, nextTheme, theme } from '../theme.js'
import { href } from '../route.js'
import { Icon } from './icon.jsx'
import { Name } from './name.jsx'

const PAGES = [
  ['', 'overview', 'Overview'],
  ['connections', 'connections', 'Connections'],
  ['channels', 'channels', 'Channels'],
  ['exchanges', 'exchanges', 'Exchanges'],
  ['queues', 'queues', 'Queues'],
  ['consumers', 'consumers', 'Consumers'],
  ['admin', 'admin', 'Admin'],
]

export function Navigation({ user, vhosts, vhost, current }) {
  const pages = PAGES.filter(([part]) => part !== 'admin' || isPolicymaker(user))
  return (
    <div class="navigation">
      <nav aria-label="Pages">
        <ul>
          {pages.map(([part, icon, text]) => (
            <li key={part}>
              <a href={part === '' ? '#/' : href(part)} aria-current={part === current ? 'page' : undefined}>
                <Icon of={icon} /> {text}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <VhostChoice vhosts={vhosts} vhost={vhost} />
      <div class="user">
        <span><span class="muted">Logged in as</span> <Name of={user.name} /></span>
        <ThemeButton />
        <button type="button" class="small" onClick={() => logOut()}><Icon of="leave" /> Log out</button>
      </div>
    </div>
  )
}

function VhostChoice({ vhosts, vhost }) {
  // A prefix tells the choice of all from a vhost of any name.
  const value = vhost === null ? 'all' : `=${vhost}`
  const choose = (event) => chosenVhost.set(event.currentTarget.value === 'all' ? null : event.currentTarget.value.slice(1))
  const names = vhost === null || vhosts.includes(vhost) ? vhosts : [...vhosts, vhost]
  return (
    <label class="vhost-choice">
      <span class="muted">Virtual host</span>
      <select value={value} onChange={choose}>
        <option value="all" selected={value === 'all'}>All</option>
        {names.map((name) => (
          <option key={name} value={`=${name}`} selected={value === `=${name}`}>{name}</option>
        ))}
      </select>
    </label>
  )
}

function ThemeButton() {
  useStore(theme)
  const now = chosen()
  return (
    <button type="button" class="small" onClick={nextTheme} aria-label={`Colours: ${now}. Change`}>
      <Icon of={now} /> {now}
    </button>
  )
}
