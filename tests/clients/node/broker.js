// Starts the broker under test: the binary named by PILLARBOX_BIN, or with BROKER=rabbitmq a private RabbitMQ.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));
const IS_RABBITMQ = process.env.BROKER === 'rabbitmq';
/** Our binary. */
export const PILLARBOX = process.env.PILLARBOX_BIN || fromHere('../../../target/release/pillarbox');
const BROKER = IS_RABBITMQ ? fromHere('../rabbitmq.sh') : PILLARBOX;

/** A new folder for the data of a broker, which is gone when the tests are. */
function newFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'pillarbox-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Resolves once the broker listens. `stop()` ends it as an operator would, `kill()` where it stands; a `port` of 0 takes
 * any free one, and without a `dataDir` it begins empty. With `settings`, a file, it is always Pillarbox, which alone has
 * such a file, and it listens for TLS too: then `hangUp()` has it read its certificates again.
 */
export async function startBroker({ port = 0, dataDir = newFolder(), settings } = {}) {
  const options = ['--port', String(port), '--management-port', '0', '--data-dir', dataDir];
  if (settings) options.push('--config', settings);
  const process_ = spawn(settings ? PILLARBOX : BROKER, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(process_, 'exit');
  const end = async (signal) => {
    // RabbitMQ's process is a script, which takes its broker along unless it is killed; but it ends with its broker.
    if (IS_RABBITMQ && signal === 'SIGKILL') process.kill(Number(readFileSync(join(dataDir, 'pid'))), signal);
    else process_.kill(signal);
    await exited;
  };
  const ports = [];
  for await (const line of createInterface({ input: process_.stdout })) {
    const listening = /listening on \S+:(\d+)/.exec(line);
    if (listening) ports.push(Number(listening[1]));
    if (ports.length < (settings ? 2 : 1)) continue;
    process_.stdout.resume();
    return {
      port: ports[0],
      tlsPort: ports[1],
      url: `amqp://guest:guest@127.0.0.1:${ports[0]}`,
      dataDir,
      stop: () => end('SIGTERM'),
      kill: () => end('SIGKILL'),
      hangUp: () => process_.kill('SIGHUP'),
    };
  }
  throw new Error(`${BROKER} ended before it listened`);
}
