import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { startWorld, type World } from '../support/world.ts';

const idle = { isIdle: true };
const kibibyte = 1024;

/** Sends webhooks without their last byte, each over a connection of its own, with signatures that only look like some. */
async function withhold(world: World, count: number, body: Buffer, headers: readonly string[] = []): Promise<Socket[]> {
  const { hostname, port } = new URL(world.url);
  const lines = ['host: x', `x-ghl-signature: ${'A'.repeat(86)}`, `content-length: ${body.length}`, ...headers];
  const head = ['POST /webhooks/providers/sms HTTP/1.1', ...lines, '', ''].join('\r\n');
  let missingBytes = count * (body.length - 1);
  const { readBody } = world.services;
  world.services.readBody = (request, ...rest) => {
    request.on('data', (chunk) => {
      missingBytes -= chunk.length;
    });
    return readBody(request, ...rest);
  };
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname));
  for (const socket of sockets) {
    socket.on('error', () => {}).resume();
    socket.write(head);
    socket.write(body.subarray(0, -1));
  }
  while (missingBytes > 0) await new Promise((done) => setImmediate(done));
  world.services.readBody = readBody;
  return sockets;
}

async function expectAcknowledged(world: World, prefix: string): Promise<void> {
  for (let n = 0; n < 30; n++) {
    const webhook = { locationId: 'l', messageId: `${prefix}${n}`, type: 'SMS', contactId: 'c', phone: '+12025550143' };
    const body = JSON.stringify({ ...webhook, message: 'x'.repeat(1_500) });
    expect(await world.highlevel.postSigned('/webhooks/providers/sms', body)).toBe(202);
  }
}

test.each([
  ['compressed bodies that expand to 64 MiB', gzipSync, ['content-encoding: gzip']],
  ['bodies of 64 MiB', (body: Buffer) => body, []],
])('webhooks are acknowledged while %s lack their last byte', async (_name, encode, headers) => {
  await using world = await startWorld(idle);
  const create = (size: number) => encode(Buffer.alloc(size * kibibyte));
  const sockets = await withhold(world, 5, create(9_728), headers);
  await expectAcknowledged(world, 'before');
  // With the large ones, these are 64 MiB to the byte.
  sockets.push(...(await withhold(world, 66, create(255), headers)), ...(await withhold(world, 66, create(1), headers)));
  await expectAcknowledged(world, 'after');
  for (const socket of sockets) socket.destroy();
});
