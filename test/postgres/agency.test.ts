import { startProduction } from '../support/production.ts';
import { type Program, pollUntil } from '../support/program.ts';

const locationCount = 150;
const messageCount = 100;

test('an agency’s locations are installed by two web and two worker processes that are killed at random, without one refused call', async () => {
  await using world = await startProduction();
  const { highlevel } = world;
  const company = highlevel.addCompany();
  const locations = Array.from({ length: locationCount }, () => highlevel.addLocation({ companyId: company.id }));
  const roles = ['web', 'web', 'worker', 'worker'];
  const first = await world.start({ ROLE: 'web' });
  const programs: Program[] = [first, ...(await Promise.all(roles.slice(1).map((ROLE) => world.startAnother({ ROLE }))))];
  const [web] = programs as [Program];

  try {
    await fetch(`${web.url}/oauth/callback?code=${highlevel.approveCompanyInstall(company.id)}`);
    // Events come in another order, and some are lost while a process is down: the listing finds those locations.
    const events = locations.toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, 60);
    const reported = Promise.all(
      events.map(({ id }) => highlevel.postEvent({ type: 'INSTALL', companyId: company.id, locationId: id })),
    );

    const progress = async () => world.getFromApi(programs[0] as Program, `/companies/${company.id}`).catch(() => null);
    const connected = async () => (await progress())?.locations?.active ?? 0;
    for (const [victim, from] of [
      [2, 20],
      [3, 60],
      [1, 100],
    ] as const) {
      await pollUntil(async () => (await connected()) >= from, `${from} are connected`, 240_000);
      await programs[victim]?.end('SIGKILL');
      programs[victim] = await world.startAnother({ ROLE: roles[victim] as string });
    }
    await reported;
    await pollUntil(async () => (await connected()) === locationCount, 'all are connected', 240_000);
    await pollUntil(async () => (await progress())?.sync?.status === 'done', 'the list was read');

    const refused = highlevel.calls.all.filter(({ status, refusal }) => status >= 400 || refusal !== null);
    expect(refused).toEqual([]);
    const minted = new Set(
      highlevel.calls.listByOperation('mintLocationToken').map(({ body }) => (body as { locationId: string }).locationId),
    );
    expect(minted.size).toBe(locationCount);
    expect((await progress())?.locations).toMatchObject({ pending: 0, active: locationCount, reauth_required: 0 });

    await expectOneRefresh(world, programs);
  } finally {
    await Promise.all(programs.map((program) => program.end('SIGKILL')));
  }
}, 600_000);

/** Expires the token under many jobs of two workers at once. */
async function expectOneRefresh(world: Awaited<ReturnType<typeof startProduction>>, [web, , , worker]: Program[]) {
  const { highlevel } = world;
  await world.setUpLocation(web as Program);
  highlevel.expireTokens();
  const sent = [];
  for (let index = 0; index < messageCount; index++) {
    const contact = highlevel.addContact(world.location.id, { phone: `+1202556${1000 + index}` });
    sent.push(highlevel.sendMessage(world.location.id, { contactId: contact.id, text: `message ${index}` }));
  }
  const ids = (await Promise.all(sent)).map(({ messageId }) => messageId);
  // A worker may die while it uses the token.
  await pollUntil(() => highlevel.calls.listByOperation('token:refresh_token').length > 0, 'the token is refreshed');
  await worker?.end('SIGKILL');
  await pollUntil(() => ids.every((id) => highlevel.listStatuses(id).length > 0), 'all are reported', 120_000);
  // A worker killed between HighLevel's response and its commit leaves only its active reports to be repeated.
  const reported = ids.map((id) => highlevel.listStatuses(id));
  expect(reported.every((statuses) => statuses.every((status) => status === 'delivered'))).toBe(true);
  expect(reported.filter((statuses) => statuses.length > 1).length).toBeLessThanOrEqual(50);
  expect(reported.every((statuses) => statuses.length <= 2)).toBe(true);
  // The token as well: it is spent for the same successor.
  const spent = highlevel.calls
    .listByOperation('token:refresh_token')
    .map(({ body }) => (body as { refresh_token: string }).refresh_token);
  expect(new Set(spent).size).toBe(1);
  expect(spent.length).toBeLessThanOrEqual(2);
  expect(highlevel.calls.listByOperation('reconnect')).toEqual([]);
}
