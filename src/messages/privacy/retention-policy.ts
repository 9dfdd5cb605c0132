import { type Actor, audit } from '../../audit/audit-log.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database, Executor } from '../../database/client.ts';

/** Days for which messages, and their content, are kept; null without an end. */
export interface RetentionDays {
  readonly messageDays: number | null;
  readonly contentDays: number | null;
}

/** What a location's admin has set: the operator's settings apply as well, whichever is shorter. */
export interface LocationRetention extends RetentionDays {
  readonly erasesDeletedContacts: boolean;
}

/** Fewer would change the daily statistics, which count messages of the last two weeks again, and forget webhooks that may be repeated. */
export const minMessageDays = 30;

const nothingSet: LocationRetention = { messageDays: null, contentDays: null, erasesDeletedContacts: false };

/** Loads what a location's admin has set. */
export async function loadRetention(on: Executor, locationId: string): Promise<LocationRetention> {
  return (await on.retentionPolicy.findUnique({ where: { locationId } })) ?? nothingSet;
}

export interface SaveRetentionDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/** Stores what a location's admin has set, and records it. What is older is deleted within minutes, and can't be brought back. */
export async function saveRetention(
  { db, clock, newId }: SaveRetentionDeps,
  locationId: string,
  retention: LocationRetention,
  actor: Actor,
): Promise<void> {
  const { messageDays, contentDays, erasesDeletedContacts } = retention;
  const data = { messageDays, contentDays, erasesDeletedContacts, updatedAt: dateNow(clock) };
  const toText = (days: number | null) => (days === null ? 'without an end' : String(days));
  const details = `Messages: ${toText(messageDays)}; content: ${toText(contentDays)}; deleted contacts are ${erasesDeletedContacts ? '' : 'not '}erased.`;
  await db.transaction(async (tx) => {
    await tx.retentionPolicy.upsert({ where: { locationId }, create: { locationId, ...data }, update: data });
    await audit(tx, { clock, newId }, { actor, action: 'retention_changed', locationId, details });
  });
}

/** Combines two policies: the shorter one counts. */
export function combineRetention(a: RetentionDays, b: RetentionDays): RetentionDays {
  return {
    messageDays: pickShorter(a.messageDays, b.messageDays),
    contentDays: pickShorter(a.contentDays, b.contentDays),
  };
}

function pickShorter(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
