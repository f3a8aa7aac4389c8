// The try-out's rules, held against the broker's own: what is published arrives where the try-out says.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { USER, api, at, connect } from './setting.js'
import { follow, headersMatch, topicMatches } from '../../src/management/page/src/routing.js'

const VHOST = 'page routing'
const PATTERNS = ['', '#', '*', 'a', 'a.*', 'a.#', '#.a', '*.a', 'a.*.b', 'a.#.b', '#.#', '*.#', '#.*', 'a..b', 'a.*.*', '#.a.#', 'a.b.c']
const KEYS = ['', 'a', 'b', 'a.b', 'b.a', 'a.b.b', 'a.x.y.b', 'a..b', '.', 'a.', '.a', 'a.b.c', 'x.a.y', 'a.a.a', '..']
const MATCHES = [
  { 'x-match': 'all', kind: 'pdf', pages: 3 },
  { 'x-match': 'any', kind: 'pdf', pages: 3 },
  { kind: 'pdf' },
  { 'x-match': 'any' },
  { 'x-match': 'all' },
  { 'x-match': 'all', 'x-tenant': 'acme', kind: 'pdf' },
  { 'x-match': 'any', urgent: true },
]
const HEADERS = [{}, { kind: 'pdf' }, { kind: 'pdf', pages: 3 }, { kind: 'pdf', pages: 4 }, { urgent: true }, { urgent: false }, { pages: 3, 'x-tenant': 'other' }]

let client
let channel

before(async () => {
  await api('DELETE', at('vhosts', VHOST))
  await api('PUT', at('vhosts', VHOST), {})
  await api('PUT', at('permissions', VHOST, USER), { configure: '.*', write: '.*', read: '.*' })
  client = await connect('routing', VHOST)
  channel = await client.createConfirmChannel()
  await channel.assertExchange('nets', 'fanout')
  await channel.assertExchange('topics', 'topic', { alternateExchange: 'nets' })
  await channel.assertExchange('narrow', 'direct', { alternateExchange: 'nets' })
  await channel.assertExchange('papers', 'headers')
  await channel.assertExchange('front', 'direct')
  await channel.bindExchange('topics', 'front', 'in')
  await channel.bindExchange('front', 'topics', 'loop.#')
  const bind = async (name, exchange, key, args) => {
    await channel.assertQueue(name)
    await channel.bindQueue(name, exchange, key, args)
  }
  for (const pattern of PATTERNS) await bind(`topic ${pattern}`, 'topics', pattern)
  for (const [index, args] of MATCHES.entries()) await bind(`headers ${index}`, 'papers', '', args)
  await bind('net', 'nets', '')
  await bind('direct', 'front', 'a.b')
})

after(async () => {
  await client.close()
  await api('DELETE', at('vhosts', VHOST))
})

/** Publishes, and sees which queues have it. */
async function arrivals(exchange, key, headers) {
  const { value: queues } = await api('GET', `${at('queues', VHOST)}?columns=name`)
  channel.publish(exchange, key, Buffer.from('x'), { headers })
  await channel.waitForConfirms()
  const found = await Promise.all(queues.map(async ({ name }) => ({ name, count: (await channel.purgeQueue(name)).messageCount })))
  return found.filter(({ count }) => count > 0).map(({ name }) => name).sort()
}

async function check(exchange, key, headers = {}) {
  const [{ value: exchanges }, { value: bindings }] = await Promise.all([
    api('GET', at('exchanges', VHOST)),
    api('GET', at('bindings', VHOST)),
  ])
  const { queues } = follow({ start: exchange, key, headers, exchanges, bindings })
  const where = `${exchange} ${key} ${JSON.stringify(headers)}`
  const arrived = await arrivals(exchange, key, headers)
  assert.deepEqual(queues.sort(), arrived, where)
  // A broker that explains says the same.
  if (!('unroutable' in exchanges[0])) return
  const path = `${at('exchanges', VHOST, exchange === '' ? 'amq.default' : exchange)}/explain`
  const { value } = await api('POST', path, { routing_key: key, headers })
  assert.deepEqual(value.queues.map(({ name }) => name).sort(), arrived, where)
}

test('topics', async () => {
  for (const key of [...KEYS, 'loop.in']) await check('topics', key)
})

test('headers', async () => {
  for (const headers of HEADERS) await check('papers', '', headers)
})

test('direct, through another exchange, by an alternate one, and by CC', async () => {
  await check('front', 'a.b')
  await check('front', 'in')
  await check('narrow', 'nothing.like.it')
  await check('front', 'nowhere', { CC: ['a.b'] })
  await check('', 'net')
})

test('each pattern against each key, as a slow matcher has it', () => {
  const slow = ([part, ...parts], words) => {
    if (part === undefined) return words.length === 0
    if (part === '#') return slow(parts, words) || (words.length > 0 && slow([part, ...parts], words.slice(1)))
    return words.length > 0 && (part === '*' || part === words[0]) && slow(parts, words.slice(1))
  }
  const words = (key) => (key === '' ? [] : key.split('.'))
  for (const pattern of PATTERNS) {
    for (const key of KEYS) {
      assert.equal(topicMatches(pattern, key), slow(words(pattern), words(key)), `${pattern} ${key}`)
    }
  }
})

test('a header that only has to be there', () => {
  assert.equal(headersMatch({ 'x-match': 'all', kind: null }, { kind: 'any' }), true)
  assert.equal(headersMatch({ 'x-match': 'all', kind: null }, {}), false)
  assert.equal(headersMatch({ 'x-match': 'all-with-x', 'x-a': 1 }, { 'x-a': 2 }), false)
})
