import type { AxiosResponse } from 'axios';
import type { WhatsAppConfig } from '../../src/channels/whatsapp-cloud/config.ts';
import { findErrorRule, knownErrorCodes } from '../../src/channels/whatsapp-cloud/error-codes.ts';
import { toGraphResult } from '../../src/channels/whatsapp-cloud/graph.ts';
import { parseGraphError } from '../../src/channels/whatsapp-cloud/graph-error.ts';
import { createPairBackoff, describeGraphError, toFailure } from '../../src/channels/whatsapp-cloud/outcome.ts';

const config = {
  accessToken: 'token-of-a-system-user',
  appSecret: 'the-app-secret',
  verifyToken: 'the-verify-token',
} as WhatsAppConfig;

function respond(status: number, data: unknown) {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const result = toGraphResult(config, { status, data: text, headers: {} } as AxiosResponse<unknown>);
  return result.kind === 'ok' ? result : toFailure(result, () => 16_000);
}

const toError = (code: number, more: object = {}) => ({
  error: { message: `(#${code}) Title`, type: 'OAuthException', code, ...more },
});

/** Every documented code by its class. HTTP statuses vary at Meta, so each is tried with several. */
const classes: Record<string, readonly number[]> = {
  connection_error: [
    ...[
      0, 190, 3, 10, 200, 210, 299, 131005, 33, 368, 131031, 131037, 131042, 131044, 131045, 133010, 133006, 131048, 131064,
      134011,
    ],
  ],
  unavailable: [131057, 2494100, 4, 80007, 130429, 131056, 2, 131016, 133004, 131000],
  rejected: [
    ...[
      130497, 131063, 131049, 130472, 131050, 130403, 131026, 131021, 131030, 131047, 131051, 131052, 131053, 131062, 100,
      131008,
    ],
    ...[131009, 131059, 132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132018, 132068, 132069, 135000, 137000],
  ],
};
const cases = Object.entries(classes).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const));

test.each(cases)('the code %i is %s, whatever the HTTP status', (code, kind) => {
  for (const status of [400, 403, 429, 500, 503]) {
    const outcome = respond(status, toError(code, { error_data: { details: 'Meta’s details' } }));
    expect({ status, kind: outcome.kind }).toEqual({ status, kind });
    expect(outcome).toMatchObject({ message: expect.stringContaining('Meta’s details') });
  }
});

test('every rule has a test, and words that say what to do', () => {
  const tested = cases.map(([code]) => code);
  expect(knownErrorCodes.filter((code) => code !== 1 && !tested.includes(code))).toEqual([]);
  for (const code of knownErrorCodes) {
    const error = { code, subcode: undefined, text: 'Title', isTransient: false };
    const advice = findErrorRule(error, 400)?.advice ?? '';
    expect(advice).toMatch(/^\S.{10,}\.$/);
    expect(describeGraphError(error, advice)).toContain(`(${code})`);
  }
});

test.each([
  [131057, 60_000],
  [2494100, 60_000],
  [4, 300_000],
  [80007, 300_000],
  [130429, 5_000],
])('the code %i pauses all messages of the connection for %i ms', (code, retryAfterMs) => {
  expect(respond(400, toError(code))).toMatchObject({ kind: 'unavailable', retryAfterMs, isConnectionWide: true });
});

test('the limit of one contact, and a failure of Meta’s, pause no other message', () => {
  expect(respond(400, toError(131056))).toMatchObject({ kind: 'unavailable', retryAfterMs: 16_000 });
  for (const code of [131056, 2, 131016, 131000]) expect(respond(400, toError(code))).not.toHaveProperty('isConnectionWide');
});

test('the code 1 is a bad request or a server’s failure: the status decides', () => {
  expect(respond(400, toError(1)).kind).toBe('rejected');
  expect(respond(500, toError(1)).kind).toBe('unavailable');
});

test('an object that the token may not see is a problem of the connection, not of the message', () => {
  expect(respond(400, toError(100, { error_subcode: 33 })).kind).toBe('connection_error');
  expect(respond(400, toError(100)).kind).toBe('rejected');
});

test.each([
  [500, '<h1>Sorry</h1>', 'unknown'],
  [503, '', 'unknown'],
  [500, toError(987654), 'unknown'],
  [500, toError(987654, { is_transient: true }), 'unavailable'],
  [400, toError(987654), 'rejected'],
  [400, toError(987654, { is_transient: true }), 'unavailable'],
  [400, { error: { message: 'no code' } }, 'unavailable'],
  [403, '<h1>Blocked by a proxy</h1>', 'unavailable'],
  [407, '', 'unavailable'],
  [302, '', 'unavailable'],
  [200, toError(131026), 'rejected'],
])('the response %i %j is %s', (status, data, kind) => {
  expect(respond(status, data).kind).toBe(kind);
});

test('the closed window and the stop of marketing have outcomes of their own', () => {
  expect(respond(400, toError(131047))).toMatchObject({ kind: 'rejected', code: 'window_closed', isAuthoritative: true });
  expect(respond(400, toError(131050))).toMatchObject({ kind: 'rejected', optedOut: 'marketing' });
});

test('no secret is in an outcome, though Meta echoes the request', () => {
  const echo = Object.values(config).join(' ');
  const outcome = respond(400, toError(190, { message: echo, error_data: { details: echo } }));
  for (const secret of Object.values(config)) expect(JSON.stringify(outcome)).not.toContain(secret);
  // Nor the half of one where the text is cut.
  for (let length = 260; length < 300; length++) {
    const cut = respond(400, toError(190, { message: 'x'.repeat(length) + config.accessToken }));
    expect(cut).toMatchObject({ message: expect.not.stringContaining('token-') });
  }
});

test.each([
  [
    { code: '190', message: 'x' },
    { code: 190, text: 'x' },
  ],
  [
    { code: 0, title: 'T', message: 'M', error_data: { details: 'D' } },
    { code: 0, text: 'T: D' },
  ],
  [{ code: 1, message: 'T', error_data: { details: 'T, in detail' } }, { text: 'T, in detail' }],
  [{ code: 1, message: 'a\nb', error_data: [] }, { text: 'a b' }],
])('the error %j is read as %j', (value, expected) => {
  expect(parseGraphError(value)).toMatchObject(expected);
});

test.each([null, {}, { code: 'x' }, { code: 1.5 }, { code: null }, 'error', []])('%j is no error of Meta’s', (value) => {
  expect(parseGraphError(value)).toBeNull();
});

test('the wait for one contact is 4^X seconds, and begins again after a message', () => {
  const pairs = createPairBackoff();
  expect([1, 2, 3, 4].map(() => pairs.nextDelayMs('a'))).toEqual([1_000, 4_000, 16_000, 64_000]);
  expect(pairs.nextDelayMs('b')).toBe(1_000);
  pairs.reset('a');
  expect(pairs.nextDelayMs('a')).toBe(1_000);
  for (let tries = 0; tries < 2_000; tries++) pairs.nextDelayMs(`pair-${tries}`);
  expect(Array.from({ length: 20 }, () => pairs.nextDelayMs('c')).at(-1)).toBe(4 ** 6 * 1_000);
});
