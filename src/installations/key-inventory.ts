import { createHash, createHmac } from 'node:crypto';
import { type Clock, dateNow } from '../core/clock.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';

export const keyPurposes = ['encryption', 'session'] as const;

export type KeyPurpose = (typeof keyPurposes)[number];

/** The keys of one purpose that a process knows, newest first, by names from which nothing of them can be learnt. */
export interface KeyRing {
  readonly purpose: KeyPurpose;
  readonly fingerprints: readonly string[];
}

/** How old the key in use is, and what still hangs on those before it. */
export interface KeyAge {
  readonly purpose: KeyPurpose;
  readonly fingerprint: string;
  /** When a process of this installation first started with it. */
  readonly firstSeenAt: Date;
  /** How many older ones are still accepted. */
  readonly olderCount: number;
  /** How many stored secrets an older one has sealed; null where nothing is sealed. */
  readonly sealedWithOlder: number | null;
}

/** Names the keys of a process. */
export function toKeyRings(keys: { encryption: readonly Buffer[]; session: readonly string[] }): KeyRing[] {
  return keyPurposes.map((purpose) => ({ purpose, fingerprints: keys[purpose].map((key) => fingerprint(purpose, key)) }));
}

/** A hash of what the key signs: neither the key nor anything that it protects follows from it. */
function fingerprint(purpose: KeyPurpose, key: Buffer | string): string {
  const signed = createHmac('sha256', key).update(`patchbay/key/${purpose}`).digest();
  return createHash('sha256').update(signed).digest('hex').slice(0, 16);
}

/** Writes down at the start of a process which keys it knows; what is new is seen for the first time. */
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

/** How old the keys in use are, by purpose. */
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

/** Secrets that `reencryptAll` has still to do: a sealed secret says by how it begins which key sealed it. */
async function countSealedWithOlder({ db, box }: { db: Database; box: SecretBox }): Promise<number> {
  const older = `${box.currentKeyPrefix}%`;
  const [row] = await db.client.$queryRaw<{ count: number }[]>`
    SELECT ((SELECT count(*) FROM installations WHERE access_token NOT LIKE ${older})
      + (SELECT count(*) FROM installations WHERE refresh_token NOT LIKE ${older})
      + (SELECT count(*) FROM connections WHERE config <> '' AND config NOT LIKE ${older}))::int AS count`;
  return row?.count ?? 0;
}
