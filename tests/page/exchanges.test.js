// Exchanges: the list, and everything that can be done with one.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { USER, api, at, connect, go, openAt, screenshot, start, told } from './setting.js'

const VHOST = 'page/exchanges'
let setting
let page

before(async () => {
  setting = await start()
  await api('DELETE', at('vhosts', VHOST))
  await api('PUT', at('vhosts', VHOST), {})
  await api('PUT', at('permissions', VHOST, USER), { configure: '.*', write: '.*', read: '.*' })
  for (const name of ['orders', 'mails', 'all']) await api('PUT', at('queues', VHOST, name), { durable: true })
})

beforeEach(async () => {
  page = await openAt(setting, '#/exchanges')
  await page.getByLabel('Virtual host').selectOption(VHOST)
})

afterEach(async () => {
  assert.deepEqual(page.faults, [])
  await setting.closePages()
})

after(async () => {
  await setting.stop()
  await api('DELETE', at('vhosts', VHOST))
})

test('an exchange is declared', async () => {
  await page.getByRole('link', { name: 'amq.topic' }).waitFor()
  await page.getByRole('link', { name: '(default)' }).waitFor()
  await page.getByRole('button', { name: 'New exchange' }).click()
  const dialog = page.getByRole('dialog', { name: 'Declare an exchange' })
  await dialog.getByLabel('Name', { exact: true }).fill('events')
  await dialog.getByLabel('Type', { exact: true }).selectOption('topic')
  await dialog.getByRole('button', { name: 'alternate-exchange' }).click()
  await dialog.getByLabel('Value 1').fill('amq.fanout')
  await screenshot(page, 'exchange-declare')
  await dialog.getByRole('button', { name: 'Declare' }).click()
  await page.getByRole('heading', { name: 'Exchange events' }).waitFor()
  const { value } = await api('GET', at('exchanges', VHOST, 'events'))
  assert.equal(value.type, 'topic')
  assert.equal(value.durable, true)
  assert.deepEqual(value.arguments, { 'alternate-exchange': 'amq.fanout' })
})

async function bind(name, type, key) {
  await page.getByRole('button', { name: 'Bind', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('To', { exact: true }).selectOption(type)
  await dialog.getByLabel(`Name of the ${type}`).fill(name)
  await dialog.getByLabel('Routing key').fill(key)
  await dialog.getByRole('button', { name: 'Bind' }).click()
  await dialog.waitFor({ state: 'hidden' })
}

test('it is bound to queues and exchanges, and a try-out tells where a message would go', async () => {
  await go(page, `#/exchanges/${at(VHOST, 'events')}`)
  await bind('orders', 'queue', 'order.*')
  await bind('mails', 'queue', '#.created')
  await bind('amq.headers', 'exchange', 'never')
  await api('POST', at('bindings', VHOST, 'e', 'amq.fanout', 'q', 'all'), { routing_key: '' })
  const goes = page.getByRole('group', { name: 'Bindings from this exchange' })
  await goes.getByRole('link', { name: 'amq.headers' }).waitFor()
  const attempt = page.locator('.card', { hasText: 'Where would it go?' })
  await attempt.getByLabel('Routing key').fill('order.created')
  await attempt.getByRole('button', { name: 'Try' }).click()
  await attempt.getByText('It reaches 2 queues:').waitFor()
  const reached = (await attempt.locator('.outcome .chip').allTextContents()).sort()
  assert.deepEqual(reached, ['mails', 'orders'])
  await screenshot(page, 'exchange')
  await attempt.getByLabel('Routing key').fill('nothing.matches.this')
  await attempt.getByRole('button', { name: 'Try' }).click()
  await attempt.getByText('It reaches 1 queue:').waitFor()
  assert.deepEqual(await attempt.locator('.outcome .chip').allTextContents(), ['all'], 'by the alternate exchange')
})

test('what is published is told to be routed, or not', async () => {
  await go(page, `#/exchanges/${at(VHOST, 'events')}`)
  await page.getByRole('button', { name: 'Publish' }).click()
  let dialog = page.getByRole('dialog')
  await dialog.getByLabel('Routing key').fill('order.paid')
  await dialog.getByLabel('Body', { exact: true }).fill('hello')
  await dialog.getByRole('button', { name: 'Publish' }).click()
  await told(page, 'Published, and routed.')
  const { value } = await api('POST', `${at('queues', VHOST, 'orders')}/get`, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' })
  assert.equal(value[0].payload, 'hello')
  assert.equal(value[0].properties.delivery_mode, 2)
  await go(page, `#/exchanges/${at(VHOST, 'amq.direct')}`)
  await page.getByRole('button', { name: 'Publish' }).click()
  dialog = page.getByRole('dialog')
  await dialog.getByLabel('Body is').selectOption('base64')
  await dialog.getByLabel('Body', { exact: true }).fill('not Base64!')
  await dialog.getByRole('button', { name: 'Publish' }).click()
  await dialog.getByRole('alert').locator('.problem').waitFor()
  await dialog.getByLabel('Body', { exact: true }).fill('aGVsbG8=')
  await dialog.getByRole('button', { name: 'Publish' }).click()
  await told(page, 'Published, but no queue took it: it is gone.')
})

test('the default exchange is shown, and cannot be deleted or bound', async () => {
  await go(page, `#/exchanges/${encodeURIComponent(VHOST)}/`)
  await page.getByRole('heading', { name: 'Exchange (default)' }).waitFor()
  await page.getByRole('group', { name: 'Bindings from this exchange' }).getByRole('link', { name: 'orders' }).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Delete' }).count(), 0)
  assert.equal(await page.getByRole('button', { name: 'Bind', exact: true }).count(), 0)
  assert.equal(await page.getByRole('button', { name: /^Unbind/ }).count(), 0)
})

test('rates of an exchange move', async () => {
  const client = await connect('page test', VHOST)
  const channel = await client.createConfirmChannel()
  await go(page, `#/exchanges/${at(VHOST, 'events')}`)
  const timer = setInterval(() => channel.publish('events', 'order.x', Buffer.from('x')), 10)
  try {
    await page.locator('.legend li', { hasText: /^In [1-9]/ }).waitFor()
  } finally {
    clearInterval(timer)
    await client.close()
  }
})

test('a binding and an exchange are deleted', async () => {
  await go(page, `#/exchanges/${at(VHOST, 'events')}`)
  await page.getByRole('button', { name: 'Unbind events → mails' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Unbind' }).click()
  await told(page, 'Unbound.')
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await told(page, 'Exchange events is deleted.')
  assert.equal((await api('GET', at('exchanges', VHOST, 'events'))).status, 404)
})
