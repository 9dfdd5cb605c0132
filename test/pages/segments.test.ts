import { createPageClient } from '../support/page-client.ts';
import { startWorld, type World } from '../support/world.ts';

const smpp = { host: '127.0.0.1', port: 2775, systemId: 'harbour', password: 'secret' };

async function startWithChannel(type: string, config: object) {
  const world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const path = `/locations/${location.id}/channels/sms`;
  await world.api.put(`${path}?verify=false`, { type, config }).expect(200);
  const pages = await createPageClient(world, { companyId: location.companyId, activeLocation: location.id, role: 'admin' });
  return { world, location, path, pages, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

/** Puts a test in the place of one that was sent: its connection is known then. */
async function sendTest(world: World, path: string, text: string) {
  const { body } = await world.api.post(`${path}/test`, { text }).expect(202);
  return body as { id: string; segments: unknown };
}

test('the segments of a test are counted in the response and on its pages, by the config of its connection', async () => {
  await using test = await startWithChannel('smpp', { ...smpp, longMessages: 'udh16', replaceLookAlikes: true });
  const { world, path, pages } = test;
  const long = await sendTest(world, path, `${'a'.repeat(160)}“”`);
  expect(long.segments).toEqual({ encoding: 'gsm', segmentCount: 2, length: 162, capacity: 304, remaining: 142 });
  const detail = (await world.api.get(`/messages/${long.id}`).expect(200)).body;
  expect(detail.segments).toEqual(long.segments);
  const words = 'Segments: 2 · GSM 7-bit · characters left: 142';
  expect((await pages.get(`messages/${long.id}`).expect(200)).text).toContain(words);
  expect((await pages.get(`channels/sms?test=${long.id}`).expect(200)).text).toContain(words);
  expect((await pages.get(`messages/${long.id}`, 'es').expect(200)).text).toContain('caracteres restantes: 142');
  const form = (await pages.post('channels/sms', { do: 'test', to: '1', text: '😀'.repeat(36) }).expect(422)).text;
  expect(form).toContain('Segments: 2 · UCS-2 · characters left: 60');
  expect(form).toContain('data-segments-of="text"');
});

test.each([
  ['twilio', { accountSid: `AC${'0'.repeat(32)}`, authToken: 'a'.repeat(32), from: '+12025550100' }, true],
  ['twilio', { accountSid: `AC${'0'.repeat(32)}`, authToken: 'a'.repeat(32), from: 'whatsapp:+12025550100' }, false],
  ['gateway', { url: 'http://127.0.0.1:1/', secret: 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0' }, false],
])('a message of %s has segments where it is SMS: %j', async (type, config, hasSegments) => {
  await using test = await startWithChannel(type, config);
  const { segments } = await sendTest(test.world, test.path, 'Ж'.repeat(71));
  expect(segments).toEqual(
    hasSegments ? { encoding: 'ucs2', segmentCount: 2, length: 71, capacity: 134, remaining: 63 } : null,
  );
  expect((await test.pages.get('channels/sms').expect(200)).text.includes('data-segments')).toBe(hasSegments);
});

test('the rule by which receipts find their messages is shown on the connection’s page and in the API', async () => {
  await using test = await startWithChannel('smpp', smpp);
  const { world, location, path, pages } = test;
  expect((await world.api.get(path).expect(200)).body.findings).toMatchObject([{ code: 'ids_unknown' }]);
  const [connection] = await world.services.listConnections(location.id);
  const rule = { form: 'hex_to_decimal', isExact: false, width: 8, isUpperCase: false, place: 0 };
  const { state } = world.services.createChannelContext(
    connection as NonNullable<typeof connection>,
    new AbortController().signal,
  );
  await state.set({ ids: { rule, recent: [], unmatched: [] } });
  expect((await world.api.get(path).expect(200)).body.findings).toEqual([
    { code: 'ids_hex_to_decimal', message: expect.stringContaining('in decimal') },
    { code: 'ids_padded', message: expect.stringContaining('8 characters') },
  ]);
  const shown = (await pages.get('channels/sms').expect(200)).text;
  expect(shown).toContain('Receipts name a message in decimal');
  expect(shown).toContain('with zeros to 8 characters');
});
