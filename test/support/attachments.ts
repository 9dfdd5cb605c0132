import type { World } from './world.ts';

/** A contact sends files. */
export async function sendReply(world: World, connectionId: string, attachments: string[], fields: object = {}) {
  const content = { externalId: 'm-1', from: '+12025550143', text: 'look', attachments, ...fields };
  await world.postChannelWebhook(connectionId, 'inbound', content).expect(202);
}

/** What HighLevel has taken. */
export const listPosts = (world: World) =>
  world.highlevel.calls.listByOperation('addInboundMessage').filter(({ status }) => status === 200);
export const getLastPost = (world: World) => listPosts(world).at(-1)?.body as { message?: string; attachments?: string[] };
export const advanceUntilPosted = (world: World, stepMs = 1_000) =>
  world.advanceUntil(() => listPosts(world).length > 0, 'posted', stepMs);
export const toPath = (world: World, url: string | undefined) => (url ?? '').replace(world.url, '');
