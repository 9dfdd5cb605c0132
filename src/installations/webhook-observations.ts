import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, Executor, WebhookActivity as WebhookSighting } from '../database/client.ts';
import { createDelayedWrite } from '../runtime/delayed-write.ts';
import type { Log } from '../runtime/log.ts';

export type { WebhookSighting };

/** Names of webhook addresses, as rows and pages use them. */
export const observedAddress = {
  app: 'app',
  provider: (key: string) => `providers/${key}`,
  connection: (id: string) => `channels/${id}`,
} as const;

export interface ObservedWebhook {
  readonly isValid: boolean;
  /** Its content, if it belongs to another address. */
  readonly misplaced?: string | undefined;
}

export interface WebhookObservationRecorder {
  /** Records a webhook without delaying its request: rows are written in one batch, some seconds later. */
  record(address: string, seen: ObservedWebhook): void;
  stop(): Promise<void>;
}

type Row = Omit<WebhookSighting, 'lastSeenAt'>;

/** Creates the recorder of the latest webhooks of each address. Callers pass only addresses that exist, so that strangers cannot add rows. */
export function createWebhookObservationRecorder(deps: { db: Database; clock: Clock; log: Log }): WebhookObservationRecorder {
  let pending = new Map<string, Row>();

  const delayedWrite = createDelayedWrite(deps, 'webhook observations', async () => {
    const rows = pending;
    pending = new Map();
    try {
      await deps.db.client.$executeRawUnsafe(upsertSql, JSON.stringify([...rows.values()]));
    } catch (error) {
      for (const row of pending.values()) rows.set(row.address, mergeRows(rows.get(row.address), row));
      pending = rows;
      throw error;
    }
  });

  return {
    record(address, { isValid, misplaced }) {
      const now = dateNow(deps.clock);
      const row = {
        address,
        lastValidAt: isValid ? now : null,
        lastInvalidAt: isValid ? null : now,
        lastMisplacedAt: misplaced === undefined ? null : now,
        misplacedContent: misplaced ?? null,
      };
      pending.set(address, mergeRows(pending.get(address), row));
      delayedWrite.request();
    },
    stop: delayedWrite.stop,
  };
}

function mergeRows(before: Row | undefined, after: Row): Row {
  if (!before) return after;
  return {
    address: after.address,
    lastValidAt: after.lastValidAt ?? before.lastValidAt,
    lastInvalidAt: after.lastInvalidAt ?? before.lastInvalidAt,
    lastMisplacedAt: after.lastMisplacedAt ?? before.lastMisplacedAt,
    misplacedContent: after.misplacedContent ?? before.misplacedContent,
  };
}

/** Ordered by address: concurrent processes lock the rows in the same order and cannot deadlock. */
const upsertSql = `
  INSERT INTO webhook_activity (address, last_seen_at, last_valid_at, last_invalid_at, last_misplaced_at, misplaced_content)
  SELECT address, GREATEST("lastValidAt", "lastInvalidAt"), "lastValidAt", "lastInvalidAt", "lastMisplacedAt", "misplacedContent"
  FROM json_to_recordset($1::json) AS row (address text, "lastValidAt" timestamptz, "lastInvalidAt" timestamptz,
    "lastMisplacedAt" timestamptz, "misplacedContent" text)
  ORDER BY address
  ON CONFLICT (address) DO UPDATE SET
    last_seen_at = GREATEST(webhook_activity.last_seen_at, EXCLUDED.last_seen_at),
    last_valid_at = GREATEST(webhook_activity.last_valid_at, EXCLUDED.last_valid_at),
    last_invalid_at = GREATEST(webhook_activity.last_invalid_at, EXCLUDED.last_invalid_at),
    last_misplaced_at = GREATEST(webhook_activity.last_misplaced_at, EXCLUDED.last_misplaced_at),
    misplaced_content = COALESCE(EXCLUDED.misplaced_content, webhook_activity.misplaced_content)`;

/** Finds the latest webhooks of these addresses; an address without any is not in the map. */
export async function listWebhookObservations(
  on: Executor,
  addresses: readonly string[],
): Promise<Map<string, WebhookSighting>> {
  const rows = await on.webhookActivity.findMany({ where: { address: { in: [...addresses] } } });
  return new Map(rows.map((row) => [row.address, row]));
}

/** Lists the addresses that have received webhooks of another address since then. */
export function listMisplacedWebhooks(on: Executor, since: Date): Promise<WebhookSighting[]> {
  return on.webhookActivity.findMany({ where: { lastMisplacedAt: { gt: since } }, orderBy: { address: 'asc' } });
}

/** Deletes addresses without a webhook since then: their connection may be deleted. */
export async function purgeWebhookObservations(on: Executor, before: Date): Promise<void> {
  await on.webhookActivity.deleteMany({ where: { lastSeenAt: { lt: before } } });
}
