import { classifyError, type ErrorClass, toFailure } from '../../src/channels/evolution/errors.ts';
import { startEvolutionWorld } from './whatsapp-web-world.ts';

const refusal = (status: number, message: unknown) => ({ status, error: 'Bad Request', response: { message } });

/** Every class of refusal, with the outcome of a send while the instance is connected. */
const cases: [name: string, status: number, body: Record<string, unknown>, kind: ErrorClass, outcome: string][] = [
  ['a wrong key', 401, { status: 401, response: { message: 'Unauthorized' } }, 'credentials', 'connection_error'],
  ['an unknown instance', 404, refusal(404, ['The "a" instance does not exist']), 'instance_unknown', 'connection_error'],
  [
    'a server that is not activated',
    503,
    { error: 'service not activated', code: 'LICENSE_REQUIRED', register_url: 'https://license.example/r?a=1' },
    'license_required',
    'connection_error',
  ],
  ['a number without WhatsApp', 400, refusal(400, [{ jid: '1@s.whatsapp.net', exists: false }]), 'not_on_whatsapp', 'rejected'],
  ['the same in a list of lists', 400, refusal(400, [[{ exists: false, number: '1' }]]), 'not_on_whatsapp', 'rejected'],
  [
    'a body of another version',
    400,
    refusal(400, [['instance requires property "textMessage"']]),
    'invalid_request',
    'rejected',
  ],
  ['a file that is refused', 400, refusal(400, 'Owned media must be a url or base64'), 'media_refused', 'rejected'],
  ['a file that is too large', 413, {}, 'too_large', 'rejected'],
  ['a connection that closed', 400, refusal(400, ['Error: Connection Closed']), 'ambiguous', 'unknown'],
  ['a time-out', 400, refusal(400, ['Timed Out']), 'ambiguous', 'unknown'],
  ['an error of several', 500, refusal(500, 'AggregateError'), 'ambiguous', 'unknown'],
  ['a missing session', 400, refusal(400, 'Precondition Required'), 'ambiguous', 'unknown'],
  ['words of a stack', 400, refusal(400, 'TypeError\n    at send (whatsapp.js)'), 'ambiguous', 'unknown'],
  ['words that no table has', 400, refusal(400, 'Strange'), 'unknown', 'unknown'],
  ['a server that failed', 500, refusal(500, 'Internal'), 'unknown', 'unknown'],
  ['a proxy without its server', 502, {}, 'unknown', 'unknown'],
  ['a server that is away', 503, {}, 'busy', 'unavailable'],
  ['a limit of a proxy', 429, {}, 'busy', 'unavailable'],
];

test.each(cases)('%s (%i) is treated as what it is', async (_name, status, body, kind, outcome) => {
  const error = { kind: 'error', status, body, text: JSON.stringify(body), retryAfterMs: undefined, log: 'log' } as const;
  expect(classifyError(error)).toBe(kind);
  expect(toFailure(error)).toMatchObject({ kind: outcome, message: expect.stringMatching(/\w/) });
  await using world = await startEvolutionWorld();
  world.vendor.setFault({ kind: 'error', status, body });
  expect(await world.send()).toMatchObject({ kind: outcome });
  expect(world.vendor.listMessages()).toEqual([]);
});

test('a refusal without a reason, while the instance is not connected, holds the connection and leaves no doubt', async () => {
  await using world = await startEvolutionWorld();
  world.vendor.setLink('stopped');
  expect(await world.send()).toMatchObject({ kind: 'connection_error', code: 'instance_not_connected' });
  world.vendor.setFault({ kind: 'error', status: 400, body: refusal(400, 'Connection Closed') });
  expect(await world.send()).toMatchObject({ kind: 'unknown' });
});

test('the address at which a server is activated is shown, and no other text in its place', () => {
  const error = (register_url: string) =>
    ({
      kind: 'error',
      ...{ status: 503, retryAfterMs: undefined, text: '', log: '' },
      body: { code: 'LICENSE_REQUIRED', error: 'service not activated', register_url },
    }) as const;
  expect(toFailure(error('https://license.example/r?a=1')).message).toContain('https://license.example/r?a=1');
  expect(toFailure(error('javascript:alert(1)')).message).not.toContain('javascript');
});
