// Light or dark: as the system says, or as the user chose. The choice is the one thing that the browser keeps.

import { createStore } from './store.js'

const KEY = 'theme'
const CHOICES = ['auto', 'light', 'dark']

/** One of `auto`, `light`, `dark`, and what the system says after it, since charts draw their colours once. */
export const theme = createStore('auto')

const system = matchMedia('(prefers-color-scheme: dark)')

export function startTheme() {
  system.addEventListener('change', () => apply(chosen()))
  apply(kept())
}

export function chosen() {
  return theme.get().split(' ')[0]
}

export function nextTheme() {
  const next = CHOICES[(CHOICES.indexOf(chosen()) + 1) % CHOICES.length]
  try {
    localStorage.setItem(KEY, next)
  } catch {
    // A browser that keeps nothing shows it for as long as the page is open.
  }
  apply(next)
}

function kept() {
  try {
    const value = localStorage.getItem(KEY)
    return CHOICES.includes(value) ? value : 'auto'
  } catch {
    return 'auto'
  }
}

function apply(choice) {
  document.documentElement.dataset.theme = choice
  theme.set(`${choice} ${system.matches ? 'dark' : 'light'}`)
}
