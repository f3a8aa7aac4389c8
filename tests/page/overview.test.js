// The overview: totals, rates, the machine, listeners, alarms.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { connect, openAt, screenshot, start } from './setting.js'

let setting

before(async () => {
  setting = await start()
})

afterEach(() => setting.closePages())

after(() => setting.stop())

test('totals, rates, listeners and the node are there, and move', async () => {
  const client = await connect('overview test')
  const channel = await client.createConfirmChannel()
  await channel.assertQueue('page overview', { exclusive: true })
  const timer = setInterval(() => {
    for (let n = 0; n < 20; n += 1) channel.sendToQueue('page overview', Buffer.from('x'))
  }, 50)
  try {
    const page = await openAt(setting, '#/')
    await page.locator('.legend li', { hasText: /^Published [1-9]/ }).waitFor()
    await page.locator('.tile', { hasText: 'Ready' }).locator('strong', { hasText: /[1-9]/ }).waitFor()
    await page.getByRole('group', { name: 'Listeners' }).locator('tr', { hasText: /amqp/ }).first().waitFor()
    await page.locator('.meter-box', { hasText: 'Memory' }).getByText(/[KMG]iB/).first().waitFor()
    await page.waitForTimeout(10_000)
    await screenshot(page, 'overview')
    await page.getByRole('button', { name: 'Colours: auto. Change' }).click()
    await page.getByRole('button', { name: 'Colours: light. Change' }).click()
    await page.getByRole('button', { name: 'Colours: dark. Change' }).waitFor()
    await screenshot(page, 'overview-dark')
    await page.locator('.tile', { hasText: 'Queues' }).click()
    await page.getByRole('heading', { name: 'Queues' }).waitFor()
    assert.deepEqual(page.faults, [])
  } finally {
    clearInterval(timer)
    await client.close()
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
