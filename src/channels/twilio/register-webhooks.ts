import type { RegisterResult } from '../channel.ts';
import { type ApiContext, type ApiResponse, requestTwilio, toAccountPath } from './api.ts';
import { isName, isPhoneNumber, type TwilioConfig } from './config.ts';
import { findNumber } from './numbers.ts';
import { type NumberRecord, readService } from './records.ts';
import { canCallBack, retryTerms } from './send.ts';

type Service = ReturnType<typeof readService>;

/** The place at Twilio that holds the address for inbound messages. */
type Target = { kind: 'number'; number: NumberRecord; path: string } | { kind: 'service'; service: Service; path: string };

/** New numbers have this address, which is no program of the user's. */
const demoHost = 'demo.twilio.com';

/**
 * Registers the address for inbound messages: with the Messaging Service, whose address overrules that of its numbers, or else with the
 * number. Status callbacks need no registration, as each send names their address.
 */
export async function registerWebhooks(context: ApiContext, replace: boolean): Promise<RegisterResult> {
  const { config, webhookUrl } = context.connection;
  const inboundUrl = `${webhookUrl}/inbound`;
  // No contact can reply to a name, so there is no address to register.
  if (config.messagingServiceSid === undefined && isName(config.from)) return { kind: 'registered' };
  if (config.messagingServiceSid === undefined && !isPhoneNumber(config.from)) return toManual(config, inboundUrl);
  if (!canCallBack(webhookUrl, config.baseUrl)) {
    const host = new URL(webhookUrl).hostname;
    return {
      kind: 'failed',
      code: 'address_private',
      message: `Twilio cannot call ${host}: APP_URL must be a public address.`,
    };
  }
  const target = await findTarget(context);
  if (!('kind' in target)) return toFailed(target.problem);
  if (target.kind === 'number' && target.number.applicationSid !== undefined) {
    const message = `The number is bound to a TwiML app: remove it from the number, or enter ${inboundUrl} there.`;
    return { kind: 'manual', message };
  }
  const state = compareTarget(target, inboundUrl);
  if (state === 'ours') return { kind: 'registered' };
  if (state !== 'free' && !replace) return { kind: 'taken', by: state.takenBy };
  const response = await requestTwilio(context, {
    path: target.path,
    isMessaging: target.kind === 'service',
    form: toSettings(target, `${inboundUrl}${retryTerms}`),
  });
  return response.kind === 'ok' ? { kind: 'registered' } : toFailed(response);
}

/** Removes the address for inbound messages, where it is this connection's. */
export async function unregisterWebhooks(context: ApiContext): Promise<void> {
  const { config, webhookUrl } = context.connection;
  if (config.messagingServiceSid === undefined && !isPhoneNumber(config.from)) return;
  const target = await findTarget(context);
  if (!('kind' in target) || !isSameAddress(getAddress(target), `${webhookUrl}/inbound`)) return;
  // An empty value clears a setting.
  const name = target.kind === 'service' ? 'InboundRequestUrl' : 'SmsUrl';
  await requestTwilio(context, { path: target.path, isMessaging: target.kind === 'service', form: [[name, '']] });
}

async function findTarget(context: ApiContext): Promise<Target | { problem: Exclude<ApiResponse, { kind: 'ok' }> }> {
  const { config } = context.connection;
  if (config.messagingServiceSid !== undefined) {
    const path = `/v1/Services/${config.messagingServiceSid}`;
    const response = await requestTwilio(context, { path, isMessaging: true });
    return response.kind === 'ok' ? { kind: 'service', service: readService(response.body), path } : { problem: response };
  }
  const found = await findNumber(context, config.from ?? '');
  if ('problem' in found) return found;
  if (found.number?.sid === undefined) {
    const error = {
      status: 404,
      code: undefined,
      message: 'This number does not belong to the Twilio account.',
      retryAfterMs: undefined,
    };
    return { problem: { kind: 'error', error, text: '' } };
  }
  const path = toAccountPath(config, `/IncomingPhoneNumbers/${encodeURIComponent(found.number.sid)}.json`);
  return { kind: 'number', number: found.number, path };
}

function getAddress(target: Target): string | undefined {
  return target.kind === 'service' ? target.service.inboundUrl : target.number.smsUrl;
}

/** Compares the registered address with ours: it may be ours, free to take, or another program's. */
function compareTarget(target: Target, inboundUrl: string): 'ours' | 'free' | { takenBy: string } {
  const address = getAddress(target);
  const defersToNumbers = target.kind === 'service' && target.service.defersToNumbers;
  if (isSameAddress(address, inboundUrl) && !defersToNumbers) {
    const method = target.kind === 'service' ? target.service.inboundMethod : target.number.smsMethod;
    return method === 'post' || method === undefined ? 'ours' : 'free';
  }
  if (defersToNumbers) return { takenBy: 'the webhooks of the numbers in the Messaging Service' };
  if (address === undefined || isSameAddress(address, inboundUrl)) return 'free';
  const host = URL.canParse(address) ? new URL(address).host : address;
  return host === demoHost ? 'free' : { takenBy: host };
}

function isSameAddress(address: string | undefined, inboundUrl: string): boolean {
  return address?.replace(/#.*$/s, '') === inboundUrl;
}

function toSettings(target: Target, url: string): [string, string][] {
  if (target.kind === 'number')
    return [
      ['SmsUrl', url],
      ['SmsMethod', 'POST'],
    ];
  const settings: [string, string][] = [
    ['InboundRequestUrl', url],
    ['InboundMethod', 'POST'],
  ];
  return target.service.defersToNumbers ? [...settings, ['UseInboundWebhookOnNumber', 'false']] : settings;
}

function toManual(config: TwilioConfig, inboundUrl: string): RegisterResult {
  const place = config.from?.startsWith('whatsapp:') ? 'Messaging › Senders › WhatsApp senders' : 'Messaging › Short codes';
  const message = `Open ${place} in Twilio’s console, choose ${config.from}, and enter ${inboundUrl} as the webhook for incoming messages, with HTTP POST.`;
  return { kind: 'manual', message };
}

function toFailed(response: Exclude<ApiResponse, { kind: 'ok' }>): RegisterResult {
  if (response.kind === 'failed') return { kind: 'failed', code: 'unreachable', message: response.message };
  const { code, status, message } = response.error;
  return { kind: 'failed', code: code ?? `http_${status}`, message: message ?? `Twilio responded with ${status}.` };
}
