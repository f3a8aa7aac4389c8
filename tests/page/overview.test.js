// The overview: totals, rates, the machine, listeners, alarms.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { connect, go, openAt, screenshot, start } from './setting.js'

let setting

before(async () => {
  setting = await start()
})

afterEach(() => setting.closePages())

after(() => setting.stop())

/** A shop with more orders than its worker takes at times, so that there is something to see; gives what closes it. */
async function shop() {
  const client = await connect('web shop')
  const channel = await client.createConfirmChannel()
  await channel.assertExchange('shop', 'topic', { autoDelete: true })
  for (const [queue, key] of [['orders', 'order.#'], ['mails', '*.created'], ['invoices', 'order.paid']]) {
    await channel.assertQueue(queue, { exclusive: true })
    await channel.bindQueue(queue, 'shop', key)
  }
  const begun = Date.now()
  let isOpen = true
  const shopping = setInterval(() => {
    const wave = 6 + 5 * Math.sin((Date.now() - begun) / 4_000)
    for (let n = 0; n < wave; n += 1) channel.publish('shop', n % 3 ? 'order.created' : 'order.paid', Buffer.from('{"pens": 3}'))
  }, 50)
  const worker = await client.createChannel()
  await worker.prefetch(12)
  for (const queue of ['orders', 'mails', 'invoices']) {
    const work = (message) => message && setTimeout(() => isOpen && worker.ack(message), 70)
    await worker.consume(queue, work, { consumerTag: `${queue} worker` })
  }
  return () => {
    isOpen = false
    clearInterval(shopping)
    return client.close()
  }
}

test('totals, rates, listeners and the node are there, and move', async () => {
  const stop = await shop()
  try {
    const page = await openAt(setting, '#/')
    await page.locator('.legend li', { hasText: /^Published [1-9]/ }).waitFor()
    await page.locator('.tile', { hasText: 'Ready' }).locator('strong', { hasText: /[1-9]/ }).waitFor()
    await page.getByRole('group', { name: 'Listeners' }).locator('tr', { hasText: /amqp/ }).first().waitFor()
    await page.locator('.meter-box', { hasText: 'Memory' }).getByText(/[KMG]iB/).first().waitFor()
    await page.waitForTimeout(45_000)
    await screenshot(page, 'overview')
    await go(page, '#/queues')
    await page.getByRole('link', { name: 'orders' }).click()
    await page.getByText('About it').waitFor()
    await page.waitForTimeout(20_000)
    await screenshot(page, 'queue-at-work')
    await page.getByRole('button', { name: 'Colours: auto. Change' }).click()
    await page.getByRole('button', { name: 'Colours: light. Change' }).click()
    await page.getByRole('button', { name: 'Colours: dark. Change' }).waitFor()
    await screenshot(page, 'queue-at-work-dark')
    await go(page, '#/')
    await page.locator('.tile', { hasText: 'Queues' }).click()
    await page.getByRole('heading', { name: 'Queues' }).waitFor()
    assert.deepEqual(page.faults, [])
  } finally {
    await stop()
  }
})

test('alarms are shown on every page', async () => {
  const page = await openAt(setting, '#/queues')
  await page.route('**/api/nodes*', async (route) => {
    const response = await route.fetch()
    const nodes = await response.json()
    await route.fulfill({ response, json: nodes.map((node) => ({ ...node, mem_alarm: true, disk_free_alarm: true })) })
  })
  await page.getByText('Memory alarm.').waitFor()
  await page.getByText('Disk alarm.').waitFor()
  await screenshot(page, 'alarms')
})
