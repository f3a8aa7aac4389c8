// Connections, their channels and consumers.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { connect, go, openAt, screenshot, start, told } from './setting.js'

let setting
let page
let client
let channel

before(async () => {
  setting = await start()
})

beforeEach(async () => {
  client = await connect('the worker')
  channel = await client.createConfirmChannel()
  await channel.assertQueue('page work', { exclusive: true })
  await channel.prefetch(7)
  await channel.consume('page work', () => {}, { consumerTag: 'worker 1' })
  channel.sendToQueue('page work', Buffer.from('x'))
  page = await openAt(setting, '#/connections')
})

afterEach(async () => {
  assert.deepEqual(page.faults, [])
  await setting.closePages()
  await client.close().catch(() => {})
})

after(() => setting.stop())

test('a connection is listed, and looked at', async () => {
  const row = page.locator('tr', { hasText: 'the worker' })
  await row.getByText('running').waitFor()
  await screenshot(page, 'connections')
  await row.getByRole('link').first().click()
  await page.getByText('AMQP 0-9-1').waitFor()
  await page.getByText('What the client says of itself').waitFor()
  await page.locator('.arguments', { hasText: 'product' }).getByText('amqplib', { exact: true }).waitFor()
  await page.getByRole('group', { name: 'Channels of this connection' }).getByRole('link').waitFor()
  await page.waitForTimeout(2_500)
  await screenshot(page, 'connection')
})

test('closing tells the client the reason', async () => {
  const closed = new Promise((resolve) => client.on('close', resolve))
  const row = page.locator('tr', { hasText: 'the worker' })
  await row.getByRole('button', { name: /^Close/ }).click()
  const dialog = page.getByRole('dialog', { name: 'Close this connection?' })
  await dialog.getByLabel('Reason').fill('bad\r\nX-Evil: weather ☂ today')
  await dialog.getByRole('button', { name: 'Close it' }).click()
  await told(page, 'The connection is closed.')
  const error = await closed
  assert.match(String(error), /320/)
  assert.match(String(error), /weather/)
  await row.waitFor({ state: 'detached' })
})

test('a channel is listed, and looked at', async () => {
  await go(page, '#/channels')
  const row = page.locator('tbody tr').first()
  await row.getByRole('link').first().click()
  await page.getByRole('group', { name: 'Consumers of this channel' }).getByText('worker 1').waitFor()
  await page.locator('.tile', { hasText: 'Unacked' }).getByText('1', { exact: true }).waitFor()
  await page.waitForTimeout(2_500)
  await screenshot(page, 'channel')
  await client.close()
  await page.getByText('This channel is closed.').waitFor()
})

test('consumers are listed, and found by tag and queue', async () => {
  await go(page, '#/consumers')
  const table = page.getByRole('group', { name: 'Consumers' })
  await table.getByText('worker 1').waitFor()
  await screenshot(page, 'consumers')
  await page.getByRole('searchbox').fill('page wo')
  await page.waitForTimeout(500)
  await table.getByText('worker 1').waitFor()
  await page.getByRole('searchbox').fill('nobody')
  await page.getByText('No consumer matches.').waitFor()
})

test('the vhost that is chosen holds for every list', async () => {
  await page.locator('tr', { hasText: 'the worker' }).waitFor()
  await page.getByLabel('Virtual host').selectOption('/')
  await page.locator('tr', { hasText: 'the worker' }).waitFor()
  assert.equal(await page.locator('th', { hasText: 'Virtual host' }).count(), 0)
  for (const kind of ['channels', 'consumers', 'exchanges']) {
    await go(page, `#/${kind}`)
    await page.locator('tbody tr').first().waitFor()
  }
  const paths = setting.front.asked.map(({ path }) => path)
  assert.ok(paths.some((path) => path.startsWith('vhosts/%2F/channels?')))
  assert.ok(paths.includes('consumers/%2F'))
})
