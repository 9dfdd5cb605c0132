import type { World } from './world.ts';

/** A contact sends files. */
export async function answer(world: World, connectionId: string, attachments: string[], fields: object = {}) {
  const content = { externalId: 'm-1', from: '+12025550143', text: 'look', attachments, ...fields };
  await world.callback(connectionId, 'inbound', content).expect(202);
}

/** What HighLevel has taken. */
export const posts = (world: World) =>
  world.highlevel.calls.listByOperation('addInboundMessage').filter(({ status }) => status === 200);
export const posted = (world: World) => posts(world).at(-1)?.body as { message?: string; attachments?: string[] };
export const untilPosted = (world: World, stepMs = 1_000) => world.until(() => posts(world).length > 0, 'posted', stepMs);
export const pathOf = (world: World, url: string | undefined) => (url ?? '').replace(world.url, '');
