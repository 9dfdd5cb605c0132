import type { SendOutcome } from '../../src/channels/channel.ts';
import { createGatewayChannel } from '../../src/channels/gateway/gateway.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { treatRestore } from '../../src/compose/restore.ts';
import { openDatabase } from '../../src/database/client.ts';
import { markRestored } from '../../src/database/identity.ts';
import { createNonIdempotentChannel } from '../support/non-idempotent-channel.ts';
import { findBackupPrograms } from '../support/restored-dump.ts';
import { storeMessages } from '../support/stored-messages.ts';
import { startWorld } from '../support/world.ts';

test('a dump that is restored on another database is recognised once, and what waits in it is doubted', async () => {
  const backups = findBackupPrograms();
  if (backups === null) return;
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.setUpLocation();
  const at = world.clock.now();
  await storeMessages(world, id, [
    { at, state: 'pending' },
    { at, state: 'pending', reason: ['awaiting_receipt', 'It is under way.'] },
    { at, state: 'pending', isUnknown: true },
    { at, state: 'delivered' },
    { at, state: 'pending', direction: 'inbound' },
  ]);
  await world.db.$executeRaw`
    INSERT INTO jobs (queue, message_id, group_key, ordering_key, due_at, is_head)
    SELECT CASE direction WHEN 'outbound' THEN 'deliver' ELSE 'highlevel' END::queue_name, id, 'group', id::text, 'infinity', true
    FROM messages WHERE state = 'pending' AND held_for_review_at IS NULL AND reason_code IS DISTINCT FROM 'awaiting_receipt'`;
  const attempts = () => world.db.attempt.count();
  await treatRestore(world.services, {});
  expect(await attempts()).toBe(0);

  const [{ name } = { name: '' }] = await world.db.$queryRaw<{ name: string }[]>`SELECT current_database()::text AS name`;
  const source = Object.assign(new URL(process.env.TEST_DATABASE_URL as string), { pathname: name }).href;
  const copy = backups.restore(source, backups.dump(source));
  const db = await openDatabase({ kind: 'postgres', url: copy.url });
  try {
    for (let start = 1; start <= 2; start++) {
      await treatRestore({ ...world.services, db }, {});
      expect(await db.client.attempt.findMany()).toMatchObject([{ outcome: 'unknown', code: 'restored' }]);
      expect(await db.client.message.count({ where: { direction: 'inbound', postStartedAt: { not: null } } })).toBe(1);
      expect(await db.client.auditEntry.findMany({ where: { action: 'database_restored' } })).toMatchObject([
        { details: '2 messages may have been sent or posted after the backup was made.' },
      ]);
    }
  } finally {
    await db.close();
    copy.remove();
  }
});

test('after a restore an idempotent vendor gets what waited again, and a person decides about what another may have sent', async () => {
  const sent: string[] = [];
  let outcome: SendOutcome = { kind: 'unavailable', code: 'http_503', message: 'busy' };
  const careless = createNonIdempotentChannel(async () => {
    sent.push(outcome.kind);
    return outcome;
  });
  await using world = await startWorld({
    channels: () => indexChannels([careless, createGatewayChannel({ allowPrivateTargets: true })]),
  });
  const { id, contact } = await world.setUpLocation();
  const other = await world.install();
  await world.api.put(`/locations/${other.id}/channels/sms`, { type: 'non_idempotent', config: {} }).expect(200);
  world.vendor.respondWith({ status: 503 });
  const safe = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hi' });
  const unsafe = await world.highlevel.sendMessage(other.id, { contactId: other.contact.id, text: 'hi' });
  const hasFailed = async (messageId: string) => (await world.getMessage(messageId)).reasonCode === 'http_503';
  await world.advanceUntil(async () => (await hasFailed(safe.messageId)) && (await hasFailed(unsafe.messageId)));

  await markRestored(world.db, new Date(world.clock.now()));
  await treatRestore(world.services, {});
  world.vendor.respondWith({ body: { status: 'delivered' } });
  outcome = { kind: 'delivered', externalIds: [] };
  await world.advanceUntilReported(safe.messageId);
  await world.advanceUntil(async () => (await world.getMessage(unsafe.messageId)).heldForReviewAt !== null);
  expect(await world.getMessage(unsafe.messageId)).toMatchObject({ state: 'pending', reasonCode: 'restored' });
  expect(sent).not.toContain('delivered');
  expect(world.highlevel.listStatuses(safe.messageId)).toEqual(['delivered']);
});
