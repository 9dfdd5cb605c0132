import { maxChars } from '../core/bounds.ts';
import { toId } from '../core/foreign.ts';
import type { Provider } from './providers.ts';

/** Where a webhook arrived: at the Default Webhook URL, or at a provider's Delivery URL. */
export type WebhookAddress = 'app' | Provider;

/** What this app is: HighLevel signs the webhooks of all apps with one key, so the signature alone does not say whose a webhook is. */
export interface OurApp {
  readonly appId: string;
  readonly providers: readonly Provider[];
}

/** Why a webhook is not known as anything. */
export const unknownReasons = ['not_an_object', 'unknown_shape', 'ids_missing', 'inbound', 'provider_ambiguous'] as const;

export type UnknownReason = (typeof unknownReasons)[number];

/** What a webhook is, wherever it arrived. */
export type WebhookClass =
  /** A message to send by this provider. */
  | { readonly kind: 'delivery'; readonly provider: Provider }
  /** An event of this app, or one at the Default Webhook URL that names no app. */
  | { readonly kind: 'app_event' }
  /** A copy of a message that HighLevel keeps: there is nothing to do, and never anything to send. */
  | { readonly kind: 'message_event' }
  /** Of another app, or for a provider that is none of ours. */
  | { readonly kind: 'not_ours'; readonly providerId: string | null }
  | { readonly kind: 'unknown'; readonly why: UnknownReason };

/** `type` of a delivery webhook (platform.md 3.2); the long ones are the names that HighLevel's documents use. */
const deliveryTypes = new Set(['sms', 'email', 'custom', 'provideroutboundmessage', 'conversationprovideroutboundmessage']);
const messageEventTypes = new Set(['outboundmessage', 'inboundmessage']);
/** Events that this program acts on (platform.md 5.6), so that they are known at any address even when they name no app. */
const appEventTypes = new Set([
  'install',
  'uninstall',
  'update',
  'plan_change',
  'app_payment_status',
  'external_auth_connected',
  'locationcreate',
  'locationupdate',
]);

/**
 * Tells what a signed webhook is by its content, as delivery webhooks have no envelope (platform.md 3.2). The address decides only where
 * the content leaves it open.
 */
export function classifyWebhook(json: unknown, address: WebhookAddress, ours: OurApp): WebhookClass {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return unknown('not_an_object');
  const said = readMarks(json as Record<string, unknown>);
  const type = said.type?.toLowerCase() ?? null;

  if (said.appId !== null && said.appId !== ours.appId) return { kind: 'not_ours', providerId: null };
  if (type !== null && messageEventTypes.has(type)) return { kind: 'message_event' };
  if (type !== null && appEventTypes.has(type)) return { kind: 'app_event' };
  if (!looksLikeDelivery(said, type)) {
    return address === 'app' || said.appId !== null ? { kind: 'app_event' } : unknown('unknown_shape');
  }

  if (said.direction === 'inbound') return unknown('inbound');
  const named = [address, ...ours.providers].find((one) => one !== 'app' && one.id === said.providerId) as Provider | undefined;
  if (said.providerId !== null && !named) return { kind: 'not_ours', providerId: said.providerId };
  if (!said.hasIds) return unknown('ids_missing');
  return named ? { kind: 'delivery', provider: named } : findProvider(said, type, address, ours.providers);
}

/** The address that this belongs to; null where there is none. */
export function properAddress(found: WebhookClass): WebhookAddress | null {
  if (found.kind === 'delivery') return found.provider;
  return found.kind === 'app_event' || found.kind === 'message_event' ? 'app' : null;
}

function unknown(why: UnknownReason): WebhookClass {
  return { kind: 'unknown', why };
}

type Marks = ReturnType<typeof readMarks>;

function readMarks(said: Record<string, unknown>) {
  const isGiven = (name: string) => !isEmpty(said[name]);
  const isId = (name: string) => (toId(said[name])?.length ?? Number.POSITIVE_INFINITY) <= maxChars.highlevelId;
  return {
    type: toId(said.type) ?? null,
    appId: toId(said.appId) ?? null,
    providerId: toId(said.conversationProviderId) ?? null,
    direction: toId(said.direction)?.toLowerCase() ?? null,
    hasIds: isId('locationId') && isId('messageId'),
    hasPhone: isGiven('phone'),
    hasEmailTo: isGiven('emailTo'),
    isEmailLike: ['emailTo', 'html', 'emailMessageId', 'emailFrom'].some(isGiven),
    hasContent: ['message', 'html', 'attachments', 'phone', 'emailTo'].some(isGiven),
    /** Fields of message events that no delivery webhook has (platform.md 3.3). */
    isEventLike: ['body', 'messageType', 'dateAdded'].some(isGiven),
  };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.every(isEmpty));
}

/** `type` may be absent or change without notice (platform.md 3.2), so a type that is not known is judged by the other fields. */
function looksLikeDelivery(said: Marks, type: string | null): boolean {
  if (type !== null && deliveryTypes.has(type)) return true;
  if (said.isEventLike || said.appId !== null) return false;
  return type === null ? said.hasIds || said.hasContent : said.hasIds && said.hasContent;
}

/** Takes the provider of the address, unless the message is of the other medium; else the only provider of its medium. */
function findProvider(said: Marks, type: string | null, address: WebhookAddress, providers: readonly Provider[]): WebhookClass {
  const content = said.isEmailLike && !said.hasPhone ? 'email' : said.hasPhone && !said.hasEmailTo ? 'sms' : null;
  const medium = content ?? (type === 'email' || type === 'sms' ? type : null);
  const fitting = providers.filter(({ kind }) => (medium === null ? kind !== 'call' : kind.startsWith(medium)));
  if (address !== 'app') {
    const isOther = content !== null && !address.kind.startsWith(content);
    if (!isOther || fitting.length === 0) return { kind: 'delivery', provider: address };
  }
  const [provider, second] = fitting;
  return provider && !second ? { kind: 'delivery', provider } : unknown('provider_ambiguous');
}
