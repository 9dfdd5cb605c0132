import type { Database, PrismaClient } from '../../src/database/client.ts';

/** Creates a database that runs each query and then, before it returns the rows, a hook; a throw of the hook loses the rows. */
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
