// The broker under test: one that the environment names, or one that is started for this process and ends with it.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const BINARY = process.env.PILLARBOX_BIN || fileURLToPath(new URL('../../target/release/pillarbox', import.meta.url))

/** `{ managementUrl, amqpUrl }` */
export async function findBroker() {
  const { MANAGEMENT_URL: managementUrl, AMQP_URL: amqpUrl } = process.env
  if (managementUrl && amqpUrl) return { managementUrl, amqpUrl }
  if (managementUrl || amqpUrl) throw new Error('MANAGEMENT_URL and AMQP_URL belong together')
  return start()
}

async function start() {
  const folder = mkdtempSync(path.join(tmpdir(), 'pillarbox-page-'))
  const broker = spawn(BINARY, ['--port', '0', '--data-dir', folder], { stdio: ['ignore', 'pipe', 'ignore'] })
  process.on('exit', () => {
    broker.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const addresses = {}
  for await (const line of createInterface({ input: broker.stdout })) {
    const [, what, address] = /^(management|metrics|listening) on (\S+)$/.exec(line) ?? []
    if (what) addresses[what] ??= address
    // The lines for AMQP are the last ones.
    if (what === 'listening') break
  }
  if (!addresses.listening || !addresses.management) throw new Error(`${BINARY} ended before it listened`)
  // It does not keep this process from ending.
  broker.stdout.resume()
  broker.stdout.unref()
  broker.unref()
  return {
    managementUrl: `http://guest:guest@${addresses.management}`,
    amqpUrl: `amqp://guest:guest@${addresses.listening}`,
  }
}
