// A button that asks first.

import { useState } from 'preact/hooks'
import { Dialog } from './dialog.jsx'
import { Form, useAction } from './form.jsx'

/** `children` say what will be lost; `does` does it, and `done` is told afterwards. */
export function Confirm({ label, title, does, done, then, small = false, name, children }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button
        type="button" class={small ? 'small danger-text' : 'danger-text'} aria-label={name ? `${label} ${name}` : undefined}
        onClick={() => setOpen(true)}
      >
        {label}
      </button>
      {isOpen && (
        <ConfirmDialog
          label={label} title={title ?? `${label}?`} does={does} done={done} then={then}
          onClose={() => setOpen(false)}
        >
          {children}
        </ConfirmDialog>
      )}
    </>
  )
}

function ConfirmDialog({ label, title, does, done, then, onClose, children }) {
  const action = useAction(does, {
    done,
    then: () => {
      onClose()
      then?.()
    },
  })
  return (
    <Dialog title={title} onClose={onClose}>
      <Form action={action} button={label} danger onCancel={onClose}>{children}</Form>
    </Dialog>
  )
}

/** A button that opens a window; `children` is called with what closes it. */
export function Opener({ label, title, small = false, primary = false, wide = false, name, children }) {
  const [isOpen, setOpen] = useState(false)
  const close = () => setOpen(false)
  return (
    <>
      <button
        type="button" class={`${small ? 'small' : ''} ${primary ? 'primary' : ''}`}
        aria-label={name ? `${label} ${name}` : undefined} onClick={() => setOpen(true)}
      >
        {label}
      </button>
      {isOpen && <Dialog title={title ?? label} onClose={close} wide={wide}>{children(close)}</Dialog>}
    </>
  )
}
