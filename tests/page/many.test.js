// 10,000 queues: the list is there at once, and stays light.
//
// How long it takes is told, not judged: that is the machine's as much as the page's. What keeps it short is judged: that
// the page asks for a part of the list, and shows no more.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { USER, api, at, connect, eventually, open, logIn, screenshot, start } from './setting.js'

const VHOST = 'page many'
const QUEUES = 10_000
/** What is shown at once. */
const ROWS_MAX = 100
/** RabbitMQ takes seconds for such a list. */
const SLOW_MS = 45_000

let setting

before(async () => {
  setting = await start()
  await api('DELETE', at('vhosts', VHOST))
  await api('PUT', at('vhosts', VHOST), {})
  await api('PUT', at('permissions', VHOST, USER), { configure: '.*', write: '.*', read: '.*' })
  const client = await connect('many', VHOST)
  const channel = await client.createChannel()
  for (let n = 0; n < QUEUES; n += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, m) => channel.assertQueue(`queue ${String(n + m).padStart(5, '0')}`, { durable: false, autoDelete: true })))
  }
  channel.sendToQueue('queue 07777', Buffer.from('x'))
  await client.close()
}, { timeout: 300_000 })

after(async () => {
  await setting.stop()
  await api('DELETE', at('vhosts', VHOST))
}, { timeout: 300_000 })

test('the first rows come with a part of the list, and an update asks for no more', { timeout: 120_000 }, async () => {
  const page = await open(setting, { hash: '#/queues?name=queue' })
  await eventually(async () => (await api('GET', `queues?page=1&page_size=1&pagination=true&columns=name`)).value.total_count >= QUEUES)
  await page.getByLabel('User', { exact: true }).waitFor()
  await page.evaluate(() => {
    new PerformanceObserver((list) => { window.longest = Math.max(window.longest ?? 0, ...list.getEntries().map((entry) => entry.duration)) }).observe({ entryTypes: ['longtask'] })
    document.querySelector('form').addEventListener('submit', () => { window.begun = performance.now() })
    new MutationObserver(() => {
      if (window.painted === undefined && document.querySelectorAll('main tbody tr').length > 50) {
        requestAnimationFrame(() => { window.painted = performance.now() })
      }
    }).observe(document.body, { childList: true, subtree: true })
  })
  page.setDefaultTimeout(SLOW_MS)
  await logIn(page)
  await page.getByText('10,000 queues').or(page.getByText(/of [\d,]+ queues/)).first().waitFor()
  await page.waitForFunction(() => window.painted !== undefined)
  const { whole, waited } = await page.evaluate(() => {
    const calls = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/queues?') || name.endsWith('/api/whoami'))
    return { whole: window.painted - window.begun, waited: calls.slice(0, 2).reduce((sum, { duration }) => sum + duration, 0) }
  })
  assert.equal(await page.locator('main tbody tr').count(), ROWS_MAX)

  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')
  const scripted = async () => {
    const { metrics } = await cdp.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'ScriptDuration').value * 1000
  }
  const asked = () => setting.front.asked.filter(({ path }) => path.startsWith('queues?')).length
  const [before, updates] = [await scripted(), asked()]
  await page.waitForTimeout(10_000)
  const each = (await scripted() - before) / Math.max(1, asked() - updates)
  console.log(`counts: ${QUEUES} queues, first rows after ${whole.toFixed(0)} ms, ${waited.toFixed(0)} ms of them waiting for the API; an update takes ${each.toFixed(1)} ms of script`)
  assert.ok(asked() - updates >= 2, 'it was updated')
  const lists = setting.front.asked.filter(({ path }) => path.startsWith('queues?'))
  for (const { path } of lists) assert.match(path, new RegExp(`page_size=${ROWS_MAX}(&|$)`))
  assert.equal(await page.locator('main tbody tr').count(), ROWS_MAX)
  await screenshot(page, 'queues-10000')
  assert.deepEqual(page.faults, [])
})

test('one of them is found by name, and the last page is reached', { timeout: 120_000 }, async () => {
  const page = await open(setting, { hash: '#/queues' })
  page.setDefaultTimeout(SLOW_MS)
  await logIn(page)
  await page.getByLabel('Virtual host').selectOption(VHOST)
  await page.getByText('Page 1 of 100').waitFor()
  await page.getByRole('button', { name: 'Last' }).click()
  await page.getByRole('link', { name: 'queue 09999' }).waitFor()
  await page.getByRole('searchbox').fill('07777')
  await page.getByText('1 of 10,000 queues').waitFor()
  await page.locator('tbody tr').getByText('queue 07777').click()
  await page.getByRole('heading', { name: 'Queue queue 07777' }).waitFor()
})
