import { classifyError, type ErrorClass, toFailure } from '../../src/channels/waha/errors.ts';
import { startWahaWorld } from './whatsapp-web-world.ts';

const sessionStatus = (status: string) => ({
  error: 'Session status is not as expected. Try again later or restart the session',
  ...{ session: 'default', status, expected: ['WORKING'] },
});

/** Every class of refusal, with the outcome of a send. */
const cases: [name: string, status: number, body: Record<string, unknown>, kind: ErrorClass, outcome: string][] = [
  ['a wrong key', 401, { message: 'Unauthorized', statusCode: 401 }, 'credentials', 'connection_error'],
  ['a key of another session', 403, { message: 'Forbidden' }, 'credentials', 'connection_error'],
  ['an unknown session', 404, { message: 'Session not found' }, 'session_unknown', 'connection_error'],
  ['a session that is logged out', 422, sessionStatus('SCAN_QR_CODE'), 'session_not_working', 'connection_error'],
  ['a session that has failed', 422, sessionStatus('FAILED'), 'session_not_working', 'connection_error'],
  ['a session that starts', 422, sessionStatus('STARTING'), 'starting', 'unavailable'],
  ['an unknown number', 422, { message: 'No LID for user' }, 'not_on_whatsapp', 'rejected'],
  ['a number without WhatsApp', 422, { message: 'The phone number does not exist' }, 'not_on_whatsapp', 'rejected'],
  [
    'an unknown number, as an engine’s exception',
    500,
    { exception: { message: 'No LID for user' } },
    'not_on_whatsapp',
    'rejected',
  ],
  [
    'a session that was deleted',
    422,
    { message: 'Session "default" does not exist' },
    'session_not_working',
    'connection_error',
  ],
  ['a message that is not known', 422, { message: 'The quoted message does not exist' }, 'unknown', 'unknown'],
  ['another refusal', 422, { message: 'Unprocessable' }, 'unknown', 'unknown'],
  [
    'a body that is not valid',
    400,
    { message: ['text must be a string'], error: 'Bad Request' },
    'invalid_request',
    'rejected',
  ],
  ['a kind that the engine lacks', 501, { message: 'Method is not implemented' }, 'not_supported', 'rejected'],
  [
    'a kind that the engine lacks, in words',
    500,
    { message: "The method is not implemented by the engine 'NOWEB'" },
    'not_supported',
    'rejected',
  ],
  ['a file that is too large', 413, {}, 'too_large', 'rejected'],
  ['a limit of a proxy', 429, {}, 'busy', 'unavailable'],
  ['a server that is away', 503, {}, 'busy', 'unavailable'],
  ['an engine that threw', 500, { statusCode: 500, exception: { message: 'Protocol error' } }, 'unknown', 'unknown'],
  ['a proxy without its server', 502, {}, 'unknown', 'unknown'],
  ['a proxy that waited too long', 504, {}, 'unknown', 'unknown'],
];

test.each(cases)('%s (%i) is treated as what it is', async (_name, status, body, kind, outcome) => {
  const error = { kind: 'error', status, body, text: JSON.stringify(body), retryAfterMs: undefined, log: 'log' } as const;
  expect(classifyError(error)).toBe(kind);
  expect(toFailure(error)).toMatchObject({ kind: outcome, message: expect.stringMatching(/\w/) });
  await using world = await startWahaWorld();
  world.vendor.setFault({ kind: 'error', status, body });
  expect(await world.send()).toMatchObject({ kind: outcome });
  expect(world.vendor.listMessages()).toEqual([]);
});

test('a page of a proxy is not shown to people as the server’s reason', () => {
  const error = { kind: 'error', status: 502, body: {}, text: '<html>nginx</html>', retryAfterMs: undefined, log: '' } as const;
  expect(toFailure(error).message).not.toMatch(/html/);
});

test('a failed look-up of a number leaves no doubt: the message was not sent, and is sent later', async () => {
  await using world = await startWahaWorld();
  world.vendor.setLink('failed');
  expect(await world.send()).toMatchObject({ kind: 'connection_error', code: 'session_not_working' });
  const context = world.createContext({ baseUrl: 'http://127.0.0.1:9' });
  expect(await world.send({}, context)).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
});
