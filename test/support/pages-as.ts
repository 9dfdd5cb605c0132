import type { World } from './world.ts';

/** The embedded page's fragments as somebody. */
export async function pagesAs(
  world: World,
  context: { companyId: string; activeLocation?: string; role?: string; type?: string },
) {
  const encryptedData = world.highlevel.userContext(context);
  const { body } = await world.client.post('/api/session').send({ encryptedData }).expect(200);
  const authorization = `Bearer ${body.token}`;
  return {
    get: (path: string, language = 'en') =>
      world.client.get(`/embed/pages/${path}`).set({ authorization, accept: 'text/html', 'accept-language': language }),
    post: (path: string, fields: Record<string, string | string[]>, language = 'en') =>
      world.client.post(`/embed/pages/${path}`).set({ authorization, 'accept-language': language }).type('form').send(fields),
  };
}
