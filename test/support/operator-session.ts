import { adminToken } from './production-settings.ts';
import type { World } from './world.ts';

export const htmlHeaders = { accept: 'text/html' };

export const getSessionCookie = (response: { headers: Record<string, unknown> }) =>
  ((response.headers['set-cookie'] as string[] | undefined) ?? [])
    .map((cookie) => cookie.split(';')[0] as string)
    .filter((cookie) => /^patchbay_(admin|sign_in)=./.test(cookie))
    .join('; ');

export const getCsrfToken = (page: { text: string }) => page.text.match(/name="csrf" value="([^"]+)"/)?.[1] ?? '';

/** The sign-in page as a browser without a session gets it. */
export async function openSignInForm(world: World, query = '') {
  const page = await world.client.get(`/admin/sign-in${query}`).set(htmlHeaders).expect(200);
  return { page, cookie: getSessionCookie(page), csrf: getCsrfToken(page) };
}

/** Sends the sign-in form. */
export function submitSignIn(
  world: World,
  { cookie, csrf }: { cookie: string; csrf: string },
  { token = adminToken, ...more }: Record<string, string> = {},
) {
  return world.client
    .post('/admin/sign-in')
    .set({ ...htmlHeaders, cookie })
    .type('form')
    .send({ token, csrf, ...more });
}

/** The operator's pages with a session of their own. */
export async function signInOperator(world: World) {
  const response = await submitSignIn(world, await openSignInForm(world)).expect(303);
  const cookie = getSessionCookie(response);
  const get = (path = '', headers: Record<string, string> = {}) =>
    world.client.get(`/admin${path}`).set({ ...htmlHeaders, 'accept-language': 'en', cookie, ...headers });
  const csrf = getCsrfToken(await get('/keys').expect(200));
  return {
    cookie,
    csrf,
    get,
    post: (path: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}) =>
      world.client
        .post(`/admin${path}`)
        .set({ ...htmlHeaders, cookie, ...headers })
        .type('form')
        .send({ csrf, ...fields }),
  };
}

/** An installation with something on every page of the operator's. */
export async function seedOperatorPages(world: World) {
  const now = new Date(world.clock.now());
  const company = world.highlevel.addCompany();
  const location = await world.setUpLocation({ ratePerSecond: 5 });
  const where = { kind_resourceId: { kind: 'location' as const, resourceId: location.id } };
  await world.db.installation.update({ where, data: { name: 'Harbour Dental', companyId: company.id } });
  const row = (kind: 'location' | 'company', resourceId: string, name: string, more: object = {}) => ({
    kind,
    resourceId,
    name,
    companyId: company.id,
    installedAt: now,
    updatedAt: now,
    ...more,
  });
  await world.db.installation.createMany({
    data: [
      row('company', company.id, 'Brightside Agency', { syncedAt: now }),
      row('company', 'gone-agency', 'An agency that must come back', { companyId: 'gone-agency', status: 'reauth_required' }),
      row('location', 'northside', 'Northside Fitness with a name that goes on and on', {
        status: 'suspended',
        statusReason: 'The CRM says that this location is not active.',
      }),
      row('location', 'pending', 'Being set up', { status: 'pending', installedAt: null }),
    ],
  });
  const at = { tatAt: now, quotaCheckedAt: now };
  await world.db.rateLimitRow.deleteMany({ where: { key: { startsWith: 'highlevel/' } } });
  await world.db.rateLimitRow.createMany({
    data: [
      { key: `highlevel/${location.id}`, quotaRemaining: 3_200, ...at },
      {
        key: 'highlevel/northside',
        quotaRemaining: 0,
        ...at,
        pausedUntil: new Date(now.getTime() + 600_000),
        pauseCode: 'highlevel_day_used',
        pauseReason: 'Used up.',
      },
    ],
  });
  await world.db.message.createMany({
    data: [
      ...Array.from({ length: 30 }, (_, index) =>
        createMessageRow(world, location.id, { state: index % 3 ? 'delivered' : 'read' }),
      ),
      ...Array.from({ length: 4 }, () =>
        createMessageRow(world, location.id, { state: 'failed', reasonCode: 'no_address', reason: 'x' }),
      ),
      createMessageRow(world, 'northside', { state: 'failed', reasonCode: '21610', reason: 'The recipient has opted out.' }),
      createMessageRow(world, 'northside', { heldForReviewAt: now, reasonCode: 'interrupted', reason: 'x' }),
      createMessageRow(world, location.id, { direction: 'inbound', state: 'delivered' }),
    ],
  });
  await world.db.alert.create({
    data: {
      id: world.services.newId(),
      kind: 'channel_failing',
      subject: 'x',
      dedupKey: 'channel_failing/x',
      locationId: location.id,
      details: '12 of the last 20 attempts failed.',
      startedAt: now,
      lastSeenAt: now,
    },
  });
  return { companyId: company.id, locationId: location.id };
}

/** A message, made by the world's clock. */
export function createMessageRow(world: World, locationId: string, more: object = {}) {
  const now = new Date(world.clock.now());
  return {
    id: world.services.newId(),
    direction: 'outbound' as const,
    locationId,
    providerKey: 'sms',
    messageType: 'sms' as const,
    rawPayload: '{}',
    createdAt: now,
    updatedAt: now,
    ...more,
  };
}
