import type { RegisterResult } from '../channel.ts';
import { type WhatsAppContext, webhookPath } from './config.ts';
import { callGraph, type GraphResult } from './graph.ts';
import { toFailure } from './outcome.ts';
import { readPhoneNumber, readSubscribedApps } from './phone-number.ts';
import type { WhatsAppState } from './window.ts';

const maxAddressChars = 200;

/**
 * Registers the webhook address for this number alone: that of the account would take the webhooks of its other numbers, and that of the
 * app needs the app's id. Meta calls the address at once, so that the connection has to be stored before.
 */
export async function registerWebhooks(context: WhatsAppContext, replace: boolean): Promise<RegisterResult> {
  const { config, webhookUrl } = context.connection;
  const address = `${webhookUrl}/${webhookPath}`;
  if (address.length > maxAddressChars) {
    const message = `Meta takes addresses of ${maxAddressChars} characters at most here. Enter the address in the app’s webhook settings.`;
    return { kind: 'manual', message };
  }
  if (config.verifyToken === undefined) {
    return { kind: 'failed', code: 'verify_token_missing', message: 'The connection has no verify token. Save it with one.' };
  }
  const number = await getNumber(context);
  if (number.kind !== 'ok') return toFailed(number);
  const other = readPhoneNumber(number.body).overrides.find((override) => override !== address);
  if (other && !replace) return { kind: 'taken', by: toHost(other) };
  const subscribed = await subscribeApp(context);
  if (subscribed.kind !== 'ok') return toFailed(subscribed);
  const set = await setOverride(context, { override_callback_uri: address, verify_token: config.verifyToken });
  if (set.kind !== 'ok') return toFailed(set);
  const state = await context.state.get<WhatsAppState>();
  if (!state) await context.state.set({ receivingSince: context.clock.now() } satisfies WhatsAppState);
  return { kind: 'registered' };
}

/** Removes the address, if it is still ours. The app stays subscribed: other numbers may need it. */
export async function unregisterWebhooks(context: WhatsAppContext): Promise<void> {
  const { webhookUrl } = context.connection;
  const number = await getNumber(context);
  const isOurs = number.kind === 'ok' && readPhoneNumber(number.body).ownOverride === `${webhookUrl}/${webhookPath}`;
  if (!isOurs) return;
  const removed = await setOverride(context, { override_callback_uri: '' });
  if (removed.kind !== 'ok') context.log.warn('whatsapp webhook address not removed');
}

function getNumber(context: WhatsAppContext): Promise<GraphResult> {
  const path = context.connection.config.phoneNumberId;
  return callGraph(context, { method: 'GET', path, query: { fields: 'id,webhook_configuration' } });
}

function setOverride(context: WhatsAppContext, configuration: Readonly<Record<string, string>>): Promise<GraphResult> {
  const path = context.connection.config.phoneNumberId;
  return callGraph(context, { method: 'POST', path, body: { webhook_configuration: configuration } });
}

/**
 * Subscribes the app to the account. The request also removes the account's address of this app, so it is left out where an app has one:
 * that app is subscribed, and other numbers may use the address.
 */
async function subscribeApp(context: WhatsAppContext): Promise<GraphResult> {
  const path = `${context.connection.config.businessAccountId}/subscribed_apps`;
  const listed = await callGraph(context, { method: 'GET', path });
  if (listed.kind !== 'ok' || readSubscribedApps(listed.body).hasOverride) return listed;
  return callGraph(context, { method: 'POST', path });
}

function toHost(address: string): string {
  return URL.canParse(address) ? new URL(address).host : 'another program';
}

function toFailed(failure: Exclude<GraphResult, { kind: 'ok' }>): RegisterResult {
  const { code, message } = toFailure(failure, () => 0);
  return { kind: 'failed', code, message };
}
