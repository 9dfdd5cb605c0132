import type { IncomingHttpHeaders } from 'node:http';
import type * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import type { FetchedAttachment } from '../runtime/fetch-file.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';

/** Everything that differs between ways to reach people. One file implements it; nothing outside `channels/` asks which one it is. */
export interface Channel<Config extends object = object> {
  readonly type: string;
  /** What people call it. */
  readonly title: string;
  /**
   * Makes the connect form, checks what comes back, and names what is secret with `.meta({ sensitive: true })`. What any connection may
   * set (`delivery-settings.ts`) comes on top of it.
   */
  readonly configSchema: z.ZodObject & z.ZodType<Config>;
  readonly capabilities: Capabilities;
  /** The events whose addresses its far side must be told: people copy them. Left out: `status` and `inbound`. */
  readonly webhookEvents?: readonly string[];
  /** The header of a callback's signature, in lower case: without it the body is not even read. */
  readonly signatureHeader?: string;
  /** A file of `docs/` for whoever sets up the far side, without its ending. */
  readonly setupGuide?: string;
  /** Hands one message to the far side. Never throws for what the far side says or does: that is an outcome. */
  send(context: ChannelContext, connection: ChannelConnection<Config>, message: OutboundMessage): Promise<SendOutcome>;
  /**
   * Proves who calls, over the raw bytes, then reads what is said.
   *
   * @param event the last part of the callback address, such as `status` or `inbound`
   * @throws AppError `signature_invalid`, `payload_invalid`, or `not_found` for an event that the channel does not have
   */
  receiveWebhook(connection: ChannelConnection<Config>, event: string, request: WebhookRequest): ChannelEvent;
}

/**
 * Forgets a channel's config type, so that channels of every kind fit one registry. Safe because a channel only ever gets a config
 * that its own schema has parsed.
 */
export function defineChannel<Config extends object>(channel: Channel<Config>): Channel {
  return channel as unknown as Channel;
}

export interface Capabilities {
  /** The far side says later what became of a message; until then `accepted` is not `delivered`. */
  readonly receipts: boolean;
  readonly attachments: boolean;
  readonly email: boolean;
  /** The far side recognises a repeated id, so that sending again after an unknown outcome can't double the message. */
  readonly idempotent: boolean;
}

/** What a channel may use of the world. */
export interface ChannelContext {
  /** Refuses private addresses unless the operator allows them. */
  readonly http: HttpClient;
  /**
   * Fetches an attachment, for a far side that takes bytes and no address: guarded, and limited in size, time and type. What keeps it from
   * us is an outcome to return.
   */
  fetchAttachment(url: string): Promise<FetchedAttachment | Extract<SendOutcome, { kind: 'rejected' | 'unavailable' }>>;
  readonly clock: Clock;
  /** Ends when the program stops; a request in hand is given up then. */
  readonly signal: AbortSignal;
}

export interface ChannelConnection<Config> {
  readonly id: string;
  readonly config: Config;
  /** What it was before its secrets were changed, for a day: vendors do not change theirs in the same moment. */
  readonly previousConfig?: Config | undefined;
  /** Where the far side calls us: this, `/`, and an event. */
  readonly webhookUrl: string;
}

/** A message as channels see it. */
export interface OutboundMessage {
  /** Ours: what receipts may name it by. */
  readonly id: string;
  /** What a far side that drops repeats knows it by: the same on every attempt, another when a person sends again what it has failed. */
  readonly idempotencyKey: string;
  readonly locationId: string;
  readonly contactId: string | null;
  readonly conversationId: string | null;
  readonly messageType: 'sms' | 'email';
  readonly to: string;
  readonly from: string | null;
  readonly text: string | null;
  readonly html: string | null;
  readonly subject: string | null;
  readonly attachments: readonly string[];
  readonly replyToExternalId: string | null;
}

/**
 * How one attempt ended. `unknown` is kept apart from `busy` because only `busy` proves that nothing was sent.
 * `response` is what the far side said, for the log of attempts. A refusal `isAuthoritative` when the far side itself refuses this message, not
 * something on the way to it, such as a proxy: one that drops repeats has then taken it in no earlier attempt either.
 */
export type SendOutcome = { response?: string } & (
  | { kind: 'accepted'; externalId?: string }
  | { kind: 'delivered'; externalId?: string }
  | { kind: 'rejected'; code: string; message: string; isAuthoritative?: boolean }
  | { kind: 'unavailable'; code: string; message: string; retryAfterMs?: number }
  | { kind: 'unknown'; code: string; message: string }
);

export interface WebhookRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What a far side told us in one call. */
export type ChannelEvent =
  | { readonly kind: 'receipt'; readonly receipt: ReceiptContent }
  | { readonly kind: 'inbound'; readonly inbound: InboundContent };

export interface ReceiptContent {
  /** Our message id, or the far side's: at least one. */
  readonly messageId?: string | undefined;
  readonly externalId?: string | undefined;
  readonly state: 'delivered' | 'read' | 'failed';
  /** Email: the one recipient that it speaks of; left out for all. */
  readonly recipient?: string | undefined;
  readonly error?: { code: string; message: string } | undefined;
  readonly occurredAt?: Date | undefined;
}

export interface InboundContent {
  readonly externalId: string;
  readonly from: string;
  readonly to?: string | undefined;
  readonly name?: string | undefined;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly subject?: string | undefined;
  readonly attachments: readonly string[];
  /** Email: the far side's id of the message that this one answers. */
  readonly replyToExternalId?: string | undefined;
  readonly occurredAt?: Date | undefined;
  /** It was sent elsewhere, by the location, and is only to be logged. */
  readonly sentExternally: boolean;
}
