// Queues: the list, and everything that can be done with one.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { USER, api, at, connect, eventually, go, openAt, screenshot, start, told } from './setting.js'

const VHOST = 'page queues'
let setting
let page

before(async () => {
  setting = await start()
  await api('DELETE', at('vhosts', VHOST))
  await api('PUT', at('vhosts', VHOST), {})
  await api('PUT', at('permissions', VHOST, USER), { configure: '.*', write: '.*', read: '.*' })
})

beforeEach(async () => {
  page = await openAt(setting, '#/queues')
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

const show = (hash) => go(page, hash)
const toast = (text) => told(page, text)

async function queue(name) {
  return (await api('GET', at('queues', VHOST, name))).value
}

test('a queue is declared with arguments of each type', async () => {
  await show('#/queues')
  await page.getByText('No queues yet').waitFor()
  await page.getByRole('button', { name: 'New queue' }).click()
  const dialog = page.getByRole('dialog', { name: 'Declare a queue' })
  await dialog.getByLabel('Name', { exact: true }).fill('orders')
  await dialog.getByRole('button', { name: 'x-message-ttl' }).click()
  await dialog.getByLabel('Value 1').fill('soon')
  await dialog.getByRole('button', { name: 'Declare' }).click()
  await dialog.getByRole('alert').getByText('x-message-ttl: not a number').waitFor()
  await dialog.getByLabel('Value 1').fill('3600000')
  await dialog.getByRole('button', { name: 'x-single-active-consumer' }).click()
  await dialog.getByRole('button', { name: 'Add argument' }).click()
  await dialog.getByLabel('Name 3').fill('x-dead-letter-exchange')
  await dialog.getByLabel('Value 3').fill('amq.fanout')
  await screenshot(page, 'queue-declare')
  await dialog.getByRole('button', { name: 'Declare' }).click()
  await page.getByRole('heading', { name: 'Queue orders' }).waitFor()
  await toast('Queue orders is declared.')
  const { durable, arguments: args } = await queue('orders')
  assert.equal(durable, true)
  assert.equal(args['x-message-ttl'], 3_600_000)
  assert.equal(args['x-single-active-consumer'], true)
  assert.equal(args['x-dead-letter-exchange'], 'amq.fanout')
})

test('what the broker refuses is told in its words', async () => {
  await show('#/queues')
  await page.getByRole('button', { name: 'New queue' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill('orders')
  await dialog.getByRole('button', { name: 'Declare' }).click()
  await dialog.getByRole('alert').getByText(/inequivalent arg/).waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
})

test('a queue shows how long its messages take, where the broker tells it', async () => {
  await api('PUT', at('queues', VHOST, 'slow'), {})
  if ((await queue('slow')).time_in_queue_ms === undefined) return
  const message = { routing_key: 'slow', payload: 'x', payload_encoding: 'string', properties: {} }
  for (const _ of [1, 2]) await api('POST', `${at('exchanges', VHOST, 'amq.default')}/publish`, message)
  await api('POST', `${at('queues', VHOST, 'slow')}/get`, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' })
  await show(`#/queues/${at(VHOST, 'slow')}`)
  const card = page.getByRole('region', { name: 'Time in the queue' })
  await card.getByText(/^Half within \d+ ms$|^Half within \d+\.\d s$/).waitFor()
  await card.getByText(/^\d+(\.\d)? (ms|s)$/).first().waitFor()
  await screenshot(page, 'queue-times')
  await api('DELETE', at('queues', VHOST, 'slow'))
})

test('messages are published, looked at, taken out and purged', async () => {
  await show(`#/queues/${at(VHOST, 'orders')}`)
  for (const body of ['{"id": 1, "pens": ["red", "blue"]}', 'plain text']) {
    await page.getByRole('button', { name: 'Publish' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Body', { exact: true }).fill(body)
    await dialog.getByRole('button', { name: 'Add header' }).click()
    await dialog.getByLabel('Name 1').fill('tenant')
    await dialog.getByLabel('Value 1').fill('acme')
    await dialog.getByRole('button', { name: 'message_id' }).click()
    await dialog.getByRole('group', { name: 'Properties' }).getByLabel('Value 1').fill('m-1')
    await dialog.getByRole('button', { name: 'Publish' }).click()
    await toast('Published, and routed.')
    await dialog.waitFor({ state: 'hidden' })
  }
  await page.getByRole('button', { name: 'Get messages' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('How many').fill('5')
  await dialog.getByRole('button', { name: 'Get', exact: true }).click()
  await dialog.getByText('2 messages').waitFor()
  const first = dialog.getByRole('article', { name: 'Message 1' })
  await first.getByText('"pens": [').waitFor()
  await first.getByText('acme').waitFor()
  await first.getByText('m-1').waitFor()
  await screenshot(page, 'queue-messages')
  await first.getByRole('button', { name: 'Indent JSON' }).click()
  await first.getByText('{"id": 1, "pens": ["red", "blue"]}').waitFor()
  await dialog.getByLabel('Then').selectOption('ack_requeue_false')
  await dialog.getByLabel('How many').fill('1')
  await dialog.getByRole('button', { name: 'Get', exact: true }).click()
  await dialog.getByText('1 message', { exact: true }).waitFor()
  await dialog.getByText('redelivered').waitFor()
  await page.keyboard.press('Escape')

  assert.ok(await eventually(async () => (await queue('orders')).messages === 1))
  await page.getByRole('button', { name: 'Purge' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Purge' }).click()
  await toast('Queue orders is purged.')
  assert.ok(await eventually(async () => (await queue('orders')).messages === 0))
})

test('a body of bytes is shown in Base64', async () => {
  const client = await connect('page test', VHOST)
  const channel = await client.createConfirmChannel()
  channel.sendToQueue('orders', Buffer.from([0xff, 0x00, 0xfe]))
  await channel.waitForConfirms()
  await show(`#/queues/${at(VHOST, 'orders')}`)
  await page.getByRole('button', { name: 'Get messages' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Then').selectOption('ack_requeue_false')
  await dialog.getByRole('button', { name: 'Get', exact: true }).click()
  await dialog.getByText('/wD+').waitFor()
  await page.keyboard.press('Escape')
  await client.close()
})

test('a queue is bound and unbound', async () => {
  await show(`#/queues/${at(VHOST, 'orders')}`)
  await page.getByRole('button', { name: 'Bind', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('From exchange').fill('amq.topic')
  await dialog.getByLabel('Routing key').fill('order.*/ü %2F~')
  await dialog.getByRole('button', { name: 'Bind' }).click()
  await toast('Bound.')
  const bindings = page.getByRole('group', { name: 'Bindings of this queue' })
  await bindings.getByText('order.*/ü %2F~').waitFor()
  await bindings.getByRole('button', { name: 'Unbind amq.topic' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Unbind' }).click()
  await toast('Unbound.')
  const left = await eventually(async () => {
    const { value } = await api('GET', `${at('queues', VHOST, 'orders')}/bindings`)
    return value.length === 1
  })
  assert.ok(left)
  await bindings.getByText('order.*/ü %2F~').waitFor({ state: 'detached' })
})

test('numbers and charts move without reloading', async () => {
  const client = await connect('page test', VHOST)
  const channel = await client.createConfirmChannel()
  await show(`#/queues/${at(VHOST, 'orders')}`)
  const ready = page.locator('.tile', { hasText: 'Ready' }).locator('strong')
  await ready.getByText('0', { exact: true }).waitFor()
  for (let n = 0; n < 1234; n += 1) channel.sendToQueue('orders', Buffer.from('x'))
  await channel.waitForConfirms()
  await ready.getByText('1,234').waitFor()
  await page.locator('.legend').getByText('1,234').waitFor()
  const hasTimes = (await queue('orders')).time_in_queue_ms !== undefined
  assert.equal(await page.locator('.plot canvas').count(), hasTimes ? 4 : 2)
  await channel.consume('orders', () => {}, { consumerTag: 'the consumer' })
  await page.getByRole('group', { name: 'Consumers of this queue' }).getByText('the consumer').waitFor()
  await screenshot(page, 'queue')
  await client.close()
})

test('lists are filtered, sorted and turned over', async () => {
  const client = await connect('page test', VHOST)
  const channel = await client.createChannel()
  await Promise.all(Array.from({ length: 130 }, (_, n) => channel.assertQueue(`list ${String(n).padStart(3, '0')}`)))
  for (let n = 0; n < 5; n += 1) channel.sendToQueue('list 042', Buffer.from('x'))
  await client.close()
  await show('#/queues')
  const table = page.getByRole('group', { name: 'Queues' })
  await page.getByText('131 queues').waitFor()
  await page.getByText('Page 1 of 2').waitFor()
  assert.equal(await table.locator('tbody tr').count(), 100)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('Page 2 of 2').waitFor()
  await table.getByText('list 129').waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('042')
  await page.getByText('1 of 131 queues').waitFor()
  await table.getByRole('link', { name: 'list 042' }).waitFor()
  await page.getByRole('searchbox').fill('^list 0[45]..?$')
  await page.getByText('No queue matches.').waitFor()
  await page.getByLabel('Regex').check()
  await page.getByText('20 of 131 queues').waitFor()
  await page.getByRole('searchbox').fill('')
  await page.getByText('131 queues', { exact: true }).waitFor()
  await table.getByRole('button', { name: 'Name' }).click()
  assert.equal(await table.locator('th', { hasText: 'Name' }).getAttribute('aria-sort'), 'descending')
  await table.locator('tbody tr').first().getByText('orders').waitFor()
  await eventually(async () => (await queue('list 042')).messages === 5)
  await table.getByRole('button', { name: 'Ready' }).click()
  await table.locator('tbody tr').first().getByText('list 042').or(table.locator('tbody tr').first().getByText('orders')).first().waitFor()
  await page.getByRole('searchbox').fill('[')
  await page.getByRole('region', { name: 'Queues' }).getByRole('alert').waitFor()
  await page.getByRole('searchbox').fill('list')
  await page.getByText('130 of 131 queues').waitFor()
  await screenshot(page, 'queues')
})

test('a queue is deleted only after a question', async () => {
  await show(`#/queues/${at(VHOST, 'orders')}`)
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  assert.equal((await api('GET', at('queues', VHOST, 'orders'))).status, 200)
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await toast('Queue orders is deleted.')
  await page.getByRole('heading', { name: 'Queues' }).waitFor()
  assert.equal((await api('GET', at('queues', VHOST, 'orders'))).status, 404)
  await show(`#/queues/${at(VHOST, 'orders')}`)
  await page.getByText('There is no such queue (any more).').waitFor()
})
