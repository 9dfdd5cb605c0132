import type { IncomingHttpHeaders } from 'node:http';
import type { AxiosResponse } from 'axios';
import type { Clock } from '../../core/clock.ts';
import { dateNow, sleep } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import { formatCount } from '../../core/format-count.ts';
import type { NewId, RandomSource } from '../../core/ids.ts';
import { type HttpClient, toRequestFailure } from '../../runtime/outbound-http.ts';
import { createSignatureHeaders, generateSigningSecret, requireSignature } from '../../runtime/standard-webhooks.ts';
import type { ChannelEvent } from '../channel.ts';
import { parseSendResponse } from './gateway.ts';
import { readGatewayWebhook } from './protocol.ts';

export interface GatewayCheckDeps {
  http: HttpClient;
  clock: Clock;
  newId: NewId;
  random: RandomSource;
}

export interface GatewayCheckOptions {
  /** Address that messages are posted to. */
  url: string;
  secret: string;
  /** Number that takes messages. */
  to: string;
  /** Numbers for which the gateway refuses for good, and for now; without one, that is not tried. */
  rejectedTo?: string | undefined;
  busyTo?: string | undefined;
  /** Waits for callbacks this long. */
  waitMs: number;
}

/** One line of the check. `skipped`: it was not asked for. */
export interface GatewayCheckResult {
  name: string;
  status: 'ok' | 'failed' | 'skipped';
  /** What was seen, and what to do about it. */
  details: string;
}

/** A gateway's callback, with the problem that it has. */
interface Callback {
  event: ChannelEvent | null;
  problem: string | null;
  isRepeat: boolean;
}

export interface GatewayCheck {
  /** Responds to a callback of the gateway, as the program does. @returns the HTTP status */
  receive(event: string, headers: IncomingHttpHeaders, body: Buffer): number;
  /** Runs all checks, one after another. */
  run(print: (result: GatewayCheckResult) => void): Promise<readonly GatewayCheckResult[]>;
}

const pollMs = 50;
const oldMs = 10 * 60 * 1000;

type Verdict = Pick<GatewayCheckResult, 'status' | 'details'>;
const ok = (details: string): Verdict => ({ status: 'ok', details });
const failed = (details: string): Verdict => ({ status: 'failed', details });
const skipped = (details: string): Verdict => ({ status: 'skipped', details });

/** Creates a check that plays the program's side of the gateway protocol (`docs/gateway-protocol.md`) against a gateway. */
export function createGatewayCheck(deps: GatewayCheckDeps, options: GatewayCheckOptions): GatewayCheck {
  const { clock, newId } = deps;
  const { url, secret, to, waitMs } = options;
  const callbacks: Callback[] = [];
  const bodies = new Set<string>();
  let hasRefused = false;

  const buildBody = (fields: object = {}) => ({
    ...{ type: 'message', id: newId(), locationId: 'check', contactId: 'check', conversationId: 'check', channel: 'sms', to },
    ...{ from: null, text: 'ping', html: null, subject: null, attachments: [], replyToExternalId: null },
    ...fields,
  });
  const post = async (body: string, headers: Record<string, string>): Promise<AxiosResponse<unknown> | string> => {
    try {
      // As bytes: a text that is not JSON would be encoded.
      return await deps.http.post(url, Buffer.from(body), { headers: { 'content-type': 'application/json', ...headers } });
    } catch (error) {
      return toRequestFailure(error).message;
    }
  };
  const send = (message: { id: string }, secrets: readonly string[] = [secret], at = dateNow(clock)) => {
    const body = JSON.stringify(message);
    return post(body, createSignatureHeaders(secrets, message.id, at, body));
  };
  const expectRefused = async (response: Promise<AxiosResponse<unknown> | string>, advice: string): Promise<Verdict> => {
    const got = await response;
    if (typeof got === 'string') return failed(`${got}.`);
    if (got.status === 401 || got.status === 403) return ok(`${got.status}`);
    return failed(`it responded ${got.status} instead of 401: ${advice}`);
  };

  const message = buildBody();
  let externalIds: readonly string[] = [];
  let first: AxiosResponse<unknown> | null = null;

  const checks: [string, () => Promise<Verdict>][] = [
    [
      'a request without a signature is refused',
      () => expectRefused(post(JSON.stringify(buildBody()), {}), 'verify the headers of Standard Webhooks.'),
    ],
    [
      'a signature with another secret is refused',
      () =>
        expectRefused(send(buildBody(), [generateSigningSecret(deps.random)]), 'compare the HMAC with the one of your secret.'),
    ],
    [
      'a body that was changed after it was signed is refused',
      () => {
        const signed = buildBody();
        const headers = createSignatureHeaders([secret], signed.id, dateNow(clock), JSON.stringify(signed));
        return expectRefused(post(JSON.stringify({ ...signed, text: 'changed' }), headers), 'sign the raw bytes of the body.');
      },
    ],
    [
      'a signature that is ten minutes old is refused',
      () =>
        expectRefused(
          send(buildBody(), [secret], new Date(clock.now() - oldMs)),
          'compare webhook-timestamp with the clock: five minutes are allowed.',
        ),
    ],
    [
      'a message is accepted, with one of two signatures matching as after a change of the secret',
      async () => {
        const got = await send(message, [generateSigningSecret(deps.random), secret]);
        if (typeof got === 'string') return failed(`${got}.`);
        const outcome = parseSendResponse(got, clock.now());
        if (outcome.kind !== 'accepted' && outcome.kind !== 'delivered') {
          return failed(`it responded ${got.status} ${String(got.data)}: respond 2xx to a message to ${to}.`);
        }
        first = got;
        externalIds = outcome.externalIds ?? [];
        return ok(`${outcome.kind}, externalId ${externalIds[0] ?? 'none'}`);
      },
    ],
    [
      'a repeat of the same webhook-id is sent once and gets the same response',
      async () => {
        if (!first) return skipped('no message was accepted.');
        const [one, other] = await Promise.all([send(message), send(message)]);
        for (const got of [one, other]) {
          if (typeof got === 'string') return failed(`${got}.`);
          if (got.status !== first.status || got.data !== first.data) {
            return failed(
              `it responded ${got.status} ${String(got.data)}: keep the response by webhook-id, and return it again.`,
            );
          }
        }
        return ok('the same response, twice');
      },
    ],
    [
      'an address that is none is refused for good, with a code',
      () => expectRejected(send(buildBody({ to: 'not an address' }))),
    ],
    [
      'a body that is not JSON is refused',
      async () => {
        const id = newId();
        const got = await post('{', createSignatureHeaders([secret], id, dateNow(clock), '{'));
        if (typeof got === 'string') return failed(`${got}.`);
        const isRefused = got.status >= 400 && got.status < 500 && got.status !== 401 && got.status !== 403;
        return isRefused ? ok(`${got.status}`) : failed(`it responded ${got.status} instead of 400.`);
      },
    ],
    [
      'a number that is refused for good',
      async () =>
        options.rejectedTo
          ? expectRejected(send(buildBody({ to: options.rejectedTo })))
          : skipped('name a number with --rejects that your gateway refuses.'),
    ],
    [
      'a number that is refused for now',
      async () => {
        if (!options.busyTo) return skipped('name a number with --busy for which your gateway responds 429 or 5xx.');
        const got = await send(buildBody({ to: options.busyTo }));
        if (typeof got === 'string') return failed(`${got}.`);
        const outcome = parseSendResponse(got, clock.now());
        return outcome.kind === 'unavailable'
          ? ok(`${got.status}, Retry-After ${String(got.headers['retry-after'] ?? 'none')}`)
          : failed(`it responded ${got.status}: use 429 with Retry-After, or 5xx, for what is retried.`);
      },
    ],
    [
      'the state of the message is called back, signed',
      async () => {
        if (!first) return skipped('no message was accepted.');
        const found = await waitForCallback(
          ({ event }) =>
            event?.kind === 'receipt' &&
            (event.receipt.messageId === message.id || externalIds.includes(event.receipt.externalId ?? '')),
        );
        return found?.event?.kind === 'receipt' ? ok(found.event.receipt.state) : missing('status');
      },
    ],
    [
      'a callback that got 503 is repeated',
      async () => {
        if (!first) return skipped('no message was accepted.');
        return (await waitForCallback(({ isRepeat }) => isRepeat))
          ? ok('repeated')
          : failed('the first callback got 503 and did not come again: repeat it for a while.');
      },
    ],
    [
      'a reply is called back, signed',
      async () => {
        const found = await waitForCallback(({ event }) => event?.kind === 'inbound');
        return found?.event?.kind === 'inbound'
          ? ok(`from ${found.event.inbound.from}`)
          : missing('inbound', ` Reply to the message from ${to} meanwhile, or wait longer with --wait.`);
      },
    ],
    [
      'every callback is signed and has the form of the protocol',
      async () => {
        const problems = [...new Set(callbacks.flatMap(({ problem }) => problem ?? []))];
        return problems.length === 0 ? ok(formatCount(callbacks.length, 'callback')) : failed(problems.join(' '));
      },
    ],
  ];

  async function expectRejected(response: Promise<AxiosResponse<unknown> | string>): Promise<Verdict> {
    const got = await response;
    if (typeof got === 'string') return failed(`${got}.`);
    const outcome = parseSendResponse(got, clock.now());
    if (outcome.kind === 'rejected' && outcome.isAuthoritative) return ok(`${got.status}, code ${outcome.code}`);
    return failed(`it responded ${got.status} ${String(got.data)}: respond 400 with {"error":{"code":"…","message":"…"}}.`);
  }

  async function waitForCallback(matches: (callback: Callback) => boolean): Promise<Callback | undefined> {
    const until = clock.now() + waitMs;
    for (;;) {
      const found = callbacks.find(matches);
      if (found || clock.now() >= until) return found;
      await sleep(clock, pollMs);
    }
  }

  function missing(event: string, more = ''): Verdict {
    const problems = [...new Set(callbacks.flatMap(({ problem }) => problem ?? []))].join(' ');
    return failed(`no valid callback came to …/${event} within ${waitMs / 1000} s. ${problems}${more}`.trim());
  }

  return {
    receive(event, headers, body) {
      const text = `${event} ${body.toString('utf8')}`;
      const isRepeat = bodies.has(text);
      try {
        requireSignature([secret], headers, body, clock.now());
        const read = readGatewayWebhook(event, body);
        bodies.add(text);
        // Once, to see that it is repeated.
        if (!hasRefused) {
          hasRefused = true;
          return 503;
        }
        callbacks.push({ event: read, problem: null, isRepeat });
        return 202;
      } catch (error) {
        if (!isAppError(error)) throw error;
        callbacks.push({ event: null, problem: `${event}: ${[error.message, ...error.details].join(' ')}`, isRepeat: false });
        return error.status;
      }
    },

    async run(print) {
      const results: GatewayCheckResult[] = [];
      for (const [name, check] of checks) {
        const result = { name, ...(await check()) };
        results.push(result);
        print(result);
      }
      return results;
    },
  };
}
