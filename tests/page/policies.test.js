// Policies, of users and of operators, and where they show.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { api, at, logIn, open, openAt, screenshot, start, told } from './setting.js'

const NAME = 'page policy'
let setting

before(async () => {
  setting = await start()
})

after(() => setting.stop())

test('a policy is set and deleted', async () => {
  const page = await openAt(setting, '#/admin/policies')
  await page.getByRole('button', { name: 'Set policy' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill(NAME)
  await dialog.getByLabel('Pattern').fill('^nothing-has-this-name$')
  await dialog.getByRole('button', { name: 'Set' }).click()
  await dialog.getByRole('alert').locator('.problem').waitFor()
  await dialog.getByRole('button', { name: 'max-length', exact: true }).click()
  await dialog.getByLabel('Value 1').fill('10')
  await dialog.getByRole('button', { name: 'Set' }).click()
  await told(page, 'The policy is set.')
  const { value } = await api('GET', at('policies', '/', NAME))
  assert.deepEqual(value.definition, { 'max-length': 10 })
  await screenshot(page, 'policies')
  await page.getByRole('button', { name: `Delete ${NAME}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await told(page, `Policy ${NAME} is deleted.`)
  assert.equal((await api('GET', at('policies', '/', NAME))).status, 404)
  assert.deepEqual(page.faults, [])
})

test('a queue and an exchange show what counts for them, of both kinds', async () => {
  const definition = (limits) => ({ pattern: '^page\\.policed$', definition: limits, 'apply-to': 'all' })
  await api('PUT', at('queues', '/', 'page.policed'), { durable: true })
  await api('PUT', at('exchanges', '/', 'page.policed'), { type: 'fanout' })
  await api('PUT', at('policies', '/', NAME), definition({ 'max-length': 10, expires: 600000 }))
  await api('PUT', at('operator-policies', '/', 'page bound'), definition({ 'max-length': 7 }))
  for (const kind of ['queues', 'exchanges']) {
    const page = await openAt(setting, `#/${kind}/%2F/page.policed`)
    const about = page.getByRole('region', { name: 'About it' })
    await about.getByText(NAME, { exact: true }).waitFor()
    if (kind === 'queues') {
      await about.getByText('page bound', { exact: true }).waitFor()
      await about.getByText('max-length', { exact: true }).waitFor()
    }
    assert.deepEqual(page.faults, [])
  }
  const page = await openAt(setting, '#/admin/policies')
  await page.getByRole('button', { name: 'Delete page bound' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await told(page, 'Policy page bound is deleted.')
  for (const place of [['policies', NAME], ['queues', 'page.policed'], ['exchanges', 'page.policed']]) {
    await api('DELETE', at(place[0], '/', place[1]))
  }
  assert.deepEqual(page.faults, [])
})

test('a policymaker sets policies, and sees nothing else of what administrators do', async () => {
  await api('PUT', at('users', 'page maker'), { password: 'pw', tags: 'policymaker' })
  await api('PUT', at('permissions', '/', 'page maker'), { configure: '.*', write: '.*', read: '.*' })
  const page = await open(setting, { hash: '#/admin' })
  await logIn(page, 'page maker', 'pw')
  await page.getByRole('button', { name: 'Set policy' }).waitFor()
  const tabs = page.getByRole('navigation', { name: 'Parts of the administration' }).getByRole('link')
  assert.deepEqual(await tabs.allTextContents(), ['Policies'])
  assert.equal(await page.getByRole('button', { name: 'Set operator policy' }).count(), 0)
  await api('DELETE', at('users', 'page maker'))
  assert.deepEqual(page.faults, [])
})
