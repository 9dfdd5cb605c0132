import { createHash, createHmac } from 'node:crypto';
import { countConfigsOfOlderKeys } from '../connections/sealed-config.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { countEndpoints } from '../outbox/webhook-endpoints.ts';

export const keyPurposes = ['encryption', 'session'] as const;

export type KeyPurpose = (typeof keyPurposes)[number];

/** The keys of one purpose that a process has, newest first, by fingerprints that reveal no part of them. */
export interface KeyRing {
  readonly purpose: KeyPurpose;
  readonly fingerprints: readonly string[];
}

/** Age of the key in use, and the secrets that still depend on older ones. */
export interface KeyAge {
  readonly purpose: KeyPurpose;
  readonly fingerprint: string;
  /** The first start of a process with it. */
  readonly firstSeenAt: Date;
  /** Number of older keys that are still accepted. */
  readonly olderCount: number;
  /** Number of stored secrets that an older key has sealed; null for a purpose that seals no secrets. */
  readonly sealedWithOlder: number | null;
}

/** Fingerprints the keys of a process. */
export function toKeyRings(keys: { encryption: readonly Buffer[]; session: readonly string[] }): KeyRing[] {
  return keyPurposes.map((purpose) => ({ purpose, fingerprints: keys[purpose].map((key) => fingerprint(purpose, key)) }));
}

/** Hashes a signature by the key, which reveals neither the key nor the data that it protects. */
function fingerprint(purpose: KeyPurpose, key: Buffer | string): string {
  const signed = createHmac('sha256', key).update(`patchbay/key/${purpose}`).digest();
  return createHash('sha256').update(signed).digest('hex').slice(0, 16);
}

/** Records the keys of a process at its start, each with the time when it was first seen. */
export async function recordKeys(deps: { db: Database; clock: Clock }, rings: readonly KeyRing[]): Promise<void> {
  const now = dateNow(deps.clock);
  for (const { purpose, fingerprints } of rings) {
    for (const name of new Set(fingerprints)) {
      await deps.db.client.keyFingerprint.upsert({
        where: { purpose_fingerprint: { purpose, fingerprint: name } },
        create: { purpose, fingerprint: name, firstSeenAt: now, lastSeenAt: now },
        update: { lastSeenAt: now },
      });
    }
  }
}

/** Lists the ages of the keys in use, by purpose. */
export async function listKeyAges(
  deps: { db: Database; clock: Clock; box: SecretBox },
  rings: readonly KeyRing[],
): Promise<KeyAge[]> {
  const stored = await deps.db.client.keyFingerprint.findMany();
  const ages: KeyAge[] = [];
  for (const { purpose, fingerprints } of rings) {
    const [current] = fingerprints;
    if (current === undefined) continue;
    const row = stored.find((key) => key.purpose === purpose && key.fingerprint === current);
    ages.push({
      purpose,
      fingerprint: current,
      firstSeenAt: row?.firstSeenAt ?? dateNow(deps.clock),
      olderCount: new Set(fingerprints).size - 1,
      sealedWithOlder: purpose === 'encryption' ? await countSealedWithOlder(deps) : null,
    });
  }
  return ages;
}

/** Counts the secrets that `reencryptAll` has yet to seal again. The prefix of a sealed secret identifies its key. */
async function countSealedWithOlder({ db, box }: { db: Database; box: SecretBox }): Promise<number> {
  const current = `${box.currentKeyPrefix}%`;
  const [row] = await db.client.$queryRaw<{ count: number }[]>`
    SELECT ((SELECT count(*) FROM installations WHERE access_token NOT LIKE ${current})
      + (SELECT count(*) FROM installations WHERE refresh_token NOT LIKE ${current}))::int AS count`;
  const endpoints = await countEndpoints(db.client, box.currentKeyPrefix);
  return (row?.count ?? 0) + endpoints.older + (await countConfigsOfOlderKeys(db.client, box.currentKeyPrefix));
}
