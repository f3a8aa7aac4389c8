// Who gets in, who is told why not, and where the password does not end up.

import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { PASSWORD, USER, api, at, logIn, open, openAt, screenshot, start } from './setting.js'

let setting

before(async () => {
  setting = await start()
})

afterEach(() => setting.closePages())

after(() => setting.stop())

test('a user with the right password sees the overview', async () => {
  const page = await open(setting)
  await screenshot(page, 'login')
  await logIn(page)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  assert.equal(await page.title(), 'Overview · Pillarbox')
  assert.deepEqual(page.faults, [])
})

test('the keyboard is enough to log in', async () => {
  const page = await open(setting)
  await page.keyboard.type(USER)
  await page.keyboard.press('Tab')
  await page.keyboard.type(PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
})

test('a wrong password is told, and can be typed again', async () => {
  const page = await open(setting)
  await logIn(page, USER, 'wrong')
  await page.getByRole('alert').getByText('Wrong user or password.').waitFor()
  await screenshot(page, 'login-wrong')
  assert.equal(await page.getByLabel('Password').inputValue(), '')
  assert.equal(await page.evaluate(() => document.activeElement.type), 'password')
  await page.keyboard.type(PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
})

test('a user without a tag is told what is missing', async () => {
  await api('PUT', at('users', 'page-no-tag'), { password: 'secret', tags: '' })
  const page = await open(setting)
  await logIn(page, 'page-no-tag', 'secret')
  await page.getByRole('alert').getByText('takes one of the tags').waitFor()
  await api('DELETE', at('users', 'page-no-tag'))
})

test('a user with few rights sees a page without what is refused', async () => {
  await api('PUT', at('users', 'page-few'), { password: 'secret', tags: 'management' })
  await api('PUT', at('permissions', '/', 'page-few'), { configure: '', write: '', read: '' })
  const page = await open(setting)
  await logIn(page, 'page-few', 'secret')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.getByText('Queued messages').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Admin' }).count(), 0)
  await page.evaluate(() => { location.hash = '#/admin/users' })
  await page.getByRole('heading', { name: 'Nothing here' }).waitFor()
  await page.evaluate(() => { location.hash = '#/queues' })
  await page.getByRole('heading', { name: 'Queues' }).waitFor()
  await page.getByRole('button', { name: 'New queue' }).click()
  await page.getByRole('dialog').getByLabel('Name').first().fill('forbidden')
  await page.getByRole('dialog').getByRole('button', { name: 'Declare' }).click()
  await page.getByRole('dialog').getByRole('alert').getByText(/refused|access/i).waitFor()
  await api('DELETE', at('users', 'page-few'))
})

test('a password that is changed elsewhere ends the session, and says so', async () => {
  await api('PUT', at('users', 'page-changing'), { password: 'one', tags: 'management' })
  const page = await open(setting)
  await logIn(page, 'page-changing', 'one')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await api('PUT', at('users', 'page-changing'), { password: 'two', tags: 'management' })
  await page.getByText('has another password now').waitFor()
  await logIn(page, 'page-changing', 'two')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await api('DELETE', at('users', 'page-changing'))
})

test('user and password with letters of any script work', async () => {
  // What HTTP's Basic would take for the end of the name is no part of one.
  await assert.rejects(api('PUT', at('users', 'Žofie:ю'), { password: 'パスワード', tags: 'management' }), /no colon/)
  await api('PUT', at('users', 'Žofie ю'), { password: 'パスワード: ü', tags: 'management' })
  const page = await open(setting)
  await logIn(page, 'Žofie ю', 'パスワード: ü')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await api('DELETE', at('users', 'Žofie ю'))
})

test('the password is in no storage, address, cookie or document', async () => {
  await api('PUT', at('users', 'page-secret'), { password: 'hunter-2-planted', tags: 'administrator' })
  const page = await open(setting)
  await logIn(page, 'page-secret', 'hunter-2-planted')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.getByRole('button', { name: /^Colours/ }).click()
  await page.getByRole('link', { name: 'Queues' }).first().click()
  await page.getByRole('heading', { name: 'Queues' }).waitFor()
  const encoded = Buffer.from('page-secret:hunter-2-planted').toString('base64')
  const state = await page.context().storageState({ indexedDB: true })
  const kept = JSON.stringify(state) + (await page.content()) + page.url()
    + (await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state])))
  assert.match(kept, /theme/, 'what is kept is looked at')
  assert.ok(!kept.includes('hunter-2-planted') && !kept.includes(encoded), kept)
  assert.ok(setting.front.asked.every(({ path }) => !path.includes('hunter') && !path.includes(encoded)))
  await page.reload()
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  await api('DELETE', at('users', 'page-secret'))
})

test('who logs out is out', async () => {
  const page = await openAt(setting, '#/queues')
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  const before = setting.front.asked.length
  await page.waitForTimeout(2_500)
  assert.equal(setting.front.asked.length, before, 'nothing is asked for any more')
})
