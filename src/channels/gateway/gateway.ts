import type { AxiosResponse } from 'axios';
import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { createDeadline, dateNow } from '../../core/clock.ts';
import { toText } from '../../core/foreign.ts';
import { parseRetryAfterMs } from '../../core/retry-after.ts';
import { truncate } from '../../core/sanitize.ts';
import { toJsonObject, toRequestFailure } from '../../runtime/outbound-http.ts';
import { createSignatureHeaders, isSigningSecret, requireSignature } from '../../runtime/standard-webhooks.ts';
import {
  type Capabilities,
  type Channel,
  type ChannelContext,
  defineChannel,
  type OutboundMessage,
  type SendOutcome,
  type WebhookResponse,
} from '../channel.ts';
import { createWebAddressField } from '../web-address.ts';
import { parseError, readGatewayWebhook, toSendBody } from './protocol.ts';

/** Capabilities of every service that speaks the gateway protocol. */
export const gatewayCapabilities: Capabilities = {
  messageTypes: ['sms', 'email'],
  addressType: 'phone',
  attachments: 'urls',
  receipts: true,
  idempotent: true,
  vendorAddresses: false,
  managesOptOuts: false,
};

/** Acknowledges a webhook as the gateway protocol says: a repeat of an inbound message is a 200. */
export function acknowledge(outcome: 'stored' | 'repeated'): WebhookResponse {
  const status = outcome === 'repeated' ? 200 : 202;
  return { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify({ status: outcome }) };
}

/** Target of a signed request, shared by `gateway` and the channels built on it. */
export interface SignedTarget {
  readonly url: string;
  readonly secret: string;
  /** The previous secret, while it is still valid. */
  readonly previousSecret?: string | undefined;
  readonly timeoutMs: number;
}

/**
 * Creates the channel that connects any HTTP service by the gateway protocol of `docs/gateway-protocol.md`: signed in both directions,
 * repeats dropped by `webhook-id`, receipts where the service has them.
 *
 * @param options.allowPrivateTargets lets connections reach private addresses and use plain http
 */
export function createGatewayChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<z.output<ReturnType<typeof createConfigSchema>>>({
    type: 'gateway',
    title: 'HTTP gateway',
    configSchema: createConfigSchema(options.allowPrivateTargets),
    capabilities: gatewayCapabilities,
    setupGuide: 'gateway-protocol',
    send(context, message) {
      const { config, previousConfig } = context.connection;
      return sendSigned(context, { ...config, previousSecret: previousConfig?.secret }, message, toSendBody(message));
    },
    webhooks: {
      paths: ['status', 'inbound'],
      signatureHeader: 'webhook-signature',
      receive({ connection: { config, previousConfig } }, { path, headers, body }) {
        requireSignature(previousConfig ? [config.secret, previousConfig.secret] : [config.secret], headers, body);
        return { events: [readGatewayWebhook(path, body)], response: acknowledge };
      },
    },
  });
}

function createConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    url: createWebAddressField(allowPrivateTargets).meta({
      title: 'Address',
      description: 'URL to which messages are posted.',
      placeholder: 'https://gateway.example/send',
    }),
    secret: z
      .string()
      .trim()
      .refine(isSigningSecret, { error: 'must be whsec_ followed by the base64 of 16 to 64 random bytes' })
      .meta({
        title: 'Secret',
        description: 'Signs requests in both directions (Standard Webhooks).',
        sensitive: true,
        sentTo: [],
        generate: 'signingSecret',
      }),
    timeoutMs: z
      .int()
      .min(1_000)
      .max(60_000)
      .default(10_000)
      .meta({ title: 'Time-out', description: 'Longest wait for a response, in milliseconds.', advanced: true }),
  });
}

/** Posts one message, signed, and reads the response. */
export async function sendSigned(
  context: Pick<ChannelContext<object>, 'http' | 'clock' | 'signal'>,
  target: SignedTarget,
  message: OutboundMessage,
  content: Record<string, unknown>,
): Promise<SendOutcome> {
  const body = JSON.stringify(content);
  const headers = createSignatureHeaders(
    [target.secret, target.previousSecret ?? []].flat(),
    message.idempotencyKey,
    dateNow(context.clock),
    body,
  );
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const timeout = createDeadline(context.clock, target.timeoutMs, context.signal);
  let response: AxiosResponse<unknown>;
  try {
    response = await context.http.post(target.url, body, {
      headers: { 'content-type': 'application/json', ...headers },
      timeout: target.timeoutMs,
      signal: timeout.signal,
    });
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = `The gateway could not be reached: ${timeout.timedOut() ? 'no response in time' : failure.message}.`;
    return failure.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message }
      : { kind: 'unknown', code: 'no_answer', message };
  } finally {
    timeout.dispose();
  }
  // A gateway that echoes its request must not bring our secret into the log.
  const responseText = typeof response.data === 'string' ? response.data : '';
  response.data = [target.secret, target.previousSecret ?? []].flat().reduce(redactSecret, responseText);
  const outcome = parseSendResponse(response, context.clock.now());
  return { ...outcome, response: truncate(`HTTP ${response.status} ${response.data}`.trim()) };
}

function redactSecret(text: string, secret: string): string {
  return text.replaceAll(secret.replace(/^whsec_/, ''), '[redacted]');
}

/** 4xx statuses that may come from before the gateway: its access control, or a proxy. */
const proxyStatuses = new Set([401, 403, 404, 405, 407]);

/** Temporary 4xx statuses. */
const retryableStatuses = new Set([408, 425, 429]);

/**
 * Reads a gateway's response: 2xx is accepted or delivered, unless it says `failed`; 4xx is final but for three, and any other status is
 * retried. A delivery status that the protocol does not know counts as accepted.
 *
 * @param nowMs to read a `Retry-After` that is a date
 */
export function parseSendResponse(response: AxiosResponse<unknown>, nowMs: number): SendOutcome {
  const { status } = response;
  const body = toJsonObject(response);
  const error = parseError(body.error);
  if (status >= 200 && status < 300) {
    const deliveryStatus = toText(body.status)?.trim().toLowerCase();
    if (deliveryStatus === 'failed') {
      const message = error.message ?? 'The gateway reported that it has not sent the message.';
      return {
        kind: 'rejected',
        code: truncate(error.code ?? 'failed', 200),
        message: truncate(message),
        isAuthoritative: true,
      };
    }
    // Trimmed as in receipts.
    const externalId = toText(body.externalId)?.trim();
    return {
      kind: deliveryStatus === 'delivered' || deliveryStatus === 'read' ? 'delivered' : 'accepted',
      externalIds: externalId && externalId.length <= maxChars.externalId ? [externalId] : [],
    };
  }
  const code = truncate(error.code ?? `http_${status}`, 200);
  const errorMessage = truncate(error.message ?? `The gateway responded with ${status}.`);
  if (status >= 400 && status < 500 && !retryableStatuses.has(status)) {
    return {
      kind: 'rejected',
      code,
      message: errorMessage,
      isAuthoritative: error.code !== undefined && !proxyStatuses.has(status),
    };
  }
  const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], nowMs);
  return { kind: 'unavailable', code, message: errorMessage, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
