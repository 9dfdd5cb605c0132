import fc from 'fast-check';
import { readApiError } from '../../src/channels/twilio/api.ts';
import { classifyError, findError, toErrorOutcome } from '../../src/channels/twilio/errors.ts';
import { message, startTwilioWorld } from './twilio-world.ts';

const list = (text: string) => text.split(' ');

/** Codes of responses, by what they mean for the message. */
const responses: [string, string[], object][] = [
  [
    'final for the message',
    list(
      '21211 21214 21217 21604 21612 21614 21602 21619 21617 21620 21623 21652 21653 21654 21655 21656 21658 21608 21408 21606 21622 21703',
    ),
    { kind: 'rejected', isAuthoritative: true },
  ],
  ['an opt-out', ['21610'], { kind: 'rejected', optedOut: 'all' }],
  ['for later', list('20429 21611 14107'), { kind: 'unavailable' }],
  [
    'about the account',
    list(
      '20003 20005 20006 20008 20403 20404 21609 21212 21601 21603 21607 21657 21701 21702 21704 21705 21708 21709 21711 21712',
    ),
    { kind: 'connection_error' },
  ],
  ['unknown', list('20500 20503'), { kind: 'unknown' }],
];

const cases = responses.flatMap(([meaning, codes, outcome]) => codes.map((code) => [code, meaning, outcome] as const));

test.each(cases)('the code %s is %s', async (code, _meaning, outcome) => {
  await using world = await startTwilioWorld();
  world.twilio.setFault({ kind: 'error', status: 400, code: Number(code), message: 'Twilio’s own words' });
  expect(await world.channel.send(world.createContext(), message)).toMatchObject({ ...outcome, code });
});

test.each([
  [400, 'rejected'],
  [401, 'connection_error'],
  [403, 'connection_error'],
  [404, 'rejected'],
  [408, 'unknown'],
  [409, 'rejected'],
  [425, 'unavailable'],
  [429, 'unavailable'],
  [500, 'unknown'],
  [502, 'unknown'],
  [503, 'unknown'],
  [302, 'unknown'],
])('a code that Twilio has added counts by its status: %i is %s', (status, kind) => {
  for (const code of ['99999', undefined]) {
    expect(toErrorOutcome({ status, code, message: undefined, retryAfterMs: undefined }, false).kind).toBe(kind);
  }
});

test('a limit is a limit with any code, and Retry-After is its time', async () => {
  await using world = await startTwilioWorld();
  world.twilio.setFault({ kind: 'error', status: 429, code: 20003, retryAfterSeconds: 7 });
  const outcome = await world.channel.send(world.createContext(), message);
  expect(outcome).toMatchObject({ kind: 'unavailable', retryAfterMs: 7_000 });
});

test('a sender that the message has named is its own problem, and holds no connection', async () => {
  await using world = await startTwilioWorld();
  const own = { ...message, from: '+12025550199' };
  world.twilio.setFault({ kind: 'error', status: 400, code: 21212 });
  expect(await world.channel.send(world.createContext(), own)).toMatchObject({ kind: 'rejected', code: '21212' });
  const ownOfConnection = { ...message, from: world.from };
  expect(await world.channel.send(world.createContext(), ownOfConnection)).toMatchObject({ kind: 'connection_error' });
});

test('the rules of the simulated Twilio have its codes, and the channel’s outcomes', async () => {
  await using world = await startTwilioWorld();
  const send = (change: object, config = {}) => world.channel.send(world.createContext(config), { ...message, ...change });
  expect(await send({ to: '12' })).toMatchObject({ kind: 'rejected', code: '21211' });
  expect(await send({}, { from: '+12025550999' })).toMatchObject({ kind: 'rejected', code: '21606' });
  expect(await send({}, { from: 'whatsapp:+12025550999' })).toMatchObject({ kind: 'connection_error', code: '63007' });
  expect(await send({}, { messagingServiceSid: `MG${'0'.repeat(32)}` })).toMatchObject({
    kind: 'connection_error',
    code: '21701',
  });
  await world.twilio.receive({ from: message.to, to: world.from, text: 'Stop ' });
  expect(await send({})).toMatchObject({ kind: 'rejected', code: '21610', optedOut: 'all' });
  await world.twilio.receive({ from: message.to, to: world.from, text: 'START' });
  expect(await send({})).toMatchObject({ kind: 'accepted' });
  world.account.type = 'Trial';
  expect(await send({})).toMatchObject({ kind: 'rejected', code: '21608' });
  expect(await send({}, { authToken: 'wrong' })).toMatchObject({ kind: 'connection_error', code: '20003' });
});

/** Codes of status callbacks. */
const callbacks: [string, string[]][] = [
  [
    'rejected',
    list(
      '30003 30004 30005 30006 30007 30008 30011 30019 63003 63005 63013 63019 63021 63024 63026 63031 63032 63034 30450 30610 30640 30036 63015 63016 63027 63028 63040 63041 63042',
    ),
  ],
  ['opted_out', list('63014 63033')],
  ['busy', list('30001 30017 30022 30023 30027 30410 63009 63010 63012 63017 63018 63038')],
  ['sender', list('30018 30024 30032 30033 30034 30035 63001 63002 63007 63008 63020 63022 63051')],
  ['account', ['30002']],
];

test.each(callbacks.flatMap(([errorClass, codes]) => codes.map((code) => [code, errorClass])))(
  'the code %s of a callback is "%s", and has words for people',
  (code, errorClass) => {
    expect(findError(code)).toMatchObject({ class: errorClass, message: expect.stringMatching(/^\S.*\.$/) });
  },
);

test('an error of the older and of the newer form is read; a code of 0 is none', () => {
  expect(readApiError({ code: 21211, message: 'no', more_info: 'x', status: 400 })).toEqual({ code: '21211', message: 'no' });
  expect(readApiError({ type: 'x', title: 't', status: 400, code: 20001, detail: 'd' })).toEqual({
    code: '20001',
    message: 'd',
  });
  expect(readApiError({ code: 0, title: 't' })).toEqual({ code: undefined, message: 't' });
});

test('any status and code has a class', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), fc.option(fc.string(), { nil: undefined }), (status, code) => {
      expect(classifyError({ status, code })).toEqual(expect.any(String));
    }),
  );
  expect(findError('constructor')).toBeUndefined();
});
