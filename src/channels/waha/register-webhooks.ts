import { createHash } from 'node:crypto';
import { toList, toObject, toText } from '../../core/foreign.ts';
import type { RegisterResult } from '../channel.ts';
import { loadState, updateState } from '../whatsapp-web/state.ts';
import { callWaha, toSessionPath } from './api.ts';
import { type WahaContext, webhookPath } from './config.ts';
import { toFailure } from './errors.ts';
import { coversEvents, webhookEvents } from './read-webhook.ts';
import { readSession } from './responses.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Chosen by us, as the server’s own defaults are not documented: about a day of repeats. */
const retries = { policy: 'exponential', delaySeconds: 2, attempts: 15 };

/**
 * Adds the webhook to the session's list; the rest of the session's config stays as it is. Setting a config restarts the session, so that it
 * is left alone where the webhook is there already.
 */
export async function registerWebhooks(context: WahaContext): Promise<RegisterResult> {
  const { config, webhookUrl } = context.connection;
  if (config.hmacKey === undefined) {
    return { kind: 'failed', code: 'hmac_key_missing', message: 'The connection has no HMAC key. Save it with one.' };
  }
  const loaded = await loadConfig(context);
  if ('failed' in loaded) return loaded.failed;
  const url = `${webhookUrl}/${webhookPath}`;
  const { ours, others } = splitWebhooks(loaded.config, url);
  const fingerprint = createHash('sha256').update(`${url} ${config.hmacKey}`).digest('hex');
  const { registered } = await loadState(context);
  const [only] = ours;
  if (ours.length === 1 && only && isCurrent(only, config.hmacKey, registered === fingerprint)) return { kind: 'registered' };
  const own = { url, events: webhookEvents, hmac: { key: config.hmacKey }, retries };
  const set = await storeConfig(context, { ...loaded.config, webhooks: [...others, own] });
  if ('failed' in set) return set.failed;
  await updateState(context, { registered: fingerprint });
  return { kind: 'registered' };
}

/** Removes the webhook, and no other one. */
export async function unregisterWebhooks(context: WahaContext): Promise<void> {
  const { webhookUrl } = context.connection;
  const loaded = await loadConfig(context);
  if ('failed' in loaded) return;
  const { ours, others } = splitWebhooks(loaded.config, `${webhookUrl}/${webhookPath}`);
  if (ours.length === 0) return;
  const set = await storeConfig(context, { ...loaded.config, webhooks: others });
  if ('failed' in set) context.log.warn('waha webhook not removed');
}

async function loadConfig(context: WahaContext): Promise<{ config: Fields } | { failed: RegisterResult }> {
  const result = await callWaha(context, { method: 'GET', path: toSessionPath(context.connection.config) });
  if (result.kind !== 'ok') return { failed: toFailed(toFailure(result)) };
  const session = readSession(result.body);
  if (session) return { config: session.config };
  return { failed: { kind: 'failed', code: 'not_waha', message: 'The server’s response is not one of WAHA.' } };
}

async function storeConfig(context: WahaContext, config: Fields): Promise<object | { failed: RegisterResult }> {
  const result = await callWaha(context, { method: 'PUT', path: toSessionPath(context.connection.config), body: { config } });
  return result.kind === 'ok' ? {} : { failed: toFailed(toFailure(result)) };
}

function toFailed({ code, message }: { code: string; message: string }): RegisterResult {
  return { kind: 'failed', code, message };
}

/** Divides the webhooks of a session's config into ours and those of other programs. */
export function splitWebhooks(config: Fields, url: string): { ours: Fields[]; others: unknown[] } {
  const webhooks = toList(config.webhooks);
  const isOurs = (webhook: unknown) => toText(toObject(webhook).url) === url;
  return { ours: webhooks.filter(isOurs).map(toObject), others: webhooks.filter((webhook) => !isOurs(webhook)) };
}

/** A server may mask the key in its response: then it counts as ours if we have set it. */
function isCurrent(webhook: Fields, key: string, isRegistered: boolean): boolean {
  const given = toText(toObject(webhook.hmac).key);
  const hasKey = given === key || (given !== undefined && /^\*+$|^…$/.test(given) && isRegistered);
  return hasKey && coversEvents(webhook.events);
}
