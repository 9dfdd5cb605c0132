import { createHash } from 'node:crypto';
import type { RegisterResult } from '../channel.ts';
import { type ApiContext, type ApiResponse, requestGateway } from './api.ts';
import { readWebhookRecord } from './records.ts';

const requiredEvents = ['sms:received', 'sms:sent', 'sms:delivered', 'sms:failed'] as const;
/** Older gateways know not all of these. The last ones show that a phone which was offline is back. */
const optionalEvents = ['sms:cancelled', 'app:started', 'system:ping'] as const;
/** A picture message with its files, or, on older gateways, the notice of one. */
const pictureEvents = ['mms:downloaded', 'mms:received'] as const;

type Failure = Exclude<ApiResponse, { kind: 'ok' }>;

/** Builds the id of a webhook: the same for a connection and an event each time, so that registering it again replaces it. */
export function toWebhookId(connectionId: string, event: string): string {
  return createHash('sha256').update(`${connectionId} ${event}`).digest('hex').slice(0, 36);
}

/** Registers a webhook for each event. Those of other programs stay: the phone calls all of them. */
export async function registerWebhooks(context: ApiContext): Promise<RegisterResult> {
  const { webhookUrl } = context.connection;
  const listed = await requestGateway(context, { path: '/webhooks' });
  if (listed.kind !== 'ok') return toFailed(listed);
  const known = (listed.rows ?? []).map(readWebhookRecord);
  const register = (event: string) => registerEvent(context, known, event);
  for (const event of requiredEvents) {
    const failure = await register(event);
    if (!failure) continue;
    if (isRefusal(failure) && !webhookUrl.startsWith('https:')) {
      return {
        kind: 'failed',
        code: 'address_not_https',
        message: 'The app calls https addresses only: APP_URL must start with https://.',
      };
    }
    return toFailed(failure);
  }
  for (const event of optionalEvents) await register(event);
  for (const event of pictureEvents) {
    const failure = await register(event);
    if (!failure) break;
    if (!isRefusal(failure)) return toFailed(failure);
  }
  return { kind: 'registered' };
}

/** Removes the webhooks of this connection. */
export async function unregisterWebhooks(context: ApiContext): Promise<void> {
  for (const event of [...requiredEvents, ...optionalEvents, ...pictureEvents]) {
    const path = `/webhooks/${toWebhookId(context.connection.id, event)}`;
    const response = await requestGateway(context, { path, method: 'DELETE' });
    // The others would fail as well.
    if (response.kind === 'failed') return;
  }
}

/** Returns whether the app calls an address: https, or a program on its own machine, where a simulator runs. */
export function isCallable(webhookUrl: string, baseUrl: string): boolean {
  return webhookUrl.startsWith('https:') || /^(localhost|127\.0\.0\.1)$/.test(new URL(baseUrl).hostname);
}

/** Registers one event, unless it is registered already. @returns why it could not be */
async function registerEvent(
  context: ApiContext,
  known: readonly ReturnType<typeof readWebhookRecord>[],
  event: string,
): Promise<Failure | null> {
  const { id: connectionId, webhookUrl, config } = context.connection;
  const [id, url, deviceId] = [toWebhookId(connectionId, event), `${webhookUrl}/webhook`, config.deviceId];
  const isKnown = known.some(
    (one) =>
      one.id === id && one.url === url && one.event === event && (one.deviceId === undefined || one.deviceId === deviceId),
  );
  // The app's own server names no phone in its list; a webhook of all phones serves one as well.
  if (isKnown) return null;
  const body = { id, url, event, ...(deviceId === undefined ? {} : { deviceId }) };
  const response = await requestGateway(context, { path: '/webhooks', method: 'POST', body });
  return response.kind === 'ok' ? null : response;
}

function isRefusal(failure: Failure): boolean {
  return failure.kind === 'error' && failure.error.status === 400;
}

function toFailed(failure: Failure): RegisterResult {
  if (failure.kind === 'failed') return { kind: 'failed', code: 'unreachable', message: failure.message };
  const { status, message } = failure.error;
  return { kind: 'failed', code: `http_${status}`, message: message ?? `The SMS gateway responded with ${status}.` };
}
