// One request to the HTTP API, and what can come of it.
//
// User and password live in this module's memory and nowhere else: not in storage, not in an address, not in a
// cookie. Leaving the page forgets them.

import { createStore } from '../store.js'

/** Longer than any answer takes; the broker itself gives up after 10 s. */
const TIMEOUT_MS = 12_000

/** What a proxy says whose broker is away. */
const GATEWAY_STATUSES = [502, 503, 504]

/** The broker refused; `reason` is in its own words. */
export class Refusal extends Error {
  constructor(status, error, reason) {
    super(reason)
    this.name = 'Refusal'
    this.status = status
    this.error = error
  }
}

/** Nobody answered. */
export class NoAnswer extends Error {
  constructor() {
    super('The broker does not answer.')
    this.name = 'NoAnswer'
  }
}

/** Since when nobody answers, in ms since 1970; `null` while all is well. */
export const lostSince = createStore(null)

/** Who is logged in: `{ name, tags }`, or `null`. */
export const session = createStore(null)

/** Why the page went back to the login, if not by the user's wish. */
export const farewell = createStore(null)

let authorization = null

/** Asks who this is; resolves once the broker has let them in. */
export async function logIn(user, password) {
  const bytes = new TextEncoder().encode(`${user}:${password}`)
  authorization = `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`
  try {
    const { name, tags } = await request('GET', 'whoami')
    farewell.set(null)
    session.set({ name, tags: Array.isArray(tags) ? tags : String(tags).split(',') })
  } catch (error) {
    authorization = null
    throw error
  }
}

export function logOut(reason = null) {
  authorization = null
  farewell.set(reason)
  session.set(null)
}

/**
 * Sends a request to `api/<path>` and resolves to the answer's JSON, or to `null` if it has none.
 *
 * `text` is a body that is JSON already, and `asText` leaves the answer so: numbers of 64 bits keep all their digits.
 *
 * Rejects with [Refusal], [NoAnswer], or what `signal` was aborted with.
 */
export async function request(method, path, options = {}) {
  refuseDots(path)
  const answer = await send(method, path, options)
  const { status, text } = answer
  if (answer.ok && options.asText) return text
  const value = parse(text)
  if (answer.ok) return value
  const refusal = new Refusal(status, value?.error ?? '', reasonOf(status, value))
  if (status === 401 && session.get() && value?.error === 'not_authorized') {
    logOut('You were logged out: the user was deleted, or has another password now.')
  }
  throw refusal
}

/** A browser takes these for folders, encoded or not, and would ask for something else. */
function refuseDots(path) {
  const dots = path.split('?')[0].split('/').find((part) => part === '.' || part === '..')
  if (dots) throw new Refusal(0, '', `A browser cannot ask for what is named “${dots}”.`)
}

async function send(method, path, { body, text, headers, signal }) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  const init = {
    method,
    // RabbitMQ refuses what asks for JSON alone, where it has none to give.
    headers: { Accept: 'application/json, */*;q=0.1', ...headers },
    // No cookies, and no window of the browser's own that asks for a password.
    credentials: 'omit',
    cache: 'no-store',
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  }
  if (authorization) init.headers.Authorization = authorization
  if (method !== 'GET') {
    // A form on a foreign page cannot send this type.
    init.headers['Content-Type'] = 'application/json'
    init.body = text ?? (body === undefined ? undefined : JSON.stringify(body))
  }
  try {
    const response = await fetch(`api/${path}`, init)
    if (GATEWAY_STATUSES.includes(response.status) && !isJson(response)) throw new NoAnswer()
    const answer = await response.text()
    lostSince.set(null)
    return { ok: response.ok, status: response.status, text: answer }
  } catch (error) {
    signal?.throwIfAborted()
    if (lostSince.get() === null) lostSince.set(Date.now())
    throw error instanceof NoAnswer ? error : new NoAnswer()
  }
}

function isJson(response) {
  return (response.headers.get('Content-Type') ?? '').includes('json')
}

function parse(text) {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function reasonOf(status, value) {
  const reason = value?.reason ?? value?.error
  if (typeof reason === 'string' && reason !== '') return reason
  if (reason) return JSON.stringify(reason)
  return `The broker refused with status ${status}.`
}
