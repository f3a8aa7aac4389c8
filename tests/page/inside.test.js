// Looking into a queue, doing something with single messages, and what reached no queue; where the broker can tell.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import { USER, api, at, connect, eventually, go, openAt, screenshot, start, told } from './setting.js'

const VHOST = 'page inside'
let setting
let page
let client
let channel
let isAble

before(async () => {
  setting = await start()
  await api('DELETE', at('vhosts', VHOST))
  await api('PUT', at('vhosts', VHOST), {})
  await api('PUT', at('permissions', VHOST, USER), { configure: '.*', write: '.*', read: '.*' })
  client = await connect('page inside', VHOST)
  channel = await client.createConfirmChannel()
  await channel.assertQueue('other')
  await channel.assertQueue('dead')
  await channel.assertQueue('work', { deadLetterExchange: '', deadLetterRoutingKey: 'dead' })
  isAble = 'deaths' in (await api('GET', at('queues', VHOST, 'other'))).value
})

beforeEach(async () => {
  page = await openAt(setting, `#/queues/${at(VHOST, 'work')}`)
})

afterEach(async () => {
  assert.deepEqual(page.faults, [])
  await setting.closePages()
})

after(async () => {
  await client.close()
  await setting.stop()
  await api('DELETE', at('vhosts', VHOST))
})

async function fill(queue, count) {
  await channel.purgeQueue(queue)
  for (let n = 1; n <= count; n += 1) {
    channel.sendToQueue(queue, Buffer.from(`{"number": ${n}}`), { headers: { tenant: n % 2 ? 'acme' : 'other' } })
  }
  await channel.waitForConfirms()
}

const card = () => page.getByRole('region', { name: 'Look inside' })
const rows = () => card().getByRole('group', { name: 'Messages in this queue' }).locator('tbody tr')

async function look({ header = '', body = '' } = {}) {
  await card().getByLabel('With the header').fill(header)
  await card().getByLabel('With this in the body').fill(body)
  await card().getByRole('button', { name: 'Look', exact: true }).click()
}

/** Everybody can use what is on the page now. */
async function axe() {
  const { violations } = await new AxeBuilder({ page }).analyze()
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), [])
}

const holds = (queue, count) => eventually(async () => (await api('GET', `${at('queues', VHOST, queue)}/messages?count=100`)).value.messages.length === count)

test('a broker that cannot look inside is not asked to', async () => {
  await page.getByRole('heading', { name: 'Queue work' }).waitFor()
  await page.getByRole('region', { name: 'Bindings' }).waitFor()
  assert.equal(await card().count(), isAble ? 1 : 0)
})

test('messages are listed, found and shown, and nothing is marked', async () => {
  if (!isAble) return
  await fill('work', 60)
  await look()
  await card().getByText('50 messages').waitFor()
  await card().getByRole('button', { name: 'Look on' }).click()
  await card().getByText('10 messages').waitFor()
  await card().getByRole('button', { name: 'From the start' }).click()
  await card().getByText('50 messages').waitFor()
  await look({ header: 'tenant=acme', body: '"number": 5' })
  await card().getByText('6 of 60 messages that were looked at').waitFor()
  assert.equal(await rows().count(), 6)
  await axe()
  await screenshot(page, 'queue-inside')
  await card().getByRole('button', { name: 'Show message 5', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('acme').waitFor()
  await dialog.getByText('"number": 5').waitFor()
  assert.equal(await dialog.getByText('redelivered').count(), 0)
  await page.keyboard.press('Escape')
  await look({ body: 'nothing like this' })
  await card().getByText('No such message.').waitFor()
  const message = await channel.get('work')
  assert.equal(message.fields.redelivered, false)
  channel.nack(message)
})

test('chosen messages are deleted after a question, and moved', async () => {
  if (!isAble) return
  await fill('work', 5)
  await look()
  await card().getByLabel('Choose message 2').check()
  await card().getByLabel('Choose message 4').check()
  await card().getByRole('button', { name: 'Delete messages' }).click()
  let dialog = page.getByRole('dialog', { name: 'Delete 2 messages?' })
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  assert.ok(await holds('work', 5))
  await card().getByRole('button', { name: 'Delete messages' }).click()
  dialog = page.getByRole('dialog', { name: 'Delete 2 messages?' })
  await dialog.getByRole('button', { name: 'Delete messages' }).click()
  await told(page, '2 messages deleted.')
  await card().getByText('3 messages').waitFor()
  assert.ok(await holds('work', 3))
  await card().getByLabel('Choose message 1').check()
  await card().getByRole('button', { name: 'Move', exact: true }).click()
  dialog = page.getByRole('dialog', { name: 'Move 1 message' })
  await dialog.getByLabel('Name of the queue').fill('nowhere')
  await dialog.getByRole('button', { name: 'Move' }).click()
  await dialog.getByRole('alert').getByText(/no queue 'nowhere'/).waitFor()
  await dialog.getByLabel('Name of the queue').fill('other')
  await dialog.getByRole('button', { name: 'Move' }).click()
  await told(page, '1 message moved.')
  assert.ok(await holds('other', 1))
  await card().getByText('2 messages').waitFor()
  await card().getByRole('button', { name: 'Move all' }).click()
  dialog = page.getByRole('dialog', { name: 'Move all ready messages' })
  await dialog.getByLabel('Move to').selectOption('exchange')
  await dialog.getByLabel('Name of the exchange').fill('amq.direct')
  await dialog.getByLabel('Routing key').fill('nobody')
  await dialog.getByRole('button', { name: 'Move' }).click()
  await told(page, '0 messages moved. 2 messages stayed: nothing matches: it would reach no queue.')
  assert.ok(await holds('work', 2))
})

test('dead letters are sent back to where they died', async () => {
  if (!isAble) return
  await fill('work', 3)
  for (let n = 0; n < 3; n += 1) channel.nack(await channel.get('work'), false, false)
  assert.ok(await holds('dead', 3))
  await go(page, `#/queues/${at(VHOST, 'dead')}`)
  await page.getByRole('heading', { name: 'Queue dead' }).waitFor()
  await look()
  await card().getByText('3 messages').waitFor()
  await card().getByRole('button', { name: 'Redrive all' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Redrive all' }).click()
  await told(page, '3 messages moved.')
  assert.ok(await holds('work', 3))
  assert.ok(await holds('dead', 0))
  await card().getByText('No such message.').waitFor()
})

test('what reached no queue is kept on request', async () => {
  if (!isAble) return
  await go(page, `#/exchanges/${at(VHOST, 'amq.topic')}`)
  const lost = page.getByRole('region', { name: 'Reached no queue' })
  await lost.getByText('They are counted, and not kept.').waitFor()
  await lost.getByRole('button', { name: 'Keep the last 100' }).click()
  await told(page, 'The last 100 are kept from now on.')
  await lost.getByText('None since then.').waitFor()
  channel.publish('amq.topic', 'a.lost.key', Buffer.from('lost body'), { headers: { kind: 'lost' } })
  await channel.waitForConfirms()
  await lost.getByText('a.lost.key').waitFor()
  await lost.getByText('1 message so far').waitFor()
  await axe()
  await screenshot(page, 'exchange-unroutable')
  await lost.getByRole('button', { name: 'Show message 1' }).click()
  await page.getByRole('dialog').getByText('lost body').waitFor()
  await page.keyboard.press('Escape')
  await lost.getByRole('button', { name: 'Stop keeping' }).click()
  await told(page, 'Nothing is kept any more.')
  await lost.getByText('They are counted, and not kept.').waitFor()
})

test('a try-out tells the way over several exchanges, and why not elsewhere', async () => {
  if (!isAble) return
  await channel.assertExchange('front', 'topic')
  await channel.bindExchange('amq.headers', 'front', 'a.*')
  await channel.bindQueue('work', 'front', 'b.*')
  await channel.bindQueue('other', 'amq.headers', '', { kind: 'pdf' })
  await go(page, `#/exchanges/${at(VHOST, 'front')}`)
  const attempt = page.getByRole('region', { name: 'Where would it go?' })
  await attempt.getByLabel('Routing key').fill('a.x')
  await attempt.getByRole('button', { name: 'Try' }).click()
  await attempt.getByText('It reaches no queue.').waitFor()
  await attempt.getByText("the message has no header 'kind'").waitFor()
  await attempt.getByText('the routing key does not fit the pattern').waitFor()
  await attempt.getByText('Nothing matches: the message is dropped').waitFor()
  await attempt.getByRole('button', { name: 'Add header' }).click()
  await attempt.getByLabel('Name 1').fill('kind')
  await attempt.getByLabel('Value 1').fill('pdf')
  await attempt.getByRole('button', { name: 'Try' }).click()
  await attempt.getByText('It reaches 1 queue:').waitFor()
  assert.equal((await attempt.locator('.way').textContent()).replaceAll(/\s+/g, ' ').trim(), 'front → amq.headers → other')
  await axe()
  await screenshot(page, 'exchange-explained')
})
