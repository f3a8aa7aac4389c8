// What all pages share: who is logged in, which vhosts there are, and which of them is looked at.

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { at } from './api/paths.js'
import { createStore } from './store.js'

/** The vhost whose things are listed; `null` for all. */
export const chosenVhost = createStore(null)

/** `{ user, vhosts, vhost }` */
export const Scope = createContext(null)

export function useScope() {
  return useContext(Scope)
}

/** `queues` of the chosen vhost, or of all. */
export function useScoped(kind) {
  const { vhost } = useScope()
  return vhost === null ? kind : at(kind, vhost)
}
