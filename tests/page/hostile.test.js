// Nothing that comes from outside runs: hostile texts as every name, argument, header, body and property, on every page.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { HOSTILE } from './hostile.js'
import { USER, api, at, connect, eventually, go, openAt, screenshot, start } from './setting.js'

const VHOST = '<img src=x onerror=window.pwned=1>"\''
let setting
let page
let client

before(async () => {
  setting = await start()
  await clean()
  await api('PUT', at('vhosts', VHOST), { description: HOSTILE[0], tags: HOSTILE[1] })
  await api('PUT', at('permissions', VHOST, USER), { configure: '.*', write: '.*', read: '.*' })
  client = await connect(HOSTILE[2], VHOST)
  await declare()
  page = await openAt(setting, '#/')
  await page.getByLabel('Virtual host').selectOption({ label: VHOST })
})

after(async () => {
  await client?.close()
  await clean()
  await setting.stop()
})

async function clean() {
  await api('DELETE', at('vhosts', VHOST))
  for (const user of users()) await api('DELETE', at('users', user))
}

/** Not each may be the name of a user: one with a colon could not log in. */
function users() {
  return HOSTILE.filter((name) => !name.includes(':')).map((name) => `u ${name}`)
}

async function declare() {
  const channel = await client.createConfirmChannel()
  for (const text of HOSTILE) {
    await channel.assertExchange(text, 'topic', { arguments: { 'x-note': text } })
    await channel.assertQueue(text, { arguments: { 'x-note': text, [text.slice(0, 100)]: text } })
    await channel.bindQueue(text, text, text, { [text.slice(0, 100)]: text })
    channel.sendToQueue(text, Buffer.from(text), {
      headers: { [text.slice(0, 100)]: text },
      contentType: text, correlationId: text, replyTo: text, messageId: text, type: text, appId: text,
    })
    await channel.consume(text, () => {}, { consumerTag: text, noAck: false })
    channel.sendToQueue(text, Buffer.from(text))
  }
  await channel.waitForConfirms()
  await channel.close()
  for (const user of users()) {
    await api('PUT', at('users', user), { password: 'x', tags: `${HOSTILE[3].replaceAll(',', ' ')},management` })
    await api('PUT', at('permissions', VHOST, user), { configure: '.*', write: '<b>', read: '' })
  }
  const watching = await client.createChannel()
  for (const text of HOSTILE) await watching.consume(text, () => {}, { consumerTag: text, noAck: false })
}

/** Whatever can be hovered, focused or clicked without leaving the page, is. */
async function prod() {
  await page.evaluate(() => {
    for (const element of document.querySelectorAll('main *')) {
      for (const kind of ['mouseover', 'mouseenter', 'focus', 'pointerover', 'toggle', 'error', 'load']) {
        element.dispatchEvent(new Event(kind))
      }
    }
  })
}

async function nothingRan(where) {
  assert.equal(await page.evaluate(() => window.pwned), undefined, where)
  assert.deepEqual(page.faults, [], where)
  const foreign = await page.evaluate(() => [
    ...document.querySelectorAll('#page :is(script, iframe, object, embed, link, style, base, meta, form[action], [formaction], math)'),
  ].map((element) => element.outerHTML))
  assert.deepEqual(foreign, [], where)
  const links = await page.evaluate(() => [...document.querySelectorAll('a')].map((link) => link.getAttribute('href')))
  assert.deepEqual(links.filter((href) => !href.startsWith('#')), [], where)
}

/** How many messages of a queue the page shows at a time. */
const LOOKED_AT_ONCE = 50

test('there are enough of them', () => {
  assert.equal(new Set(HOSTILE).size, HOSTILE.length)
  assert.ok(HOSTILE.length >= 200)
  assert.ok(HOSTILE.every((text) => Buffer.byteLength(text) <= 120))
})

for (const hash of ['#/', '#/connections', '#/channels', '#/exchanges', '#/queues', '#/consumers', '#/admin/users',
  '#/admin/vhosts', '#/admin/permissions', '#/admin/limits', '#/admin/definitions',
  // Of what there is one for each of them, a page shows a hundred.
  ...['exchanges', 'queues', 'consumers', 'admin/users'].flatMap((list) => [`#/${list}?page=2`, `#/${list}?page=3`])]) {
  test(`the list ${hash} shows them as text`, async () => {
    await go(page, hash)
    await page.locator('main .card').first().waitFor()
    await page.waitForTimeout(700)
    await prod()
    await nothingRan(hash)
  })
}

test('each queue and exchange can be opened, and shows them as text', async () => {
  for (const text of HOSTILE) {
    await go(page, `#/queues/${at(VHOST, text)}`)
    await page.getByText('About it').waitFor()
    assert.equal(await page.locator('h1 bdi').textContent(), text)
    await page.getByRole('group', { name: 'Consumers of this queue' }).locator('tbody tr').first().waitFor()
    await prod()
    await nothingRan(`queue ${text}`)
    await go(page, `#/exchanges/${at(VHOST, text)}`)
    await page.getByRole('group', { name: 'Bindings from this exchange' }).locator('tbody tr').first().waitFor()
    assert.equal(await page.locator('h1 bdi').textContent(), text)
    await prod()
    await nothingRan(`exchange ${text}`)
  }
})

test('messages are text, whatever is in them', async () => {
  const reader = await connect('reader', VHOST)
  const channel = await reader.createConfirmChannel()
  await channel.assertQueue('messages')
  for (const text of HOSTILE) {
    channel.sendToQueue('messages', Buffer.from(text), {
      headers: { [text.slice(0, 100)]: text },
      contentType: text, correlationId: text, replyTo: text, messageId: text, type: text, appId: text,
    })
  }
  await channel.waitForConfirms()
  await reader.close()
  await go(page, `#/queues/${at(VHOST, 'messages')}`)
  await page.getByRole('button', { name: 'Get messages' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('How many').fill('1000')
  await dialog.getByRole('button', { name: 'Get', exact: true }).click()
  await dialog.getByText(`${HOSTILE.length} messages`).waitFor()
  const bodies = await dialog.locator('pre').allTextContents()
  assert.deepEqual(bodies, HOSTILE)
  await screenshot(page, 'hostile-messages')
  await nothingRan('messages')
  await page.keyboard.press('Escape')
  const inside = page.getByRole('region', { name: 'Look inside' })
  if (await inside.count() === 0) return
  await inside.getByRole('button', { name: 'Look', exact: true }).click()
  for (let left = HOSTILE.length; left > 0; left -= LOOKED_AT_ONCE) {
    const shown = `${Math.min(left, LOOKED_AT_ONCE)} messages`
    await inside.getByText(shown, { exact: true }).waitFor()
    await prod()
    await nothingRan(`inside, ${left} left`)
    if (left > LOOKED_AT_ONCE) await inside.getByRole('button', { name: 'Look on' }).click()
  }
})

test('users with such names can be opened', async () => {
  for (const user of users()) {
    await go(page, `#/admin/users/${encodeURIComponent(user)}`)
    await page.getByRole('button', { name: 'Change tags' }).waitFor()
    await page.getByRole('group', { name: 'Permissions', exact: true }).locator('tbody tr').first().waitFor()
    await nothingRan(`user ${user}`)
  }
})

test('what a client calls itself is text', async () => {
  const { value } = await api('GET', 'connections')
  const ours = await eventually(async () => value.find(({ vhost }) => vhost === VHOST))
  await go(page, `#/connections/${encodeURIComponent(ours.name)}`)
  await page.getByText('What the client says of itself').waitFor()
  await prod()
  await nothingRan('connection')
})

test('reasons of refusals are text', async () => {
  await go(page, '#/queues')
  await page.getByRole('button', { name: 'New queue' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill(HOSTILE[2])
  await dialog.getByLabel(/^Durable/).uncheck()
  await dialog.getByRole('button', { name: 'Declare' }).click()
  await dialog.getByRole('alert').getByText(HOSTILE[2]).waitFor()
  await nothingRan('refusal')
  await page.keyboard.press('Escape')
})

test('a payload in the address is text', async () => {
  for (const text of HOSTILE) {
    await go(page, `#/${encodeURIComponent(text)}/${encodeURIComponent(text)}`)
    await go(page, `#/queues?name=${encodeURIComponent(text)}&sort=${encodeURIComponent(text)}`)
    await page.waitForTimeout(20)
  }
  await page.waitForTimeout(500)
  await nothingRan('address')
})
