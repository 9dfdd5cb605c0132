import { installPackages } from '../support/packages.ts';
import { startProduction } from '../support/production.ts';
import { adminToken } from '../support/production-settings.ts';
import { type Program, pollUntil } from '../support/program.ts';
import { startWireVendor } from '../support/wire-vendor.ts';

const packages = installPackages('patchbay-wire-channel');
const operator = { authorization: `Bearer ${adminToken}` };
/** The lease, a pass, and the time to bind. */
const takeoverLimitMs = 15_000;

/** Two processes on one database, and a vendor whose session one of them holds. */
async function startTwo() {
  const wire = await startWireVendor();
  const world = await startProduction();
  const first = await world.start(packages);
  await world.setUpLocation(first);
  const response = await fetch(`${first.url}/api/locations/${world.location.id}/channels/sms`, {
    method: 'PUT',
    headers: { ...operator, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'wire', config: { port: wire.port, key: wire.key } }),
  });
  expect(response.status).toBe(200);
  await pollUntil(() => wire.countSessions() === 1, 'the first process has opened the session');
  const second = await world.startAnother(packages);
  return {
    wire,
    world,
    first,
    second,
    async send(from: number, count: number): Promise<void> {
      const sent = await Promise.all(Array.from({ length: count }, (_, index) => world.sendMessage(from + index)));
      expect(sent.every(({ httpStatus }) => httpStatus === 202)).toBe(true);
    },
    /** Texts that have reached the vendor, a contact's in their order. */
    listTexts: () => wire.listSends().map(({ text }) => text),
    async [Symbol.asyncDispose]() {
      for (const program of [first, second] as Program[]) await program[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
      await wire.close();
    },
  };
}

test('after kill -9 of the owner the other process takes the session within seconds; nothing is lost or doubled', async () => {
  await using test = await startTwo();
  const { wire, world } = test;
  await test.send(0, 10);
  await pollUntil(() => wire.listSends().length === 10, 'the first messages are sent');
  // The vendor accepts messages and withholds its responses: these are in flight when their process dies.
  wire.fallSilent(true);
  await test.send(10, 5);
  await pollUntil(() => wire.listSends().length === 15, 'messages are in flight');
  await test.first.end('SIGKILL');
  const killedAt = performance.now();
  wire.fallSilent(false);
  await pollUntil(() => wire.getSessionNumber() === 2, 'the second process has opened the session');
  expect(performance.now() - killedAt).toBeLessThan(takeoverLimitMs);
  wire.push({
    kind: 'inbound',
    inbound: { externalId: 'in-1', from: '+12025551000', text: 'hi', attachments: [], sentExternally: false },
  });
  await pollUntil(() => wire.acknowledged.length === 1, 'a reply is stored and acknowledged');
  await pollUntil(() => test.second.output().includes('a worker is dead'), 'the jobs of the dead process are reassigned');
  const isReported = async () => {
    const response = await fetch(`${test.second.url}/api/locations/${world.location.id}/messages?limit=100`, {
      headers: operator,
    });
    const { items } = (await response.json()) as { items: { externalId: string | null; direction: string }[] };
    return items.filter(({ direction, externalId }) => direction === 'outbound' && externalId).length === 15;
  };
  await pollUntil(isReported, 'the messages in flight are sent again, and the vendor recognises them');
  await test.second.end('SIGTERM');
  expect(wire.countSessions()).toBe(0);
  expect(wire.getMaxSessions()).toBe(1);
  expect(new Set(test.listTexts()).size).toBe(15);
  expect(test.listTexts()).toHaveLength(15);
});

test('SIGTERM of the owner passes the session on at once', async () => {
  await using test = await startTwo();
  const { wire } = test;
  const stoppedAt = performance.now();
  expect(await test.first.end('SIGTERM')).toBe(0);
  await pollUntil(() => wire.getSessionNumber() === 2, 'the second process has opened the session');
  expect(performance.now() - stoppedAt).toBeLessThan(8_000);
  expect(wire.getMaxSessions()).toBe(1);
});
