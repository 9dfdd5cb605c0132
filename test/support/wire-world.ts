import { defineChannel } from '../../src/channels/channel.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { composeChannelSessions } from '../../src/compose/channel-sessions.ts';
import type { Database, PrismaClient } from '../../src/database/client.ts';
import { registerWorker } from '../../src/queue/workers.ts';
import wireChannel from './wire-channel.ts';
import { startWireVendor } from './wire-vendor.ts';
import { allProviders, startWorld, type WorldOptions } from './world.ts';

/** A world with a vendor that keeps a session open, and one location that is connected to it. */
export async function startWireWorld(options: WorldOptions = {}) {
  const wire = await startWireVendor();
  const world = await startWorld({ ...options, channels: () => indexChannels([defineChannel(wireChannel)]) });
  const location = await world.install();
  const path = `/locations/${location.id}/channels/sms`;
  const connect = (config: object = {}) =>
    world.api.put(path, { type: 'wire', config: { port: wire.port, key: wire.key, ...config } }).expect(200);
  const { body } = await connect();
  const connectionId: string = body.connectionId;

  return {
    world,
    wire,
    location,
    connectionId,
    connect,
    disconnect: () => world.api.delete(path),
    getConnection: () => world.db.connection.findUniqueOrThrow({ where: { id: connectionId } }),
    getGroup: () => world.db.rateLimitRow.findFirst({ where: { key: { startsWith: `sending/${location.id}/` } } }),
    sendMessage: (text: string) => world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text }),
    advanceUntilOpen: () => world.advanceUntil(() => wire.countSessions() === 1, 'a session is open'),
    inbound: (externalId: string, text = 'hi') => ({
      kind: 'inbound',
      inbound: { externalId, from: '+12025550143', text, attachments: [], sentExternally: false },
    }),

    /** Another process beside the first, as far as sessions go. @param isCut returns true while its database is out of reach */
    async startOwner(isCut = () => false) {
      const db = cutDatabase({ ...world.services.db, isShared: true }, isCut);
      const worker = await registerWorker({ ...world.services, db: { ...world.services.db, isShared: true } });
      const others = { ...world.services, queue: { getWorkerId: () => worker.id() } };
      const sessions = composeChannelSessions({ ...world.services, db }, { providers: allProviders }, others);
      sessions.start();
      return { workerId: worker.id(), sessions, stop: () => sessions.stop().then(() => worker.stop()) };
    },

    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await wire.close();
    },
  };
}

/** A database whose statements fail at once while it is cut off. */
function cutDatabase(db: Database, isCut: () => boolean): Database {
  const failed = () => Promise.reject(new Error('The database is out of reach.'));
  const client = new Proxy(db.client, {
    get(target, name) {
      if (!isCut()) return Reflect.get(target, name);
      return name === 'connection' || name === 'worker' ? { findMany: failed, updateMany: failed } : failed;
    },
  });
  return { ...db, client: client as PrismaClient, transaction: (work) => (isCut() ? failed() : db.transaction(work)) };
}
