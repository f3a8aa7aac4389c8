// Policies, where the broker has them.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { api, at, openAt, screenshot, start, told } from './setting.js'

const NAME = 'page policy'
let setting

before(async () => {
  setting = await start()
})

after(() => setting.stop())

test('a policy is set and deleted; a broker without policies is told', async () => {
  const page = await openAt(setting, '#/admin/policies')
  if ((await api('GET', 'policies')).status === 404) {
    await page.getByText('This broker has no policies.').first().waitFor()
    assert.equal(await page.getByRole('button', { name: /^Set/ }).count(), 0)
    return
  }
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
