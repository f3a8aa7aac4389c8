// Users, vhosts, permissions, policies, limits and definitions.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { api, at, go, logIn, open, openAt, screenshot, start, told } from './setting.js'

const WHO = 'page admin user'
const VHOST = 'page admin vhost'
let setting
let page

async function clean() {
  await api('DELETE', at('users', WHO))
  await api('DELETE', at('vhosts', VHOST))
}

before(async () => {
  setting = await start()
  await clean()
})

beforeEach(async () => {
  page = await openAt(setting, '#/admin')
})

afterEach(async () => {
  assert.deepEqual(page.faults, [])
  await setting.closePages()
})

after(async () => {
  await setting.stop()
  await clean()
})

const dialog = () => page.getByRole('dialog')

test('a user is made, with tags', async () => {
  await page.getByRole('button', { name: 'New user' }).click()
  await dialog().getByLabel('Name', { exact: true }).fill(WHO)
  await dialog().getByLabel('Password').fill('first')
  await dialog().getByLabel(/^monitoring/).check()
  await screenshot(page, 'user-new')
  await dialog().getByRole('button', { name: 'Add' }).click()
  await told(page, `User ${WHO} is made.`)
  await page.getByRole('link', { name: WHO }).waitFor()
  await screenshot(page, 'users')
  const other = await open(setting)
  await logIn(other, WHO, 'first')
  await other.getByRole('heading', { name: 'Overview' }).waitFor()
})

test('tags are changed, and the password stays; it is changed, too', async () => {
  await go(page, `#/admin/users/${encodeURIComponent(WHO)}`)
  await page.getByRole('button', { name: 'Change tags' }).click()
  await dialog().getByLabel(/^management/).check()
  await dialog().getByRole('button', { name: 'Change' }).click()
  await told(page, 'The tags are changed.')
  const { value } = await api('GET', at('users', WHO))
  assert.deepEqual([...value.tags].sort(), ['management', 'monitoring'])
  let other = await open(setting)
  await logIn(other, WHO, 'first')
  await other.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.getByRole('button', { name: 'Change password' }).click()
  await dialog().getByLabel('New password').fill('second')
  await dialog().getByRole('button', { name: 'Change' }).click()
  await told(page, 'The password is changed.')
  other = await open(setting)
  await logIn(other, WHO, 'second')
  await other.getByRole('heading', { name: 'Overview' }).waitFor()
})

test('a vhost is made', async () => {
  await go(page, '#/admin/vhosts')
  await page.getByRole('button', { name: 'New virtual host' }).click()
  await dialog().getByLabel('Name').fill(VHOST)
  await dialog().getByLabel('Description').fill('for a test')
  await dialog().getByRole('button', { name: 'Add' }).click()
  await told(page, `Virtual host ${VHOST} is made.`)
  await page.locator('tr', { hasText: VHOST }).getByText('for a test').waitFor()
  await screenshot(page, 'vhosts')
})

test('permissions are set and cleared', async () => {
  await go(page, `#/admin/users/${encodeURIComponent(WHO)}`)
  await page.getByRole('button', { name: 'Set permission' }).click()
  await dialog().getByLabel('Virtual host').selectOption(VHOST)
  await dialog().getByLabel('Configure').fill('')
  await dialog().getByLabel('Write').fill('^orders$')
  await dialog().getByRole('button', { name: 'Set' }).click()
  await told(page, 'The permission is set.')
  const { value } = await api('GET', at('permissions', VHOST, WHO))
  assert.deepEqual(value, { user: WHO, vhost: VHOST, configure: '', write: '^orders$', read: '.*' })
  await page.getByRole('button', { name: 'Set topic permission' }).click()
  await dialog().getByLabel('Virtual host').selectOption(VHOST)
  await dialog().getByLabel('Write').fill('^{username}\\.')
  await dialog().getByRole('button', { name: 'Set' }).click()
  await told(page, 'The topic permission is set.')
  await page.getByText('^{username}\\.').waitFor()
  await screenshot(page, 'user')
  await go(page, '#/admin/permissions')
  await page.getByText('^orders$').waitFor()
  await screenshot(page, 'permissions')
  await page.getByRole('button', { name: `Clear ${WHO} at amq.topic` }).click()
  await dialog().getByRole('button', { name: 'Clear' }).click()
  await told(page, 'Cleared.')
  await page.getByRole('button', { name: `Clear ${WHO} in ${VHOST}` }).click()
  await dialog().getByRole('button', { name: 'Clear' }).click()
  await page.getByText('^orders$').waitFor({ state: 'detached' })
  assert.equal((await api('GET', at('permissions', VHOST, WHO))).status, 404)
})

test('a regular expression that is none is refused in the broker’s words', async () => {
  await go(page, `#/admin/users/${encodeURIComponent(WHO)}`)
  await page.getByRole('button', { name: 'Set permission' }).click()
  await dialog().getByLabel('Read').fill('(')
  await dialog().getByRole('button', { name: 'Set' }).click()
  await dialog().getByRole('alert').locator('.problem').waitFor()
})

test('limits are set and cleared', async () => {
  await go(page, '#/admin/limits')
  await page.getByRole('button', { name: 'Set limit' }).first().click()
  await dialog().getByLabel('Virtual host').selectOption(VHOST)
  await dialog().getByLabel('At most').fill('5')
  await dialog().getByRole('button', { name: 'Set' }).click()
  await told(page, 'The limit is set.')
  await page.locator('tr', { hasText: VHOST }).getByText('5').waitFor()
  await page.getByRole('button', { name: 'Set limit' }).last().click()
  await dialog().getByLabel('User').fill(WHO)
  await dialog().getByLabel('Limit', { exact: true }).selectOption('max-channels')
  await dialog().getByLabel('At most').fill('3')
  await dialog().getByRole('button', { name: 'Set' }).click()
  await page.locator('tr', { hasText: WHO }).getByText('3').waitFor()
  await screenshot(page, 'limits')
  await page.getByRole('button', { name: `Clear max-channels of ${WHO}` }).click()
  await dialog().getByRole('button', { name: 'Clear' }).click()
  await told(page, 'The limit is cleared.')
  await page.locator('tr', { hasText: WHO }).waitFor({ state: 'detached' })
})

test('definitions leave as a file, and come back', async () => {
  await go(page, '#/admin/definitions')
  const export_ = page.locator('.card', { hasText: 'Export' })
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    export_.getByRole('button', { name: 'Download' }).click(),
  ])
  assert.match(download.suggestedFilename(), /^definitions-\d{4}-\d\d-\d\d\.json$/)
  const definitions = JSON.parse(await readFile(await download.path(), 'utf8'))
  assert.ok(definitions.users.some(({ name }) => name === WHO))
  await screenshot(page, 'definitions')

  const [wrong, file] = ['wrong', 'right'].map((name) => path.join(tmpdir(), `page-${process.pid}-${name}.json`))
  await writeFile(wrong, 'not JSON')
  const import_ = page.locator('.card', { hasText: 'Import' }).last()
  await import_.getByLabel('File').setInputFiles(wrong)
  await import_.getByRole('button', { name: 'Import' }).click()
  await import_.getByRole('alert').getByText('The file is not JSON.').waitFor()
  await writeFile(file, JSON.stringify({ queues: [{ name: 'imported', durable: true, auto_delete: false, arguments: {} }] }))
  await import_.getByLabel('File').setInputFiles(file)
  await import_.getByLabel('Into').selectOption(`only ${VHOST}`)
  await import_.getByRole('button', { name: 'Import' }).click()
  await told(page, 'The definitions are imported.')
  assert.equal((await api('GET', at('queues', VHOST, 'imported'))).status, 200)
})

test('a vhost and a user are deleted', async () => {
  await go(page, '#/admin/vhosts')
  await page.getByRole('button', { name: `Delete ${VHOST}` }).click()
  await dialog().getByRole('button', { name: 'Delete' }).click()
  await told(page, `Virtual host ${VHOST} is deleted.`)
  assert.equal((await api('GET', at('vhosts', VHOST))).status, 404)
  await go(page, `#/admin/users/${encodeURIComponent(WHO)}`)
  await page.getByRole('button', { name: 'Delete' }).click()
  await dialog().getByRole('button', { name: 'Delete' }).click()
  await told(page, `User ${WHO} is deleted.`)
  await page.getByRole('heading', { name: 'Admin' }).waitFor()
  assert.equal((await api('GET', at('users', WHO))).status, 404)
})
