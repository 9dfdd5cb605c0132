import { randomBytes } from 'node:crypto';
import { systemRandom } from '../../src/core/ids.ts';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { reencryptAll } from '../../src/installations/reencrypt.ts';
import { recordEvent } from '../../src/outbox/record-events.ts';
import { claimWebhooks } from '../../src/outbox/webhook-claims.ts';
import { openSigningSecrets } from '../../src/outbox/webhook-endpoints.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';
import { startWorld } from '../support/world.ts';

test('what a killed process has claimed is sent by another one; a transaction that is rolled back leaves no event', async () => {
  await using world = await startWorld({ isIdle: true });
  await using receiver = await startWebhookReceiver();
  const { id: locationId } = await world.install();
  const { body } = await world.api
    .post(`/locations/${locationId}/webhooks`, { url: receiver.url, eventTypes: ['channel.held'] })
    .expect(200);
  const event = { kind: 'channel_held', locationId, connectionId: null, facts: {} } as const;
  const now = () => new Date(world.clock.now());
  const rolledBack = world.services.db.transaction(async (tx) => {
    await recordEvent(tx, event, now());
    throw new Error('rolled back');
  });
  await expect(rolledBack).rejects.toThrow('rolled back');
  expect(await world.db.webhookEvent.count()).toBe(0);

  await world.services.db.transaction((tx) => recordEvent(tx, event, now()));
  expect(await claimWebhooks(world.services, body.id, 10)).toHaveLength(1);
  const { sendDueWebhooks } = world.services.outgoingWebhooks;
  await sendDueWebhooks();
  expect(await claimWebhooks(world.services, body.id, 10)).toEqual([]);
  world.clock.jump(2 * 60_000);
  await sendDueWebhooks();
  await world.waitFor(async () => (await world.db.webhookEvent.count({ where: { outcome: 'delivered' } })) === 1);
  expect(receiver.listTypes()).toEqual(['channel.held']);
});

test('a rotation of the encryption keys seals the signing secrets of endpoints again', async () => {
  const [older, newer] = [randomBytes(32), randomBytes(32)];
  await using world = await startWorld({ isIdle: true, services: { encryptionKeys: [older] } });
  const { id: locationId } = await world.install();
  const input = { url: world.vendor.url, eventTypes: ['message.read'] };
  const { body: first } = await world.api.post(`/locations/${locationId}/webhooks`, input).expect(200);
  const path = `/locations/${locationId}/webhooks/${first.id}`;
  const { body: second } = await world.api.put(path, { ...input, rotateSecret: true }).expect(200);
  const both = createSecretBox([newer, older], systemRandom);
  const { unreadable } = await reencryptAll({ db: world.services.db, box: both }, () => {});
  expect(unreadable).toEqual([]);
  const row = await world.db.webhookEndpoint.findFirstOrThrow();
  const secrets = openSigningSecrets(createSecretBox([newer], systemRandom), row, new Date(world.clock.now()));
  expect(secrets).toEqual([second.secret, first.secret]);
});
