// A window over the page. The browser's own `dialog` keeps the focus inside, closes with Escape and gives the focus back.

import { useEffect, useId, useRef } from 'preact/hooks'
import { Icon } from './icon.jsx'

export function Dialog({ title, onClose, wide = false, children }) {
  const dialog = useRef(null)
  const id = useId()
  useEffect(() => {
    const element = dialog.current
    element.showModal()
    return () => element.close()
  }, [])
  return (
    <dialog ref={dialog} class={wide ? 'wide' : ''} aria-labelledby={id} onCancel={onClose}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="plain" aria-label="Close this window" onClick={onClose}>
          <Icon of="close" />
        </button>
      </header>
      {children}
    </dialog>
  )
}
