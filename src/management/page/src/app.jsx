// The login, or what is behind it.

import { useEffect } from 'preact/hooks'
import { forgetHistories } from './api/history.js'
import { session } from './api/client.js'
import { Login } from './pages/login.jsx'
import { Shell } from './shell.jsx'
import { Toasts } from './parts/toasts.jsx'
import { useStore } from './store.js'

export function App() {
  const user = useStore(session)
  useEffect(() => forgetHistories(), [user])
  return (
    <>
      {user ? <Shell user={user} /> : <Login />}
      <Toasts />
    </>
  )
}
