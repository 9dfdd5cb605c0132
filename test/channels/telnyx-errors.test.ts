import fc from 'fast-check';
import { classifyError, findError, isOptOut, toErrorOutcome } from '../../src/channels/telnyx/errors.ts';
import { message, startTelnyxWorld } from './telnyx-world.ts';

const list = (text: string) => text.split(' ');

/** Codes of responses, by what they mean for the message. */
const responses: [string, string[], object][] = [
  [
    'final for the message',
    list('10002 10015 10016 40001 40003 40005 40008 40009 40012 40301 40302 40304 40309 40310 40316 40317 40319 40322 40328'),
    { kind: 'rejected', isAuthoritative: true },
  ],
  ['for later', list('10011 40002 40004 40006 40011 40014 40016 40017 40018 40318 40320'), { kind: 'unavailable' }],
  [
    'about the account or its sender',
    list(
      '10005 10009 10010 20002 20006 20012 20013 20014 20015 20016 20017 20100 40010 40013 40100 40150 40151 40305 40306 40308 40311 40312 40313 40314 40315 40321 40329 40333',
    ),
    { kind: 'connection_error' },
  ],
  ['unknown', ['10007'], { kind: 'unknown' }],
];

const cases = responses.flatMap(([meaning, codes, outcome]) => codes.map((code) => [code, meaning, outcome] as const));

test.each(cases)('the code %s is %s', async (code, _meaning, outcome) => {
  await using world = await startTelnyxWorld();
  world.telnyx.setFault({ kind: 'error', status: 400, errors: [{ code, title: 'Telnyx’s own words' }] });
  expect(await world.channel.send(world.createContext(), message)).toMatchObject({ ...outcome, code });
});

test.each([
  ['Blocked due to STOP message', undefined, true],
  ['Blocked', 'The recipient has opted out of messages.', true],
  ['Blocked', 'The recipient unsubscribed.', true],
  ['Blocked', 'opt-out', true],
  ['Message rejected by the carrier', 'Choose another option, or stopgap.', false],
  ['Adopted', undefined, false],
  [undefined, undefined, false],
])('40300 and 40008 are opt-outs by their text only: %s, %s', (title, detail, isOptedOut) => {
  const words = [title, detail].filter(Boolean).join(': ') || undefined;
  for (const code of ['40300', '40008']) {
    const error = { status: 400, code, message: words, retryAfterMs: undefined };
    expect(isOptOut(error)).toBe(isOptedOut);
    const outcome = toErrorOutcome(error, false);
    expect(outcome.kind).toBe('rejected');
    expect('optedOut' in outcome).toBe(isOptedOut);
  }
  expect(isOptOut({ code: '40003', message: 'STOP' })).toBe(false);
});

test.each([
  [400, 'rejected'],
  [401, 'connection_error'],
  [402, 'connection_error'],
  [403, 'connection_error'],
  [404, 'rejected'],
  [408, 'unknown'],
  [422, 'rejected'],
  [425, 'unavailable'],
  [429, 'unavailable'],
  [500, 'unknown'],
  [502, 'unknown'],
  [503, 'unknown'],
  [302, 'unknown'],
])('a code that Telnyx has added counts by its status: %i is %s', (status, kind) => {
  for (const code of ['99999', undefined]) {
    expect(toErrorOutcome({ status, code, message: undefined, retryAfterMs: undefined }, false).kind).toBe(kind);
  }
});

test('a limit is a limit with any code, and Retry-After is its time', async () => {
  await using world = await startTelnyxWorld();
  const errors = [{ code: '10009', title: 'x' }];
  world.telnyx.setFault({ kind: 'error', status: 429, errors, retryAfterSeconds: 7 });
  expect(await world.channel.send(world.createContext(), message)).toMatchObject({ kind: 'unavailable', retryAfterMs: 7_000 });
});

test('a missing Authorization header is a 404 at Telnyx, and holds the connection as a refused key does', () => {
  expect(classifyError({ status: 404, code: '10005' })).toBe('account');
});

test('a sender that the message has named, and its profile, are its own problem and hold no connection', async () => {
  await using world = await startTelnyxWorld();
  const own = { ...message, from: '+12025550199' };
  expect(await world.channel.send(world.createContext(), own)).toMatchObject({ kind: 'rejected', code: '40305' });
  for (const code of ['40311', '40312', '40313', '40314', '40333']) {
    world.telnyx.setFault({ kind: 'error', status: 400, errors: [{ code, title: 'Messaging profile' }] });
    expect(await world.channel.send(world.createContext(), own)).toMatchObject({ kind: 'rejected', code });
  }
  world.telnyx.setFault({ kind: 'error', status: 400, errors: [{ code: '40013', title: 'Invalid source number' }] });
  const ownOfConnection = { ...message, from: world.from };
  expect(await world.channel.send(world.createContext(), ownOfConnection)).toMatchObject({ kind: 'connection_error' });
});

test('the rules of the simulated Telnyx have its codes, and the channel’s outcomes', async () => {
  await using world = await startTelnyxWorld();
  const send = (change: object, config = {}) => world.channel.send(world.createContext(config), { ...message, ...change });
  expect(await send({ from: 'Harbour' }, { messagingProfileId: world.profile.id })).toMatchObject({ kind: 'accepted' });
  expect(await send({}, { from: '+12025550122' })).toMatchObject({ kind: 'connection_error', code: '40100' });
  expect(await send({}, { messagingProfileId: '00000000-0000-4000-a000-000000000000' })).toMatchObject({ code: '40311' });
  world.profile.enabled = false;
  expect(await send({})).toMatchObject({ kind: 'connection_error', code: '40312' });
  world.profile.enabled = true;
  world.telnyx.state.optOuts.push({ profileId: world.profile.id, contact: message.to });
  expect(await send({})).toMatchObject({ kind: 'rejected', code: '40300', optedOut: 'all' });
  world.account.isActive = false;
  expect(await send({})).toMatchObject({ kind: 'connection_error', code: '20012' });
});

test('every error is classified, and no code is another code’s name', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), fc.option(fc.string(), { nil: undefined }), (status, code) => {
      const outcome = toErrorOutcome({ status, code, message: undefined, retryAfterMs: undefined }, false);
      expect(outcome).toMatchObject({ code: expect.any(String), message: expect.stringMatching(/\w/) });
    }),
  );
  for (const name of ['constructor', '__proto__', 'toString']) expect(findError(name)).toBeUndefined();
});
