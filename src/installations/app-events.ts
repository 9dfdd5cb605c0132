import { type Clock, nowOf } from '../core/clock.ts';
import { storable } from '../core/text.ts';
import type { Database } from '../database/client.ts';
import { readAppEvent } from '../highlevel/payloads.ts';

/** Keeps an app event (INSTALL, UNINSTALL, ...) as it came, once. @returns false when it was here before @throws AppError `payload_invalid` */
export async function recordAppEvent(deps: { db: Database; clock: Clock }, body: Buffer): Promise<boolean> {
  const event = readAppEvent(body);
  const { count } = await deps.db.client.appEvent.createMany({
    data: { ...event, raw: storable(body.toString('utf8')), receivedAt: nowOf(deps.clock) },
    skipDuplicates: true,
  });
  return count === 1;
}
