import { createHash } from 'node:crypto';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import { paginate } from '../../core/pagination.ts';
import { truncate } from '../../core/sanitize.ts';
import type { Database, Executor, UnknownWebhook } from '../../database/client.ts';
import type { UnknownReason } from '../../highlevel/classify-webhook.ts';

export type { UnknownWebhook };

const maxRows = 1_000;
const maxDays = 30;
const maxBodyLength = 4_000;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * Stores the beginning of a signed webhook of an unknown kind, for the operator; a repeat is counted. Only the newest are stored, because
 * their senders decide on their number.
 */
export async function recordUnknownWebhook(
  deps: { db: Database; clock: Clock; newId: NewId },
  unknown: { address: string; why: UnknownReason; body: Buffer },
): Promise<'unknown'> {
  const { address, why, body } = unknown;
  const hash = createHash('sha256').update(address).update('\n').update(body).digest('hex');
  const now = dateNow(deps.clock);
  // One character has four bytes at most.
  const start = truncate(redact(body.subarray(0, maxBodyLength * 4).toString('utf8')), maxBodyLength);
  await deps.db.client.$executeRaw`
    WITH oldest AS (
      DELETE FROM unknown_webhooks WHERE id IN (SELECT id FROM unknown_webhooks ORDER BY received_at DESC OFFSET ${maxRows - 1}))
    INSERT INTO unknown_webhooks (id, hash, address, reason_code, body, size_bytes, received_at, last_seen_at)
    VALUES (${deps.newId()}::uuid, ${hash}, ${address}, ${why}, ${start}, ${body.length}, ${now}, ${now})
    ON CONFLICT (hash) DO UPDATE SET received_count = unknown_webhooks.received_count + 1, last_seen_at = EXCLUDED.last_seen_at`;
  return 'unknown';
}

const textMember = /"([^"]{1,100})"(\s{0,4}:\s{0,4})"[^"]*"?/g;
const secretName = /token|secret|passw|api_?key|authorization|credential/i;

/** Redacts the values of members whose name is that of a secret. */
function redact(text: string): string {
  return text.replace(textMember, (member: string, name: string, colon: string) =>
    secretName.test(name) ? `"${name}"${colon}"…"` : member,
  );
}

/** Lists unknown webhooks, newest first. */
export async function listUnknownWebhooks(db: Database, { cursor, limit }: { cursor?: string | undefined; limit: number }) {
  const rows = await db.client.unknownWebhook.findMany({
    where: cursor ? { id: { lt: cursor } } : {},
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paginate<UnknownWebhook>(rows, limit, ({ id }) => id);
}

/** Deletes unknown webhooks that came more than a month ago. */
export async function purgeUnknownWebhooks(on: Executor, now: Date): Promise<void> {
  await on.unknownWebhook.deleteMany({ where: { receivedAt: { lt: new Date(now.getTime() - maxDays * dayMs) } } });
}
