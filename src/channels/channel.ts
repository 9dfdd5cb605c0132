import type { IncomingHttpHeaders } from 'node:http';
import type * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import type { FetchedAttachment } from '../runtime/fetch-file.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';

/** Interface of a channel: all that differs between vendors. One folder implements it; no file outside `channels/` asks for its type. */
export interface Channel<Config extends object = object> {
  readonly type: string;
  /** Name for people. */
  readonly title: string;
  /**
   * Schema of the connect form and of its input; `.meta({ sensitive: true })` marks secret fields. The settings of every connection
   * (`delivery-settings.ts`) are added to it.
   */
  readonly configSchema: z.ZodObject & z.ZodType<Config>;
  readonly capabilities: Capabilities;
  /** Events whose webhook URLs a user copies to the vendor; by default `status` and `inbound`. */
  readonly webhookEvents?: readonly string[];
  /** Header of a webhook's signature, in lower case: without it the body is not even read. */
  readonly signatureHeader?: string;
  /** File of `docs/` about the vendor's side of the setup, without its extension. */
  readonly setupGuide?: string;
  /** Sends one message to the vendor. Failures and rejections of the vendor are outcomes, not exceptions. */
  send(context: ChannelContext, connection: ChannelConnection<Config>, message: OutboundMessage): Promise<SendOutcome>;
  /**
   * Authenticates a webhook of the vendor, over the raw bytes, then reads it.
   *
   * @param event last part of the webhook URL, such as `status` or `inbound`
   * @throws AppError `signature_invalid`, `payload_invalid`, or `not_found` for an event that the channel does not have
   */
  receiveWebhook(connection: ChannelConnection<Config>, event: string, request: WebhookRequest): ChannelEvent;
}

/**
 * Erases a channel's config type, so that channels of every kind fit one registry. Safe because a channel only receives configs that its
 * own schema has parsed.
 */
export function defineChannel<Config extends object>(channel: Channel<Config>): Channel {
  return channel as unknown as Channel;
}

export interface Capabilities {
  /** The vendor sends receipts; until then `accepted` is not `delivered`. */
  readonly receipts: boolean;
  readonly attachments: boolean;
  readonly email: boolean;
  /** The vendor recognises a repeated idempotency key, so that sending again after an unknown outcome can't double the message. */
  readonly idempotent: boolean;
}

/** Capabilities that a channel receives from the program. */
export interface ChannelContext {
  /** Refuses private addresses unless the operator allows them. */
  readonly http: HttpClient;
  /**
   * Fetches an attachment, for a vendor that takes bytes and no address: guarded, and limited in size, time and type. A failure is an
   * outcome to return.
   */
  fetchAttachment(url: string): Promise<FetchedAttachment | Extract<SendOutcome, { kind: 'rejected' | 'unavailable' }>>;
  readonly clock: Clock;
  /** Aborts when the program stops, and with it the request. */
  readonly signal: AbortSignal;
}

export interface ChannelConnection<Config> {
  readonly id: string;
  readonly config: Config;
  /** Config before its secrets were changed, for a day: vendors do not change theirs at the same moment. */
  readonly previousConfig?: Config | undefined;
  /** Base of the webhook URLs: the vendor posts to this, `/`, and an event. */
  readonly webhookUrl: string;
}

/** A message for channels. */
export interface OutboundMessage {
  /** Our id; receipts may refer to it. */
  readonly id: string;
  /**
   * Key by which an idempotent vendor recognises repeats: the same on every attempt, a new one when a person resends a message that the
   * vendor reported as failed.
   */
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
 * Result of one attempt. `unavailable` guarantees that no message was sent; `unknown` means that the request may have arrived. `response`
 * is the vendor's text for the log of attempts. `isAuthoritative` marks a rejection by the vendor itself, not by a proxy on the way: an
 * idempotent vendor has then not accepted the earlier attempts either.
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

/** Content of one webhook of a vendor. */
export type ChannelEvent =
  | { readonly kind: 'receipt'; readonly receipt: ReceiptContent }
  | { readonly kind: 'inbound'; readonly inbound: InboundContent };

export interface ReceiptContent {
  /** Our message id, or the vendor's: at least one. */
  readonly messageId?: string | undefined;
  readonly externalId?: string | undefined;
  readonly state: 'delivered' | 'read' | 'failed';
  /** Email: the one recipient that the receipt is about; without it the receipt is about all. */
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
  /** Email: the vendor's id of the message that this one replies to. */
  readonly replyToExternalId?: string | undefined;
  readonly occurredAt?: Date | undefined;
  /** The location sent it outside of HighLevel; it is only logged. */
  readonly sentExternally: boolean;
}
