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
const BROKER =
  IS_RABBITMQ
    ? fromHere('../rabbitmq.sh')
    : process.env.PILLARBOX_BIN || fromHere('../../../target/release/pillarbox');

/** A new folder for the data of a broker, which is gone when the tests are. */
function newFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'pillarbox-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Resolves once the broker listens. `stop()` ends it as an operator would, `kill()` where it stands; a `port` of 0 takes
 * any free one, and without a `dataDir` it begins empty.
 */
export async function startBroker({ port = 0, dataDir = newFolder() } = {}) {
  const options = ['--port', String(port), '--management-port', '0', '--data-dir', dataDir];
  const process_ = spawn(BROKER, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(process_, 'exit');
  const end = async (signal) => {
    // RabbitMQ's process is a script, which takes its broker along unless it is killed; but it ends with its broker.
    if (IS_RABBITMQ && signal === 'SIGKILL') process.kill(Number(readFileSync(join(dataDir, 'pid'))), signal);
    else process_.kill(signal);
    await exited;
  };
  for await (const line of createInterface({ input: process_.stdout })) {
    const listening = /listening on \S+:(\d+)/.exec(line);
    if (!listening) continue;
    process_.stdout.resume();
    return {
      port: Number(listening[1]),
      url: `amqp://guest:guest@127.0.0.1:${listening[1]}`,
      dataDir,
      stop: () => end('SIGTERM'),
      kill: () => end('SIGKILL'),
    };
  }
  throw new Error(`${BROKER} ended before it listened`);
}
