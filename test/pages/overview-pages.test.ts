import { createPageClient } from '../support/page-client.ts';
import { jumpToNoon, storeMessages } from '../support/stored-messages.ts';
import { startWorld, type World } from '../support/world.ts';

const hour = 60 * 60 * 1000;
const companyId = 'CompanyOfTheTests01';

async function addLocations(
  world: World,
  locations: { id: string; name: string; of?: string; status?: 'active' | 'suspended' }[],
) {
  await world.db.installation.createMany({
    data: locations.map(({ id, name, of = companyId, status = 'active' }) => ({
      kind: 'location' as const,
      resourceId: id,
      companyId: of,
      name,
      status,
      timezone: 'Europe/Madrid',
      updatedAt: new Date(world.clock.now()),
    })),
  });
}

function openAlert(world: World, kind: 'channel_failing' | 'location_silent', locationId: string, of = companyId) {
  const at = new Date(world.clock.now());
  const details = `Something about ${locationId}.`;
  return world.db.alert.create({
    data: {
      ...{ id: world.services.newId(), kind, subject: locationId, dedupKey: `${kind}/${locationId}`, locationId },
      ...{ companyId: of, details, startedAt: at, lastSeenAt: at },
    },
  });
}

/** The locations of a page, in its order. */
const rows = (html: string) => [...html.matchAll(/<tr id="location-([^"]+)"/g)].map(([, id]) => id);

test('overview, locations and alerts show only what the token gives access to', async () => {
  await using world = await startWorld({ isIdle: true });
  jumpToNoon(world);
  await addLocations(world, [
    { id: 'mine', name: 'Mine' },
    { id: 'sister', name: 'Sister' },
    { id: 'theirs', name: 'Theirs', of: 'AnotherCompany' },
  ]);
  const at = world.clock.now() - 1;
  for (const [id, count] of [
    ['mine', 2],
    ['sister', 30],
    ['theirs', 500],
  ] as const) {
    await storeMessages(
      world,
      id,
      Array.from({ length: count }, () => ({ at, state: 'failed' as const, reason: ['r', `why ${id}`] as [string, string] })),
    );
    await openAlert(world, 'channel_failing', id, id === 'theirs' ? 'AnotherCompany' : companyId);
  }

  const { get: location } = await createPageClient(world, { companyId, activeLocation: 'mine' });
  for (const path of ['overview', 'alerts']) {
    const { text } = await location(path).expect(200);
    expect(text).not.toMatch(/sister|theirs/i);
    expect(text).toContain('Channel failing');
    expect(text).toContain('1 open');
  }
  expect((await location('overview')).text).toMatch(/<dt>Sent<\/dt><dd><a href="[^"]+">2<\/a>/);
  await location('locations').expect(404);
  for (const path of ['locations/theirs/overview', 'locations/sister/overview', 'locations/theirs/alerts'])
    await location(path).expect(404);

  const { get: agency } = await createPageClient(world, { companyId, type: 'agency' });
  const overview = await agency('overview').expect(200);
  expect(overview.text).toContain('Totals of 2 locations.');
  expect(overview.text).toMatch(/<dt>Sent<\/dt><dd><a href="[^"]+">32<\/a>/);
  expect(overview.text).toContain('2 open');
  expect(rows((await agency('locations').expect(200)).text).sort()).toEqual(['mine', 'sister']);
  expect((await agency('locations/sister/overview').expect(200)).text).toMatch(/<dt>Sent<\/dt><dd><a href="[^"]+">30<\/a>/);
  for (const path of ['overview', 'locations', 'locations?q=theirs', 'alerts']) {
    expect((await agency(path).expect(200)).text.replace(/(value="|q=)theirs"/g, '')).not.toMatch(/theirs/i);
  }
  await agency('locations/theirs/overview').expect(404);
  await agency('locations/theirs/alerts').expect(404);
  await world.client.get('/embed/pages/overview').expect(401);
});

test('an agency’s locations are sorted by each column and filtered by their health, in pages', async () => {
  await using world = await startWorld({ isIdle: true });
  jumpToNoon(world);
  const now = world.clock.now();
  await addLocations(world, [
    { id: 'well', name: 'Well' },
    { id: 'failing', name: 'Failing' },
    { id: 'silent', name: 'Silent one' },
    { id: 'bare', name: 'A bare one' },
    { id: 'paused', name: 'Paused', status: 'suspended' },
    ...Array.from({ length: 60 }, (_, n) => ({ id: `z${n}`, name: `Z ${n}`, of: 'BigCompany' })),
  ]);
  for (const id of ['well', 'failing', 'silent', 'paused']) await world.connect(id);
  await openAlert(world, 'channel_failing', 'failing');
  await openAlert(world, 'location_silent', 'silent');
  await storeMessages(world, 'well', [{ at: now - 2 * hour }, { at: now - hour }, { at: now - 50 * hour }]);
  await storeMessages(world, 'failing', [
    { at: now - 3 * hour, state: 'failed' },
    { at: now - 2 * hour },
    { at: now - 90 * 60_000, direction: 'inbound' },
  ]);
  await storeMessages(
    world,
    'silent',
    Array.from({ length: 9 }, (_, n) => ({ at: now - (60 + n) * hour })),
  );

  const { get: agency } = await createPageClient(world, { companyId, type: 'agency' });
  const order = async (query: string) => rows((await agency(`locations?${query}`).expect(200)).text);
  expect(await order('')).toEqual(['bare', 'failing', 'paused', 'silent', 'well']);
  expect(await order('sort=name')).toEqual(['bare', 'failing', 'paused', 'silent', 'well']);
  expect(await order('sort=name&order=desc')).toEqual(['well', 'silent', 'paused', 'failing', 'bare']);
  expect((await order('sort=week')).slice(0, 3)).toEqual(['silent', 'well', 'failing']);
  expect((await order('sort=day')).slice(0, 2)).toEqual(['failing', 'well']);
  expect((await order('sort=failed'))[0]).toBe('failing');
  expect((await order('sort=sent')).slice(0, 3)).toEqual(['well', 'failing', 'silent']);
  expect((await order('sort=received'))[0]).toBe('failing');
  expect((await order('sort=channels'))[0]).toBe('bare');
  expect(await order('show=attention')).toEqual(['bare', 'failing', 'paused']);
  expect(await order('show=silent')).toEqual(['silent']);
  expect(await order('q=PAUS')).toEqual(['paused']);
  expect(await order('q=unheard-of')).toEqual([]);
  await agency('locations?sort=secrets').expect(422);
  const { text } = await agency('locations').expect(200);
  for (const words of ['Channel failing', 'No channel', 'Paused', 'No recent messages', '50%']) expect(text).toContain(words);

  const { get: big } = await createPageClient(world, { companyId: 'BigCompany', type: 'agency' });
  expect(rows((await big('locations?sort=name').expect(200)).text).at(-1)).toBe('z49');
  const last = await big('locations?sort=name&page=2').expect(200);
  expect(rows(last.text)).toHaveLength(10);
  expect(last.text).toContain('Page 2 of 2');
});

test('a thousand locations cost no more statements than one', async () => {
  await using world = await startWorld({ isIdle: true });
  await addLocations(world, [{ id: 'only', name: 'Only', of: 'Small' }]);
  await addLocations(
    world,
    Array.from({ length: 1_000 }, (_, n) => ({ id: `l${n}`, name: `Location ${n}` })),
  );
  let statements = 0;
  const counting = world.services.db.client.$extends({
    query: {
      $allOperations({ args, query }) {
        statements += 1;
        return query(args);
      },
    },
  });
  Object.assign(world.services.db, { client: counting });
  const cost = async (company: string, path: string) => {
    const { get } = await createPageClient(world, { companyId: company, type: 'agency' });
    statements = 0;
    await get(path).expect(200);
    return statements;
  };
  for (const path of ['overview', 'locations', 'alerts']) {
    const ofOne = await cost('Small', path);
    expect(ofOne).toBeGreaterThan(3);
    expect(await cost(companyId, path)).toBe(ofOne);
  }
});
