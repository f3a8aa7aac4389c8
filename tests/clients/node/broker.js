// Starts the broker under test: the binary named by PILLARBOX_BIN, or with BROKER=rabbitmq a private RabbitMQ.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));
const BROKER =
  process.env.BROKER === 'rabbitmq'
    ? fromHere('../rabbitmq.sh')
    : process.env.PILLARBOX_BIN || fromHere('../../../target/release/pillarbox');

/** Resolves once the broker listens. `stop()` ends it as an operator would; a `port` of 0 takes any free one. */
export async function startBroker({ port = 0 } = {}) {
  const process_ = spawn(BROKER, ['--port', String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(process_, 'exit');
  for await (const line of createInterface({ input: process_.stdout })) {
    const listening = /listening on \S+:(\d+)/.exec(line);
    if (!listening) continue;
    process_.stdout.resume();
    return {
      port: Number(listening[1]),
      url: `amqp://guest:guest@127.0.0.1:${listening[1]}`,
      async stop() {
        process_.kill('SIGTERM');
        await exited;
      },
    };
  }
  throw new Error(`${BROKER} ended before it listened`);
}
