// Who is there?

import { useEffect, useRef } from 'preact/hooks'
import { NoAnswer, Refusal, farewell, logIn } from '../api/client.js'
import { Form, TextField, useAction, useFields } from '../parts/form.jsx'
import { Logo } from '../parts/icon.jsx'
import { useStore } from '../store.js'

export function Login() {
  const fields = useFields({ user: '', password: '' })
  const goodbye = useStore(farewell)
  const box = useRef(null)
  const action = useAction(async () => {
    try {
      await logIn(fields.values.user, fields.values.password)
    } catch (error) {
      fields.set('password', '')
      box.current?.querySelector('input[type=password]').focus()
      throw inWords(error)
    }
  })
  useEffect(() => {
    document.title = 'Log in · Pillarbox'
    box.current.querySelector('input').focus()
  }, [])
  return (
    <main class="login" ref={box}>
      <div class="slot" aria-hidden="true" />
      <h1><Logo /> Pillarbox</h1>
      {goodbye && <p class="problem" role="alert">{goodbye}</p>}
      <Form action={action} button="Log in">
        <TextField label="User" wide name="username" autocomplete="username" required {...fields.bind('user')} />
        <TextField
          label="Password" wide type="password" name="password" autocomplete="current-password"
          {...fields.bind('password')}
        />
      </Form>
    </main>
  )
}

function inWords(error) {
  if (error instanceof NoAnswer) return error
  if (error instanceof Refusal && error.status === 401) {
    if (error.error === 'not_authorized') return new Error('Wrong user or password.')
    return new Error(`You may not use this page: ${error.message}. It takes one of the tags management, policymaker, monitoring or administrator.`)
  }
  return error
}
