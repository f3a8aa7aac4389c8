// A window over the page. The browser's own `dialog` keeps the focus inside and closes with Escape.

import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { Icon } from './icon.jsx'

export function Dialog({ title, onClose, wide = false, children }) {
  const dialog = useRef(null)
  const id = useId()
  useLayoutEffect(() => {
    const opener = document.activeElement
    const element = dialog.current
    element.showModal()
    return () => {
      element.close()
      // A window that is gone from the page already does not give it back.
      opener.focus({ preventScroll: true })
    }
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
