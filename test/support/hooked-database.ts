import type { Database, PrismaClient } from '../../src/database/client.ts';

/** A database that does what it is asked and then, before it answers, something else; a throw loses the answer. */
export function createHookedDatabase(
  db: Database,
  method: '$queryRaw' | '$queryRawUnsafe',
  afterQuery: () => unknown,
): Database {
  const client = new Proxy(db.client, {
    get(target, name) {
      if (name !== method) return Reflect.get(target, name);
      return async (...query: unknown[]) => {
        const rows = await (target[method] as (...query: unknown[]) => Promise<unknown>)(...query);
        await afterQuery();
        return rows;
      };
    },
  });
  return { ...db, client: client as PrismaClient };
}
