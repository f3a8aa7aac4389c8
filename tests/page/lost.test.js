// A broker that goes away and comes back; and that nobody is asked more than is shown.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { PASSWORD, USER, go, logIn, open, openAt, screenshot, start } from './setting.js'

let setting

before(async () => {
  setting = await start()
})

afterEach(async () => {
  setting.front.find()
  await setting.closePages()
})

after(() => setting.stop())

test('a lost broker is told, what was seen stays, and the page goes on by itself', async () => {
  const page = await openAt(setting, '#/')
  await page.locator('.tile', { hasText: 'Exchanges' }).locator('strong', { hasText: /\d/ }).waitFor()
  setting.front.lose()
  await page.getByRole('alert').getByText('The broker does not answer').waitFor()
  // By then everything that is shown was asked for in vain.
  await page.waitForTimeout(5_000)
  assert.ok(await page.locator('.tile', { hasText: 'Exchanges' }).isVisible())
  await screenshot(page, 'lost')
  setting.front.find()
  await page.getByText('The broker does not answer').waitFor({ state: 'detached' })
  assert.equal(await page.getByRole('button', { name: 'Log in' }).count(), 0, 'still logged in')
  assert.deepEqual(page.faults, [])
})

test('another page can be opened meanwhile, and is filled afterwards', async () => {
  const page = await openAt(setting, '#/')
  setting.front.lose()
  await page.getByText('The broker does not answer').waitFor()
  await go(page, '#/exchanges')
  await page.getByRole('heading', { name: 'Exchanges' }).waitFor()
  await page.locator('[aria-busy]').first().waitFor()
  setting.front.find()
  await page.getByRole('link', { name: 'amq.topic' }).first().waitFor()
})

test('a login without a broker says so', async () => {
  const page = await open(setting)
  setting.front.lose()
  await logIn(page)
  await page.getByRole('alert').getByText('The broker does not answer.').waitFor()
  setting.front.find()
  await page.getByLabel('User', { exact: true }).fill(USER)
  await page.getByLabel('Password').fill(PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
})

test('an action that nobody answers says so, and can be tried again', async () => {
  const page = await openAt(setting, '#/exchanges//')
  await go(page, '#/queues')
  await page.getByRole('button', { name: 'New queue' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill('page lost')
  setting.front.lose()
  await dialog.getByRole('button', { name: 'Declare' }).click()
  await dialog.getByRole('alert').getByText('The broker does not answer.').waitFor()
  setting.front.find()
  await dialog.getByRole('button', { name: 'Declare' }).click()
  await page.getByRole('heading', { name: 'Queue page lost' }).waitFor()
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('heading', { name: 'Queues' }).waitFor()
})

/** What is asked for while nothing is done, without numbers. */
async function askedIn(page, ms) {
  const before = setting.front.asked.length
  await page.waitForTimeout(ms)
  return setting.front.asked.slice(before).map(({ path }) => path.split('?')[0])
}

test('only what is shown is asked for, every two seconds', async () => {
  const page = await openAt(setting, '#/queues')
  await page.getByText(/\d queues|No queues/).first().waitFor()
  const asked = await askedIn(page, 6_500)
  const count = (path) => asked.filter((other) => other === path).length
  assert.ok(count('queues') >= 2 && count('queues') <= 4, asked.join(' '))
  assert.deepEqual([...new Set(asked)].filter((path) => !['queues', 'nodes', 'vhosts'].includes(path)), [])
})

test('while nobody looks, nothing is asked for', async () => {
  const page = await openAt(setting, '#/')
  await page.locator('.tile').first().waitFor()
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.isAway })
    window.isAway = true
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await page.waitForTimeout(500)
  assert.deepEqual(await askedIn(page, 5_500), [])
  const before = setting.front.asked.length
  await page.evaluate(() => {
    window.isAway = false
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await page.waitForTimeout(1_000)
  assert.ok(setting.front.asked.slice(before).some(({ path }) => path === 'overview'))
})

test('a slow broker is not asked again before it has answered', async () => {
  const page = await openAt(setting, '#/')
  await page.locator('.tile').first().waitFor()
  let waiting = 0
  let most = 0
  await page.route('**/api/overview', async (route) => {
    waiting += 1
    most = Math.max(most, waiting)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    waiting -= 1
    await route.continue().catch(() => {})
  })
  await page.waitForTimeout(7_000)
  assert.equal(most, 1)
})
