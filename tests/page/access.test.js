// Everybody can use it: axe finds nothing on any page, light or dark, on a phone; and no mouse is needed.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import { api, at, connect, go, open, openAt, screenshot, start } from './setting.js'

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
const LOOKS = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', ...PHONE }],
]

let setting
let client
let connectionName

before(async () => {
  setting = await start()
  client = await connect('access test')
  const channel = await client.createConfirmChannel()
  await channel.assertExchange('page access', 'topic')
  await channel.assertQueue('page access', { arguments: { 'x-message-ttl': 3_600_000 } })
  await channel.bindQueue('page access', 'page access', 'a.*', { note: 'x' })
  channel.sendToQueue('page access', Buffer.from('{"a": [1, 2]}'), { headers: { a: 'b' } })
  await channel.consume('page access', () => {})
  await api('PUT', at('vhost-limits', '/', 'max-connections'), { value: 10_000 })
  const page = await openAt(setting, '#/connections')
  connectionName = await page.locator('tr', { hasText: 'access test' }).getByRole('link').first().textContent()
})

after(async () => {
  await api('DELETE', at('vhost-limits', '/', 'max-connections'))
  await api('DELETE', at('queues', '/', 'page access'))
  await api('DELETE', at('exchanges', '/', 'page access'))
  await client.close()
  await setting.stop()
})

async function axe(page, where) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze()
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`)
  assert.deepEqual(told, [], where)
}

function pages() {
  return {
    overview: '#/',
    connections: '#/connections',
    connection: `#/connections/${encodeURIComponent(connectionName)}`,
    channels: '#/channels',
    channel: `#/channels/${encodeURIComponent(`${connectionName} (1)`)}`,
    exchanges: '#/exchanges',
    exchange: '#/exchanges/%2F/page%20access',
    queues: '#/queues',
    queue: '#/queues/%2F/page%20access',
    consumers: '#/consumers',
    users: '#/admin/users',
    user: '#/admin/users/guest',
    vhosts: '#/admin/vhosts',
    permissions: '#/admin/permissions',
    policies: '#/admin/policies',
    limits: '#/admin/limits',
    definitions: '#/admin/definitions',
    nowhere: '#/nowhere/at/all',
  }
}

for (const [look, options] of LOOKS) {
  test(`axe finds nothing: ${look}`, async () => {
    const outside = await open(setting, { options })
    await axe(outside, 'login')
    const page = await openAt(setting, '#/', { options })
    for (const [name, hash] of Object.entries(pages())) {
      await go(page, hash)
      await page.waitForTimeout(900)
      await axe(page, `${name} ${look}`)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      assert.ok(wide <= 0, `${name} ${look} scrolls sideways by ${wide}`)
      if (look === 'phone') await screenshot(page, `phone-${name}`)
    }
    assert.deepEqual(page.faults, [])
  })
}

test('axe finds nothing in windows and notices', async () => {
  const page = await openAt(setting, '#/queues/%2F/page%20access')
  for (const name of ['Publish', 'Get messages', 'Purge', 'Bind', 'Delete']) {
    await page.getByRole('button', { name, exact: true }).click()
    await page.getByRole('dialog').waitFor()
    await axe(page, name)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal(await page.evaluate(() => document.activeElement.textContent), name, 'the focus goes back')
  }
  setting.front.lose()
  await page.getByText('The broker does not answer').waitFor()
  await axe(page, 'lost')
  setting.front.find()
})

test('the keyboard is enough', async () => {
  const page = await openAt(setting, '#/')
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim())
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.locator('.home').focus()
  await page.keyboard.press('Shift+Tab')
  assert.equal(await focused(), 'To the content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main')
  await page.getByRole('link', { name: 'Queues' }).first().focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Queues' }).waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'the heading of the new page is read')
  await page.getByRole('button', { name: 'New queue' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  for (let n = 0; n < 40; n += 1) {
    await page.keyboard.press('Tab')
    const isInside = await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null)
    assert.ok(isInside, 'the focus stays in the window')
  }
  await page.keyboard.press('Escape')
  assert.equal(await focused(), 'New queue')
})

test('the menu of a phone opens, leads somewhere and closes', async () => {
  const page = await openAt(setting, '#/', { options: PHONE })
  const menu = page.getByRole('button', { name: 'Menu' })
  assert.equal(await menu.getAttribute('aria-expanded'), 'false')
  await menu.click()
  await screenshot(page, 'phone-menu')
  await page.getByRole('link', { name: 'Queues' }).first().click()
  await page.getByRole('heading', { name: 'Queues' }).waitFor()
  assert.equal(await menu.getAttribute('aria-expanded'), 'false')
})
