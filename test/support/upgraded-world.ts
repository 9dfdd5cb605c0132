import express from 'express';
import { listen } from './http.ts';
import { earlierState, version030 } from './version-0.3.0.ts';
import { startWorld, type WorldOptions } from './world.ts';

/** The locations of the dump, by their HighLevel ids. */
export const locations = {
  dental: 'HarbourDental0000001',
  gym: 'NorthsideGym00000001',
  fitness: 'HarbourFitness000001',
  paused: 'PausedSpa00000000001',
  revoked: 'RevokedCafe000000001',
  fresh: 'FreshStudio000000001',
  left: 'LeftBakery0000000001',
  napping: 'NappingStudio0000001',
} as const;

/** Starts this version on the database of 0.3.0, with a phone for its sandbox connections. */
export async function startUpgraded(options: WorldOptions = {}) {
  const texts: string[] = [];
  const phone = await listen(
    express()
      .use(express.json())
      .post('/messages', (request, response) => {
        texts.push(request.body.text);
        response.json({ status: 'delivered' });
      }),
  );
  const world = await startWorld({
    ...options,
    from: earlierState(),
    services: {
      ...{ encryptionKeys: version030.encryptionKeys, keepChannels: true },
      phone: { url: phone.url, secret: version030.phoneSecret },
      ...options.services,
    },
  });
  // On a shared database a killed process is detected by time alone.
  if (!options.isIdle)
    await world.advanceUntil(async () => (await world.db.worker.count()) === 1, 'the killed process is detected');
  const getMessageByText = (text: string) =>
    world.db.message.findFirstOrThrow({ where: { text, createdAt: { lt: new Date('2026-11-26T17:00Z') } } });
  return {
    world,
    texts,
    getMessageByText,
    /** The statuses that HighLevel got for a message, in order. */
    listReported: async (text: string) => world.highlevel.listStatuses((await getMessageByText(text)).highlevelMessageId ?? ''),
    /** How often a text was sent, through any channel. */
    countSent: (text: string) =>
      [...world.vendor.listReceived().map((body) => body.text), ...texts].filter((sent) => sent === text).length,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await phone.close();
    },
  };
}
