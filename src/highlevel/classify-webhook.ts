import { maxChars } from '../core/bounds.ts';
import { toId } from '../core/foreign.ts';
import type { Provider } from './providers.ts';

/** Address of a webhook: the Default Webhook URL, or a provider's Delivery URL. */
export type WebhookAddress = 'app' | Provider;

/**
 * Identity of this app: HighLevel signs the webhooks of all apps with one key, so the signature alone does not say which app a webhook is
 * for.
 */
export interface OurApp {
  readonly appId: string;
  readonly providers: readonly Provider[];
}

/** Reasons why a webhook is unknown. */
export const unknownReasons = ['not_an_object', 'unknown_shape', 'ids_missing', 'inbound', 'provider_ambiguous'] as const;

export type UnknownReason = (typeof unknownReasons)[number];

/** Class of a webhook, independent of its address. */
export type WebhookClass =
  /** A message to send by this provider. */
  | { readonly kind: 'delivery'; readonly provider: Provider }
  /** An event of this app, or one at the Default Webhook URL that names no app. */
  | { readonly kind: 'app_event' }
  /** A change of a contact. */
  | { readonly kind: 'contact_event' }
  /** A copy of a message that HighLevel has stored: it needs no work and must never be sent. */
  | { readonly kind: 'message_event' }
  /** A webhook of another app, or for a provider that is not ours. */
  | { readonly kind: 'not_ours'; readonly providerId: string | null }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason };

/** `type` of a delivery webhook (platform.md 3.2); the long ones are the names that HighLevel's documents use. */
const deliveryTypes = new Set(['sms', 'email', 'custom', 'provideroutboundmessage', 'conversationprovideroutboundmessage']);
const contactEventTypes = new Set(['contactcreate', 'contactupdate', 'contacttagupdate', 'contactdelete']);
const messageEventTypes = new Set(['outboundmessage', 'inboundmessage']);
/** Events that this program acts on (platform.md 5.6); it recognises them at any address even when they name no app. */
const appEventTypes = new Set([
  'install',
  'uninstall',
  'update',
  'plan_change',
  'app_payment_status',
  'external_auth_connected',
  'locationcreate',
  'locationupdate',
  'contactdndupdate',
]);

/**
 * Classifies a signed webhook by its content, as delivery webhooks have no envelope (platform.md 3.2). The address decides only where the
 * content leaves it open.
 */
export function classifyWebhook(json: unknown, address: WebhookAddress, ourApp: OurApp): WebhookClass {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return toUnknown('not_an_object');
  const marks = readMarks(json as Record<string, unknown>);
  const type = marks.type?.toLowerCase() ?? null;

  if (marks.appId !== null && marks.appId !== ourApp.appId) return { kind: 'not_ours', providerId: null };
  if (type !== null && messageEventTypes.has(type)) return { kind: 'message_event' };
  if (type !== null && contactEventTypes.has(type)) return { kind: 'contact_event' };
  if (type !== null && appEventTypes.has(type)) return { kind: 'app_event' };
  if (!isDeliveryLike(marks, type)) {
    return address === 'app' || marks.appId !== null ? { kind: 'app_event' } : toUnknown('unknown_shape');
  }

  if (marks.direction === 'inbound') return toUnknown('inbound');
  const namedProvider = [address, ...ourApp.providers].find((one) => one !== 'app' && one.id === marks.providerId) as
    | Provider
    | undefined;
  if (marks.providerId !== null && !namedProvider) return { kind: 'not_ours', providerId: marks.providerId };
  if (!marks.hasIds) return toUnknown('ids_missing');
  return namedProvider ? { kind: 'delivery', provider: namedProvider } : findProvider(marks, type, address, ourApp.providers);
}

/** Finds the address that a webhook belongs to; null where there is no such address. */
export function findProperAddress(classified: WebhookClass): WebhookAddress | null {
  if (classified.kind === 'delivery') return classified.provider;
  return ['app_event', 'contact_event', 'message_event'].includes(classified.kind) ? 'app' : null;
}

function toUnknown(reason: UnknownReason): WebhookClass {
  return { kind: 'unknown', reason };
}

type Marks = ReturnType<typeof readMarks>;

function readMarks(fields: Record<string, unknown>) {
  const isGiven = (name: string) => !isEmpty(fields[name]);
  const isId = (name: string) => (toId(fields[name])?.length ?? Number.POSITIVE_INFINITY) <= maxChars.highlevelId;
  return {
    type: toId(fields.type) ?? null,
    appId: toId(fields.appId) ?? null,
    providerId: toId(fields.conversationProviderId) ?? null,
    direction: toId(fields.direction)?.toLowerCase() ?? null,
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

/** Decides by the other fields where the type is unknown: `type` may be absent or change without notice (platform.md 3.2). */
function isDeliveryLike(marks: Marks, type: string | null): boolean {
  if (type !== null && deliveryTypes.has(type)) return true;
  if (marks.isEventLike || marks.appId !== null) return false;
  return type === null ? marks.hasIds || marks.hasContent : marks.hasIds && marks.hasContent;
}

/** Takes the provider of the address, unless the message is of the other type; else the only provider of its type. */
function findProvider(
  marks: Marks,
  type: string | null,
  address: WebhookAddress,
  providers: readonly Provider[],
): WebhookClass {
  const contentType = marks.isEmailLike && !marks.hasPhone ? 'email' : marks.hasPhone && !marks.hasEmailTo ? 'sms' : null;
  const messageType = contentType ?? (type === 'email' || type === 'sms' ? type : null);
  const candidates = providers.filter(({ kind }) => (messageType === null ? kind !== 'call' : kind.startsWith(messageType)));
  if (address !== 'app') {
    const isOtherType = contentType !== null && !address.kind.startsWith(contentType);
    if (!isOtherType || candidates.length === 0) return { kind: 'delivery', provider: address };
  }
  const [provider, second] = candidates;
  return provider && !second ? { kind: 'delivery', provider } : toUnknown('provider_ambiguous');
}
