// RabbitMQ's tutorials 1–7 and the reconnecting of rabbitmq-client.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { Connection, ConsumerStatus } from 'rabbitmq-client';

import { startBroker } from './broker.js';
import { Inbox } from './inbox.js';

const timeout = 60_000;
const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
const bodies = (messages) => messages.map((message) => message.body);

let broker, rabbit, open;

function connect(options = {}) {
  const connection = new Connection({ url: broker.url, ...options });
  connection.on('error', () => {}); // It reconnects by itself; without a listener it would end the process.
  return connection;
}

/** Starts a consumer and resolves when it consumes; the end of the test closes it. */
async function consume(props, handler) {
  const consumer = rabbit.createConsumer(props, handler);
  open.push(consumer);
  await new Promise((resolve, reject) => consumer.once('ready', resolve).once('error', reject));
  return consumer;
}

function publisher(props) {
  const created = rabbit.createPublisher({ confirm: true, ...props });
  open.push(created);
  return created;
}

before(async () => {
  broker = await startBroker();
});
after(() => broker.stop());

beforeEach(() => {
  open = [];
  rabbit = connect();
});
afterEach(async () => {
  for (const user of open) await user.close();
  await rabbit.close();
});

test('tutorial 1: hello world', { timeout }, async () => {
  const inbox = new Inbox();
  await publisher({ queues: [{ queue: 'hello', ...quorum }] }).send('hello', 'Hello World!');
  await consume({ queue: 'hello', queueOptions: quorum, noAck: true }, inbox.put);
  assert.equal((await inbox.next()).body, 'Hello World!');
});

test('tutorial 2: a task whose worker fails is done again', { timeout }, async () => {
  const attempts = new Inbox();
  const worker = { queue: 'task_queue', queueOptions: quorum, qos: { prefetchCount: 1 } };
  let failed = false;
  await consume(worker, (task) => {
    attempts.put([task.body.number, task.redelivered]);
    if (failed) return ConsumerStatus.ACK;
    failed = true;
    return ConsumerStatus.REQUEUE;
  });
  const tasks = publisher();
  await tasks.send({ routingKey: 'task_queue', durable: true }, { number: 1 });
  await tasks.send({ routingKey: 'task_queue', durable: true }, { number: 2 });
  assert.deepEqual((await attempts.take(3)).sort(), [[1, false], [1, true], [2, false]]);
});

/** Consumes from a server-named queue of this connection alone, bound with `bindingKeys`. */
async function subscribe(exchange, type, bindingKeys) {
  const inbox = new Inbox();
  await consume(
    {
      exchanges: [{ exchange, type, durable: false }],
      queueOptions: { exclusive: true },
      queueBindings: bindingKeys.map((routingKey) => ({ exchange, routingKey })),
      noAck: true,
    },
    inbox.put,
  );
  return inbox;
}

test('tutorial 3: publish/subscribe', { timeout }, async () => {
  const inboxes = [await subscribe('logs', 'fanout', ['']), await subscribe('logs', 'fanout', [''])];
  await publisher().send({ exchange: 'logs' }, 'info: for everyone');
  for (const inbox of inboxes) assert.equal((await inbox.next()).body, 'info: for everyone');
});

test('tutorial 4: routing', { timeout }, async () => {
  const errors = await subscribe('direct_logs', 'direct', ['error']);
  const everything = await subscribe('direct_logs', 'direct', ['info', 'warning', 'error']);
  const logs = publisher();
  for (const severity of ['info', 'error', 'debug', 'warning']) {
    await logs.send({ exchange: 'direct_logs', routingKey: severity }, severity);
  }
  assert.deepEqual(bodies(await everything.take(3)), ['info', 'error', 'warning']);
  assert.equal((await errors.next()).body, 'error');
  assert.equal(errors.length, 0);
});

test('tutorial 5: topics', { timeout }, async () => {
  const all = await subscribe('topic_logs', 'topic', ['#']);
  const kernel = await subscribe('topic_logs', 'topic', ['kern.*', '*.critical']);
  const logs = publisher();
  const keys = ['kern.critical', 'kern', 'cron.critical', 'kern.a.b', 'kern.warning'];
  for (const routingKey of keys) await logs.send({ exchange: 'topic_logs', routingKey }, routingKey);
  assert.deepEqual(bodies(await all.take(5)), keys);
  assert.deepEqual(bodies(await kernel.take(3)), ['kern.critical', 'cron.critical', 'kern.warning']);
});

test('tutorial 6: RPC', { timeout }, async () => {
  const fibonacci = (n) => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));
  await consume(
    { queue: 'rpc_queue', queueOptions: quorum, qos: { prefetchCount: 1 } },
    (request, reply) => reply(fibonacci(request.body)),
  );
  const client = rabbit.createRPCClient({ confirm: true });
  open.push(client);
  const replies = await Promise.all([0, 10, 20].map((n) => client.send('rpc_queue', n)));
  assert.deepEqual(bodies(replies), [0, 55, 6765]);
});

test('tutorial 7: publisher confirms', { timeout }, async () => {
  const { queue } = await rabbit.queueDeclare({ queue: 'confirmed', durable: true });
  const confirmed = publisher();
  for (let i = 0; i < 100; i += 1) await confirmed.send(queue, `${i}`);
  await Promise.all(Array.from({ length: 5_000 }, (_, i) => confirmed.send(queue, `${i}`)));
  assert.equal((await rabbit.queueDeclare({ queue, passive: true })).messageCount, 5_100);
  assert.equal((await rabbit.queueDelete(queue)).messageCount, 5_100);
});

test('an unroutable mandatory message is returned', { timeout }, async () => {
  const returned = new Inbox();
  const sender = publisher();
  sender.on('basic.return', returned.put);
  await sender.send({ routingKey: 'nobody', mandatory: true }, '?');
  const { replyCode, replyText } = await returned.next();
  assert.deepEqual([replyCode, replyText], [312, 'NO_ROUTE']);
});

test('a dropped message is dead-lettered with its history', { timeout }, async () => {
  const dead = new Inbox();
  await consume({ queue: 'dead', queueOptions: { durable: true } }, (message) => dead.put(message));
  const letters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
  const queueOptions = { durable: true, arguments: letters };
  await consume({ queue: 'living', queueOptions }, () => ConsumerStatus.DROP);
  await publisher().send('living', 'farewell');
  const { body, headers } = await dead.next();
  assert.equal(body, 'farewell');
  const [{ count, queue, reason }] = headers['x-death'];
  assert.deepEqual([count, queue, reason], [1, 'living', 'rejected']);
});

test('reconnect: consumer and publisher go on after a restart of the broker', { timeout }, async () => {
  const inbox = new Inbox();
  const first = await startBroker();
  const connection = connect({ url: first.url, retryLow: 50, retryHigh: 500 });
  const consumer = connection.createConsumer(
    { queue: 'recovered', queueOptions: { durable: true } },
    (message) => inbox.put(message),
  );
  consumer.on('error', () => {});
  await new Promise((resolve) => consumer.once('ready', resolve));
  const sender = connection.createPublisher({ confirm: true, maxAttempts: 20 });
  await sender.send('recovered', 'before');
  assert.equal((await inbox.next()).body, 'before');

  const ready = new Promise((resolve) => consumer.once('ready', resolve));
  await first.stop();
  const second = await startBroker({ port: first.port });
  await ready;
  await sender.send('recovered', 'after');
  assert.equal((await inbox.next()).body, 'after');
  await sender.close();
  await consumer.close();
  await connection.close();
  await second.stop();
});
