// What the tests need of the world: a broker and a browser.
//
//   PILLARBOX_BIN    the broker; by default target/release/pillarbox. It is started anew, on free ports, for each file.
//   MANAGEMENT_URL   the HTTP API of a broker that runs already, such as http://guest:guest@127.0.0.1:15672
//   AMQP_URL         the same broker's AMQP, such as amqp://guest:guest@127.0.0.1:5672
//   CHROMIUM         the browser; by default what Debian and others call it
//
// The user must be an administrator. A broker that runs already should have nothing else to do.

import { existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import amqp from 'amqplib'
import { chromium } from 'playwright-core'
import { findBroker } from './broker.js'
import { Front } from './front.js'

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Build output, to be looked at by whoever changes the page. */
const SCREENSHOTS = fileURLToPath(new URL('../../target/page-screenshots/', import.meta.url))

const { managementUrl, amqpUrl } = await findBroker()
const management = new URL(managementUrl)
export const USER = decodeURIComponent(management.username || 'guest')
export const PASSWORD = decodeURIComponent(management.password || 'guest')

/** A browser and the page in front of the broker; `stop` ends both. */
export async function start() {
  const executablePath = process.env.CHROMIUM ?? BROWSERS.find(existsSync)
  if (!executablePath) throw new Error('there is no Chromium; CHROMIUM can say where it is')
  const front = await Front.start(management)
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  return {
    front,
    browser,
    async closePages() {
      for (const context of browser.contexts()) await context.close()
    },
    async stop() {
      await browser.close()
      await front.stop()
    },
  }
}

/** A page that fails the test when something goes wrong in it: an error of a script, or of the CSP. */
export async function open({ browser, front }, { options = {}, hash = '' } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(12_000)
  page.faults = []
  page.on('pageerror', (error) => page.faults.push(String(error)))
  page.on('console', (message) => {
    if (/Content Security Policy|Content-Security-Policy|TrustedHTML/.test(message.text())) page.faults.push(message.text())
  })
  page.on('dialog', (dialog) => {
    page.faults.push(`a dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  await page.goto(`${front.url}${hash}`)
  return page
}

export async function logIn(page, user = USER, password = PASSWORD) {
  await page.getByLabel('User', { exact: true }).fill(user)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** Opens the page at an address, logged in. */
export async function openAt(setting, hash, more = {}) {
  const page = await open(setting, { ...more, hash })
  await logIn(page)
  await page.locator('main#main').waitFor()
  return page
}

/** Leads to another page, as a click on a link does. */
export function go(page, hash) {
  return page.evaluate((next) => { location.hash = next }, hash)
}

/** Waits for a short message to the user. */
export function told(page, text) {
  return page.locator('.toasts').getByText(text).last().waitFor()
}

/** A request to the API, past the page. */
export async function api(method, path, body) {
  const response = await fetch(new URL(`api/${path}`, management.origin), {
    method,
    headers: {
      Authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`,
      'Content-Type': 'application/json',
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok && response.status !== 404) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return { status: response.status, value: text === '' ? null : JSON.parse(text) }
}

/** A path of encoded parts. */
export function at(...parts) {
  return parts.map(encodeURIComponent).join('/')
}

/** An AMQP client, which takes its name with it. */
export async function connect(name = 'page test', vhost = '/') {
  const url = new URL(amqpUrl)
  url.pathname = encodeURIComponent(vhost)
  const connection = await amqp.connect(url.href, { clientProperties: { connection_name: name } })
  connection.on('error', () => {})
  return connection
}

/** Asks again until `what` is told, because some brokers tell it late. */
export async function eventually(what, { within = 20_000 } = {}) {
  const end = Date.now() + within
  for (;;) {
    const value = await what()
    if (value || Date.now() > end) return value
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export async function screenshot(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage: true })
}
