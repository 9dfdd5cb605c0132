import type { Database, Executor } from './client.ts';

/** Of the embedded database, which can't say whether its folder is a copy. */
const embeddedIdentity = 'embedded';

/** A restored dump has another one. A standby that takes over has the same, and so has a physical backup. */
const identitySql = `
  SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) AS identity
  FROM pg_control_system()`;

/**
 * Compares the database with the one that the program last ran on, and remembers it.
 *
 * @param onOther called in the same transaction when it is another one: it was restored from a backup
 */
export async function compareIdentity(db: Database, now: Date, onOther: (tx: Executor) => Promise<void>): Promise<void> {
  const [current] = db.isShared ? await db.client.$queryRawUnsafe<{ identity: string }[]>(identitySql) : [];
  const identity = current?.identity ?? embeddedIdentity;
  await db.transaction(async (tx) => {
    await tx.databaseIdentity.createMany({ data: { identity, seenAt: now }, skipDuplicates: true });
    // Of processes that start together one finds the difference.
    const { count } = await tx.databaseIdentity.updateMany({
      where: { identity: { not: identity } },
      data: { identity, seenAt: now },
    });
    if (count > 0) await onOther(tx);
  });
}

/** Makes the next start treat the database as restored, where the program can't notice that by itself. */
export async function markRestored(on: Executor, now: Date): Promise<void> {
  const data = { identity: 'restored', seenAt: now };
  await on.databaseIdentity.upsert({ where: { id: 1 }, create: data, update: data });
}
