// RabbitMQ's tutorials 1–7 and what else an application leans on, through amqplib.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import amqp from 'amqplib';

import { startBroker } from './broker.js';
import { Inbox } from './inbox.js';

const timeout = 60_000;
const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
const text = (message) => message.content.toString();

let broker, sender, receiver;

before(async () => {
  broker = await startBroker();
});
after(() => broker.stop());

beforeEach(async () => {
  [sender, receiver] = await Promise.all([amqp.connect(broker.url), amqp.connect(broker.url)]);
});
afterEach(() => Promise.all([sender.close(), receiver.close()]));

test('tutorial 1: hello world', { timeout }, async () => {
  const inbox = new Inbox();
  const output = await sender.createChannel();
  await output.assertQueue('hello', quorum);
  output.sendToQueue('hello', Buffer.from('Hello World!'));
  await output.close();

  const input = await receiver.createChannel();
  await input.assertQueue('hello', quorum);
  await input.consume('hello', inbox.put, { noAck: true });
  const message = await inbox.next();
  assert.equal(text(message), 'Hello World!');
  assert.deepEqual(
    [message.fields.exchange, message.fields.routingKey, message.fields.redelivered],
    ['', 'hello', false],
  );
});

test('tutorial 2: work queues share fairly and get an unacked task back', { timeout }, async () => {
  const tasks = await sender.createChannel();
  await tasks.assertQueue('task_queue', quorum);
  const startWorker = async (connection) => {
    const inbox = new Inbox();
    const channel = await connection.createChannel();
    await channel.prefetch(1);
    await channel.consume('task_queue', inbox.put);
    return { channel, inbox };
  };
  const leaving = await startWorker(receiver);
  const other = await amqp.connect(broker.url);
  const staying = await startWorker(other);

  for (const task of ['first', 'second', 'third']) {
    tasks.sendToQueue('task_queue', Buffer.from(task), { persistent: true });
  }
  const lost = await leaving.inbox.next();
  const kept = await staying.inbox.next();
  assert.deepEqual([text(lost), text(kept)].sort(), ['first', 'second']);
  await leaving.channel.close(); // Without an ack: the task goes to the other worker.
  staying.channel.ack(kept);

  const rest = [];
  for (let count = 0; count < 2; count += 1) {
    const task = await staying.inbox.next();
    assert.equal(staying.inbox.length, 0, 'one task at a time');
    rest.push([text(task), task.fields.redelivered]);
    staying.channel.ack(task);
  }
  assert.deepEqual(rest, [[text(lost), true], ['third', false]]);
  await other.close();
});

/** Declares a server-named queue for this connection alone, binds it and consumes from it. */
async function subscribe(exchange, bindingKeys) {
  const inbox = new Inbox();
  const channel = await receiver.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  assert.match(queue, /^amq\.gen-[\w-]{22}$/);
  for (const key of bindingKeys) await channel.bindQueue(queue, exchange, key);
  await channel.consume(queue, inbox.put, { noAck: true });
  return inbox;
}

test('tutorial 3: publish/subscribe', { timeout }, async () => {
  const channel = await sender.createChannel();
  await channel.assertExchange('logs', 'fanout', { durable: false });
  const inboxes = [await subscribe('logs', ['']), await subscribe('logs', [''])];
  channel.publish('logs', '', Buffer.from('info: for everyone'));
  for (const inbox of inboxes) assert.equal(text(await inbox.next()), 'info: for everyone');
});

test('tutorial 4: routing', { timeout }, async () => {
  const channel = await sender.createChannel();
  await channel.assertExchange('direct_logs', 'direct', { durable: false });
  const errors = await subscribe('direct_logs', ['error']);
  const everything = await subscribe('direct_logs', ['info', 'warning', 'error']);
  for (const severity of ['info', 'error', 'debug', 'warning']) {
    channel.publish('direct_logs', severity, Buffer.from(severity));
  }
  assert.deepEqual((await everything.take(3)).map(text), ['info', 'error', 'warning']);
  assert.equal(text(await errors.next()), 'error');
  assert.equal(errors.length, 0);
});

test('tutorial 5: topics', { timeout }, async () => {
  const channel = await sender.createChannel();
  await channel.assertExchange('topic_logs', 'topic', { durable: false });
  const all = await subscribe('topic_logs', ['#']);
  const kernel = await subscribe('topic_logs', ['kern.*', '*.critical']);
  const keys = ['kern.critical', 'kern', 'cron.critical', 'kern.a.b', 'kern.warning'];
  for (const key of keys) channel.publish('topic_logs', key, Buffer.from(key));
  assert.deepEqual((await all.take(5)).map(text), keys);
  assert.deepEqual(
    (await kernel.take(3)).map(text),
    ['kern.critical', 'cron.critical', 'kern.warning'],
  );
  assert.equal(kernel.length, 0, 'a message matching two bindings arrives once');
});

test('tutorial 6: RPC over direct reply-to', { timeout }, async () => {
  const fibonacci = (n) => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));
  const server = await receiver.createChannel();
  await server.assertQueue('rpc_queue', quorum);
  await server.prefetch(1);
  await server.consume('rpc_queue', (request) => {
    assert.match(request.properties.replyTo, /^amq\.rabbitmq\.reply-to\../);
    const { replyTo, correlationId } = request.properties;
    server.sendToQueue(replyTo, Buffer.from(`${fibonacci(Number(text(request)))}`), { correlationId });
    server.ack(request);
  });

  const inbox = new Inbox();
  const client = await sender.createChannel();
  await client.consume('amq.rabbitmq.reply-to', inbox.put, { noAck: true });
  for (const [n, expected] of [[0, '0'], [10, '55'], [20, '6765']]) {
    const correlationId = randomUUID();
    const replyTo = 'amq.rabbitmq.reply-to';
    client.sendToQueue('rpc_queue', Buffer.from(`${n}`), { correlationId, replyTo });
    const reply = await inbox.next();
    assert.deepEqual([text(reply), reply.properties.correlationId], [expected, correlationId]);
  }
});

test('tutorial 7: publisher confirms, one by one, in batches and as they come', { timeout }, async () => {
  const channel = await sender.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (let i = 0; i < 100; i += 1) {
    channel.sendToQueue(queue, Buffer.from(`${i}`));
    await channel.waitForConfirms();
  }
  for (let i = 100; i < 5_000; i += 1) {
    channel.sendToQueue(queue, Buffer.from(`${i}`));
    if (i % 100 === 99) await channel.waitForConfirms();
  }
  let confirmed = 0;
  for (let i = 5_000; i < 10_000; i += 1) {
    channel.sendToQueue(queue, Buffer.from(`${i}`), {}, (refused) => {
      assert.equal(refused, null);
      confirmed += 1;
    });
  }
  await channel.waitForConfirms();
  assert.equal(confirmed, 5_000);
  assert.equal((await channel.checkQueue(queue)).messageCount, 10_000);
});

test('an unroutable mandatory message is returned before it is confirmed', { timeout }, async () => {
  const events = [];
  const channel = await sender.createConfirmChannel();
  channel.on('return', ({ fields }) => events.push(`${fields.replyCode} ${fields.replyText}`));
  channel.sendToQueue('nobody', Buffer.from('?'), { mandatory: true }, () => events.push('confirmed'));
  await channel.waitForConfirms();
  assert.deepEqual(events, ['312 NO_ROUTE', 'confirmed']);
});

test('properties, headers and large bodies come back as they were sent', { timeout }, async () => {
  const inbox = new Inbox();
  const channel = await sender.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.consume(queue, inbox.put, { noAck: true });
  const body = Buffer.alloc(1_000_000, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
  const properties = {
    contentType: 'application/octet-stream',
    contentEncoding: 'identity',
    headers: { text: 'grüße', yes: true, list: [1, 'two', null], nested: { deep: { deeper: 2 ** 40 } } },
    deliveryMode: 2,
    priority: 7,
    correlationId: 'c',
    expiration: '60000',
    messageId: 'm',
    timestamp: 1_700_000_000,
    type: 'blob',
    userId: 'guest',
    appId: 'tests',
  };
  channel.sendToQueue(queue, body, properties);
  const message = await inbox.next();
  assert.ok(message.content.equals(body));
  for (const [name, value] of Object.entries(properties)) {
    assert.deepEqual(message.properties[name], value, name);
  }
});

test('a refused declaration closes its channel and says why', { timeout }, async () => {
  const channel = await sender.createChannel();
  const closed = once(channel, 'error');
  await assert.rejects(channel.checkQueue('missing'), /NOT_FOUND - no queue 'missing' in vhost '\/'/);
  assert.equal((await closed)[0].code, 404);
  await (await sender.createChannel()).close(); // The connection lives on.
});

test('a consumer hears that its queue was deleted', { timeout }, async () => {
  const inbox = new Inbox();
  const channel = await receiver.createChannel();
  await channel.assertQueue('doomed', { durable: false, autoDelete: true });
  await channel.consume('doomed', inbox.put);
  await (await sender.createChannel()).deleteQueue('doomed');
  assert.equal(await inbox.next(), null);
});

test('a queue declared again gets what a publisher of the deleted one sends', { timeout }, async () => {
  const publishing = await sender.createConfirmChannel();
  const other = await receiver.createChannel();
  for (const round of ['first', 'second']) {
    await other.assertQueue('again', { durable: false, autoDelete: true });
    publishing.sendToQueue('again', Buffer.from(round));
    await publishing.waitForConfirms();
    assert.equal(text(await other.get('again', { noAck: true })), round);
    await other.deleteQueue('again');
  }
});

for (const end of ['stop', 'kill']) {
  test(`recovery: consuming goes on after the ${end} of the broker`, { timeout }, async (t) => {
    const inbox = new Inbox();
    const first = await startBroker();
    t.after(first.kill);
    let input;
    const connection = await amqp.connect(first.url, {
      recovery: {
        initialDelay: 50,
        maxDelay: 500,
        setup: async (model) => {
          input = await model.createChannel();
          await input.prefetch(2);
          await input.assertQueue('recovered', { durable: true });
          await input.consume('recovered', inbox.put);
        },
      },
    });
    const send = async (...bodies) => {
      const other = await amqp.connect(first.url);
      const channel = await other.createConfirmChannel();
      for (const body of bodies) channel.sendToQueue('recovered', Buffer.from(body), { persistent: true });
      await channel.waitForConfirms();
      await other.close();
    };
    connection.on('error', () => {}); // It reconnects by itself; without a listener it would end the process.
    await send('acked', 'held', 'held too', 'waiting', 'waiting too');
    input.ack(await inbox.next());
    assert.deepEqual((await inbox.take(2)).map(text), ['held', 'held too']);
    await send('last'); // Confirmed after the ack had come, so that the ack lasts, too.

    const reconnected = new Promise((resolve) => connection.once('connect', resolve));
    await first[end]();
    const second = await startBroker({ port: first.port, dataDir: first.dataDir });
    t.after(second.kill);
    await reconnected;
    for (const body of ['held', 'held too', 'waiting', 'waiting too', 'last']) {
      const message = await inbox.next();
      assert.equal(text(message), body);
      if (body.startsWith('held')) assert.equal(message.fields.redelivered, true);
      input.ack(message);
    }
    await send('after');
    assert.equal(text(await inbox.next()), 'after');
    await connection.close();
    await second.stop();
  });
}
