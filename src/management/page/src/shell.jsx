// The frame around every page: where one can go, what is wrong, and the page itself.

import { useEffect, useRef, useState } from 'preact/hooks'
import { useLive } from './api/live.js'
import { Alarms, LostConnection } from './parts/notices.jsx'
import { Navigation } from './parts/navigation.jsx'
import { Icon, Logo } from './parts/icon.jsx'
import { isMonitoring } from './rights.js'
import { pageFor } from './pages.jsx'
import { useRoute } from './route.js'
import { Scope, chosenVhost } from './scope.js'
import { useStore } from './store.js'

const VHOSTS_EVERY_MS = 15_000
const ALARMS_EVERY_MS = 5_000

export function Shell({ user }) {
  const route = useRoute()
  const vhosts = useLive('vhosts?columns=name', { every: VHOSTS_EVERY_MS })
  const nodes = useLive(isMonitoring(user) ? 'nodes?columns=name,mem_alarm,disk_free_alarm' : null, { every: ALARMS_EVERY_MS })
  const vhost = useStore(chosenVhost)
  const names = (vhosts.data ?? []).map(({ name }) => name)
  const main = useRef(null)
  const [isOpen, setOpen] = useState(false)
  const { title, Page, props } = pageFor(route, user)

  useEffect(() => {
    document.title = `${title} · Pillarbox`
    setOpen(false)
    main.current.querySelector('h1')?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [route.key])

  return (
    <Scope.Provider value={{ user, vhosts: names, vhost }}>
      <a class="skip" href="#main" onClick={(event) => skip(event, main)}>To the content</a>
      <div class="frame">
        <aside class={isOpen ? 'open' : ''}>
          <div class="side">
            <div class="brand">
              <a href="#/" class="home"><Logo /> Pillarbox</a>
              <button
                type="button" class="plain menu" aria-expanded={isOpen} aria-label="Menu"
                onClick={() => setOpen(!isOpen)}
              >
                <Icon of={isOpen ? 'close' : 'menu'} />
              </button>
            </div>
            <Navigation user={user} vhosts={names} vhost={vhost} current={route.parts[0] ?? ''} />
          </div>
        </aside>
        <main id="main" ref={main} tabIndex={-1}>
          <LostConnection />
          <Alarms nodes={nodes.data ?? []} />
          <Page key={route.key} {...props} />
        </main>
      </div>
    </Scope.Provider>
  )
}

/** The address has the page behind its `#`, so that the link cannot do it by itself. */
function skip(event, main) {
  event.preventDefault()
  main.current.focus()
}
