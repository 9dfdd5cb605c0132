import { toList, toObject, toText } from '../../core/foreign.ts';
import type { RegisterResult } from '../channel.ts';
import { loadState, updateState } from '../whatsapp-web/state.ts';
import { callEvolution } from './api.ts';
import { type EvolutionContext, webhookPath } from './config.ts';
import { toFailure } from './errors.ts';
import { webhookEvents } from './read-webhook.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Registers the instance's only webhook. That of another program is replaced with a person's consent alone, and given back by
 * {@link unregisterWebhooks}. A server that does not keep headers gets the secret in the address.
 */
export async function registerWebhooks(context: EvolutionContext, replace: boolean): Promise<RegisterResult> {
  const { config, webhookUrl } = context.connection;
  const { webhookSecret } = config;
  if (webhookSecret === undefined) {
    return {
      kind: 'failed',
      code: 'webhook_secret_missing',
      message: 'The connection has no webhook secret. Save it with one.',
    };
  }
  const found = await findWebhook(context);
  if ('failed' in found) return found.failed;
  const { webhook } = found;
  const url = `${webhookUrl}/${webhookPath}`;
  const other = findOther(webhook, url);
  if (other && !replace) return { kind: 'taken', by: toHost(other) };
  if (!other && isCurrent(webhook, url, webhookSecret)) return { kind: 'registered' };
  if (other) await updateState(context, { replaced: webhook });

  const authorization = `Bearer ${webhookSecret}`;
  const failed = await setWebhook(context, { ...toSettings(url), headers: { authorization } });
  if (failed) return failed;
  const stored = await findWebhook(context);
  if ('failed' in stored) return stored.failed;
  if (isCurrent(stored.webhook, url, webhookSecret)) return { kind: 'registered' };
  return (await setWebhook(context, toSettings(`${url}/${webhookSecret}`))) ?? { kind: 'registered' };
}

/** Removes the webhook if it is ours, and gives back the one that it had replaced. */
export async function unregisterWebhooks(context: EvolutionContext): Promise<void> {
  const { webhookUrl } = context.connection;
  const found = await findWebhook(context);
  const url = `${webhookUrl}/${webhookPath}`;
  if ('failed' in found || !isOurs(found.webhook, url)) return;
  const replaced = toObject((await loadState(context)).replaced);
  const settings = toText(replaced.url) ? toRestored(replaced) : { ...toSettings(url), enabled: false };
  if (await setWebhook(context, settings)) context.log.warn('evolution webhook not removed');
}

function toSettings(url: string): Fields {
  return { enabled: true, url, byEvents: false, base64: false, events: webhookEvents };
}

/** The names of fields differ between reading and setting. */
function toRestored({ enabled, url, headers, events, webhookByEvents, webhookBase64 }: Fields): Fields {
  return {
    ...{
      enabled: !isOff(enabled),
      url,
      byEvents: toText(webhookByEvents) === 'true',
      base64: toText(webhookBase64) === 'true',
    },
    ...(Object.keys(toObject(headers)).length > 0 ? { headers } : {}),
    events: toList(events),
  };
}

async function findWebhook(context: EvolutionContext): Promise<{ webhook: Fields } | { failed: RegisterResult }> {
  const result = await callEvolution(context, { method: 'GET', path: '/webhook/find' });
  if (result.kind === 'ok') {
    const body = toObject(result.body);
    return { webhook: 'webhook' in body ? toObject(body.webhook) : body };
  }
  return { failed: toFailed(toFailure(result)) };
}

async function setWebhook(context: EvolutionContext, webhook: Fields): Promise<RegisterResult | null> {
  const result = await callEvolution(context, { method: 'POST', path: '/webhook/set', body: { webhook } });
  return result.kind === 'ok' ? null : toFailed(toFailure(result));
}

function toFailed({ code, message }: { code: string; message: string }): RegisterResult {
  return { kind: 'failed', code, message };
}

function isOurs(webhook: Fields, url: string): boolean {
  const address = toText(webhook.url) ?? '';
  return address === url || address.startsWith(`${url}/`);
}

/** Finds the address of another program. One that is switched off takes no webhooks from it. */
export function findOther(webhook: Fields, url: string): string | undefined {
  const address = toText(webhook.url);
  return isOff(webhook.enabled) || isOurs(webhook, url) ? undefined : address;
}

/** Older servers may leave the flag out. */
function isOff(enabled: unknown): boolean {
  return toText(enabled) === 'false';
}

/** Returns whether the webhook is ours as we set it. */
export function isCurrent(webhook: Fields, url: string, secret: string): boolean {
  const headers = Object.entries(toObject(webhook.headers));
  const [, authorization] = headers.find(([name]) => name.toLowerCase() === 'authorization') ?? [];
  const isProven = toText(authorization) === `Bearer ${secret}` || toText(webhook.url) === `${url}/${secret}`;
  const events = new Set(toList(webhook.events).map(toText));
  const isComplete = webhookEvents.every((name) => events.has(name)) && events.size === webhookEvents.length;
  return (
    isOurs(webhook, url) && isProven && isComplete && !isOff(webhook.enabled) && toText(webhook.webhookByEvents) !== 'true'
  );
}

function toHost(address: string): string {
  return URL.canParse(address) ? new URL(address).host : 'another program';
}
