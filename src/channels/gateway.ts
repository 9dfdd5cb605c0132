import type { AxiosResponse } from 'axios';
import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { createDeadline, dateNow } from '../core/clock.ts';
import { toText } from '../core/foreign.ts';
import { truncate } from '../core/sanitize.ts';
import { isPrivateHost, toJsonObject, toRequestFailure } from '../runtime/outbound-http.ts';
import { createSignatureHeaders, isSigningSecret, requireSignature } from '../runtime/standard-webhooks.ts';
import { type Channel, type ChannelTools, defineChannel, type OutboundMessage, type SendOutcome } from './channel.ts';
import { errorIn, readGatewayCallback, sendBody } from './gateway-payloads.ts';

/** Where a signed message goes and how long we wait; what `gateway` and channels built on it share. */
export interface SignedTarget {
  readonly url: string;
  readonly secret: string;
  /** The one before, while it is still good. */
  readonly previousSecret?: string | undefined;
  readonly timeoutMs: number;
}

/**
 * Any HTTP service as a channel, by the gateway protocol of `docs/gateway-protocol.md`: signed both ways, repeats dropped by
 * `webhook-id`, receipts when it has them.
 *
 * @param options.allowPrivateTargets lets connections reach private addresses and use plain http
 */
export function gatewayChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<z.output<ReturnType<typeof configSchema>>>({
    type: 'gateway',
    title: 'HTTP gateway',
    configSchema: configSchema(options.allowPrivateTargets),
    can: { receipts: true, media: true, email: true, dropsRepeats: true },
    signatureHeader: 'webhook-signature',
    guide: 'gateway-protocol',
    send: (tools, { config, previousConfig }, message) =>
      sendSigned(tools, { ...config, previousSecret: previousConfig?.secret }, message, sendBody(message)),
    readCallback({ config, previousConfig }, event, callback) {
      const secrets = previousConfig ? [config.secret, previousConfig.secret] : [config.secret];
      requireSignature(secrets, callback.headers, callback.body);
      return readGatewayCallback(event, callback.body);
    },
  });
}

function configSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'must be an http or https address' })
      .refine((url) => allowPrivateTargets || url.startsWith('https:'), {
        error: 'must start with https://',
        params: { code: 'https' },
      })
      .refine((url) => allowPrivateTargets || !isPrivateHost(new URL(url).hostname), {
        error: 'must not be a private or reserved address',
        params: { code: 'private' },
      })
      .meta({ title: 'Address', description: 'Where messages are posted.', placeholder: 'https://gateway.example/send' }),
    secret: z
      .string()
      .trim()
      .refine(isSigningSecret, { error: 'must be whsec_ followed by the base64 of 16 to 64 random bytes' })
      .meta({
        title: 'Secret',
        description: 'Signs requests in both directions (Standard Webhooks).',
        sensitive: true,
        generate: 'signingSecret',
      }),
    timeoutMs: z
      .int()
      .min(1_000)
      .max(60_000)
      .default(10_000)
      .meta({ title: 'Time-out', description: 'How long to wait for an answer, in milliseconds.', advanced: true }),
  });
}

/** Posts one message, signed, and reads the answer. */
export async function sendSigned(
  tools: ChannelTools,
  target: SignedTarget,
  message: OutboundMessage,
  content: Record<string, unknown>,
): Promise<SendOutcome> {
  const body = JSON.stringify(content);
  const headers = createSignatureHeaders(
    [target.secret, target.previousSecret ?? []].flat(),
    message.sendingId,
    dateNow(tools.clock),
    body,
  );
  // The client's own time-out is one of silence: an answer that comes drop by drop would never be late.
  const until = createDeadline(tools.clock, target.timeoutMs, tools.signal);
  let response: AxiosResponse<unknown>;
  try {
    response = await tools.http.post(target.url, body, {
      headers: { 'content-type': 'application/json', ...headers },
      timeout: target.timeoutMs,
      signal: until.signal,
    });
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = `The gateway could not be reached: ${until.isOver() ? 'no answer in time' : failure.message}.`;
    return failure.sent === 'no'
      ? { kind: 'busy', code: 'unreachable', message }
      : { kind: 'unknown', code: 'no_answer', message };
  } finally {
    until.dispose();
  }
  // A far side that echoes its request must not bring our secret into the log.
  const said = typeof response.data === 'string' ? response.data : '';
  response.data = [target.secret, target.previousSecret ?? []].flat().reduce(withoutSecret, said);
  const outcome = readSendAnswer(response, tools.clock.now());
  return { ...outcome, answer: truncate(`HTTP ${response.status} ${response.data}`.trim()) };
}

function withoutSecret(text: string, secret: string): string {
  return text.replaceAll(secret.replace(/^whsec_/, ''), '[redacted]');
}

/** 4xx answers that may come from before the gateway has looked at the message: from its door, or from a proxy. */
const ofTheWay = new Set([401, 403, 404, 405, 407]);

/** 4xx answers that pass by themselves. */
const passing = new Set([408, 425, 429]);

/**
 * Reads a gateway's answer: 2xx is accepted or delivered, unless it says `failed`; 4xx is final but for three, everything else is tried
 * again. A status that the protocol does not know promises no more than that it was accepted.
 *
 * @param nowMs to read a `Retry-After` that is a date
 */
export function readSendAnswer(response: AxiosResponse<unknown>, nowMs: number): SendOutcome {
  const { status } = response;
  const body = toJsonObject(response);
  const error = errorIn(body.error);
  if (status >= 200 && status < 300) {
    const word = toText(body.status)?.trim().toLowerCase();
    if (word === 'failed') {
      const message = error.message ?? 'The gateway says that it has not sent the message.';
      return { kind: 'refused', code: truncate(error.code ?? 'failed', 200), message: truncate(message), isItsWord: true };
    }
    // As receipts name it.
    const externalId = toText(body.externalId)?.trim();
    return {
      kind: word === 'delivered' || word === 'read' ? 'delivered' : 'accepted',
      ...(externalId && externalId.length <= maxChars.externalId ? { externalId } : {}),
    };
  }
  const code = truncate(error.code ?? `http_${status}`, 200);
  const said = truncate(error.message ?? `The gateway answered ${status}.`);
  if (status >= 400 && status < 500 && !passing.has(status)) {
    return { kind: 'refused', code, message: said, isItsWord: error.code !== undefined && !ofTheWay.has(status) };
  }
  const retryAfterMs = retryAfter(response.headers['retry-after'], nowMs);
  return { kind: 'busy', code, message: said, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

const dayMs = 24 * 60 * 60 * 1000;

/** `Retry-After` in seconds or as a date, as milliseconds from now; a day at most, so that a mistake does not park a message. */
function retryAfter(header: unknown, nowMs: number): number | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), dayMs);
}
