import type { UserContext, World } from './world.ts';

/** The embedded page's fragments as somebody. */
export async function createPageClient(world: World, context: UserContext) {
  const authorization = `Bearer ${await world.createUserToken(context)}`;
  return {
    get: (path: string, language = 'en') =>
      world.client.get(`/embed/pages/${path}`).set({ authorization, accept: 'text/html', 'accept-language': language }),
    post: (path: string, fields: Record<string, string | string[]>, language = 'en') =>
      world.client.post(`/embed/pages/${path}`).set({ authorization, 'accept-language': language }).type('form').send(fields),
  };
}
