// TLS through amqplib: certificates that are right and wrong, logins by them, replacing them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import amqp from 'amqplib';

import { PILLARBOX, startBroker } from './broker.js';

const timeout = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'pillarbox-tls-'));

const USERS = `
[[users]]
name = "guest"
password = "guest"
permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
[[users]]
name = "anna"
password = ""
permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
`;

/** Certificates as `pillarbox tls self-signed` makes them, with one for the client `anna`. */
class Certificates {
  constructor(name, ...options) {
    this.folder = join(folder, name);
    const args = ['tls', 'self-signed', '--client', 'anna', '--dir', this.folder, ...options];
    this.settings = execFileSync(PILLARBOX, args, { encoding: 'utf8' }).split('\n\n')[0];
  }

  read(file) {
    return readFileSync(join(this.folder, file));
  }

  /** Settings for a broker with these, on a free port. */
  settingsFile() {
    const file = join(this.folder, 'broker.toml');
    writeFileSync(file, this.settings.replace('127.0.0.1:5671', '127.0.0.1:0') + USERS);
    return file;
  }

  /** What a client trusts that knows this CA, and what it shows if it has a certificate of `own`. */
  options(own) {
    const trusted = { ca: [this.read('ca.pem')], servername: 'localhost' };
    if (!own) return trusted;
    return { ...trusted, cert: own.read('client-anna.pem'), key: own.read('client-anna-key.pem') };
  }
}

const connect = (broker, options, login = 'guest:guest@') =>
  amqp.connect(`amqps://${login}localhost:${broker.tlsPort}`, options);
const external = { credentials: amqp.credentials.external() };

let right, foreign, broker;

before(async () => {
  right = new Certificates('right');
  foreign = new Certificates('foreign');
  broker = await startBroker({ settings: right.settingsFile() });
});
after(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
});

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  test(`messages of every size under ${version}`, { timeout }, async () => {
    const options = { ...right.options(), minVersion: version, maxVersion: version };
    const connection = await connect(broker, options);
    const channel = await connection.createConfirmChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const bodies = [0, 1, 5_000, 20_000, 200_000, 3_000_000].map((size) => Buffer.alloc(size, size % 251));
    for (const body of bodies) channel.sendToQueue(queue, body);
    await channel.waitForConfirms();
    for (const body of bodies) {
      const message = await channel.get(queue, { noAck: true });
      assert.ok(body.equals(message.content), `${body.length} octets`);
    }
    await connection.close();
  });
}

test('a CA that the client does not know', { timeout }, async () => {
  const refused = connect(broker, foreign.options());
  await assert.rejects(refused, { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
});

for (const [name, options, code] of [
  ['expired', ['--days', '0'], 'CERT_HAS_EXPIRED'],
  ['elsewhere', ['--host', 'elsewhere.example.org'], 'ERR_TLS_CERT_ALTNAME_INVALID'],
]) {
  test(`a broker whose certificate is wrong: ${name}`, { timeout }, async () => {
    const wrong = new Certificates(name, ...options);
    const other = await startBroker({ settings: wrong.settingsFile() });
    try {
      await assert.rejects(connect(other, wrong.options()), { code });
    } finally {
      await other.stop();
    }
  });
}

test('a login by a certificate', { timeout }, async () => {
  const connection = await connect(broker, { ...right.options(right), ...external }, '');
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  channel.sendToQueue(queue, Buffer.from('it is me'), { userId: 'anna' });
  await channel.checkQueue(queue); // A user id that is not the user's own would have closed the channel.
  await connection.close();
});

test('no login by a certificate that is missing, or of another CA', { timeout }, async () => {
  await assert.rejects(connect(broker, { ...right.options(), ...external }, ''));
  await assert.rejects(connect(broker, { ...right.options(foreign), ...external }, ''));
});

test('a certificate that is replaced', { timeout }, async () => {
  const first = new Certificates('first');
  const other = await startBroker({ settings: first.settingsFile() });
  try {
    const old = await connect(other, first.options());
    for (const file of ['server.pem', 'server-key.pem']) {
      copyFileSync(join(foreign.folder, file), join(first.folder, file));
    }
    other.hangUp();
    const giveUp = Date.now() + timeout / 2;
    for (;;) {
      try {
        await (await connect(other, foreign.options())).close();
        break;
      } catch (error) {
        assert.ok(Date.now() < giveUp, error);
        await sleep(50);
      }
    }
    await (await old.createChannel()).assertQueue('', { exclusive: true });
    await old.close();
  } finally {
    await other.stop();
  }
});
