import type { IncomingHttpHeaders } from 'node:http';
import * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';

/** Everything that differs between ways to reach people. One file implements it; nothing outside `channels/` asks which one it is. */
export interface Channel<Config extends object = object> {
  readonly type: string;
  /** What people call it. */
  readonly title: string;
  /** Makes the connect form, checks what comes back, and names what is secret with `.meta({ sensitive: true })`. */
  readonly configSchema: z.ZodObject & z.ZodType<Config>;
  readonly can: Capabilities;
  /** Hands one message to the far side. Never throws for what the far side says or does: that is an outcome. */
  send(tools: ChannelTools, connection: ConnectionOf<Config>, message: OutboundMessage): Promise<SendOutcome>;
  /**
   * Proves who calls, over the raw bytes, then reads what is said.
   *
   * @param event the last part of the callback address, such as `status` or `inbound`
   * @throws AppError `signature_invalid`, `payload_invalid`, or `not_found` for an event that the channel does not have
   */
  readCallback(connection: ConnectionOf<Config>, event: string, callback: Callback): CallbackContent;
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
  readonly media: boolean;
  readonly email: boolean;
  /** The far side recognises a repeated id, so that sending again after an unknown outcome can't double the message. */
  readonly dropsRepeats: boolean;
}

/** What a channel may use of the world. */
export interface ChannelTools {
  /** Refuses private addresses unless the operator allows them. */
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Ends when the program stops; a request in hand is given up then. */
  readonly signal: AbortSignal;
}

export interface ConnectionOf<Config> {
  readonly id: string;
  readonly config: Config;
  /** Where the far side calls us: this, `/`, and an event. */
  readonly callbackUrl: string;
}

/** A message as channels see it. */
export interface OutboundMessage {
  /** Ours, the same on every attempt. */
  readonly id: string;
  readonly locationId: string;
  readonly contactId: string | null;
  readonly conversationId: string | null;
  readonly medium: 'sms' | 'email';
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
 * `answer` is what the far side said, for the log of attempts.
 */
export type SendOutcome = { answer?: string } & (
  | { kind: 'accepted'; externalId?: string }
  | { kind: 'delivered'; externalId?: string }
  | { kind: 'refused'; code: string; message: string }
  | { kind: 'busy'; code: string; message: string; retryAfterMs?: number }
  | { kind: 'unknown'; code: string; message: string }
);

export interface Callback {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What a far side told us in one call. */
export type CallbackContent =
  | { readonly kind: 'receipt'; readonly receipt: ReceiptContent }
  | { readonly kind: 'inbound'; readonly inbound: InboundContent };

export interface ReceiptContent {
  /** Our message id, or the far side's: at least one. */
  readonly messageId?: string | undefined;
  readonly externalId?: string | undefined;
  readonly state: 'delivered' | 'read' | 'failed';
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
  readonly occurredAt?: Date | undefined;
  /** It was sent elsewhere, by the location, and is only to be logged. */
  readonly sentElsewhere: boolean;
}

/** Limits that any connection may set; the pipeline keeps them, not the channel. */
export const pacingFields = {
  ratePerSecond: z.number().positive().max(1000).optional().describe('At most this many messages a second.'),
  concurrency: z.int().min(1).max(100).optional().describe('At most this many messages in hand at once.'),
};

const pacing = z.object(pacingFields);

/** The limits in a connection's config; none where its channel has no such fields. */
export function pacingOf(config: object): z.infer<typeof pacing> {
  return pacing.catch({}).parse(config);
}

/** The names of a channel's secret fields: never returned, kept when an update leaves them out. */
export function sensitiveFields(schema: z.ZodObject): string[] {
  return Object.entries(schema.shape)
    .filter(([, field]) => (field as z.ZodType).meta()?.sensitive === true)
    .map(([name]) => name);
}
