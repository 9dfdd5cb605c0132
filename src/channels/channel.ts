import type * as z from 'zod';
import type { SmsOptions } from '../core/sms/sms-message.ts';
import type { FetchedFile, FetchFailure } from '../runtime/fetch-file.ts';
import type { ChannelContext } from './context.ts';
import type { DefaultDelivery } from './delivery-settings.ts';
import type { IsOfAnother, OutboundMessage, ReceiptContent, SendOutcome } from './messages.ts';
import type { ChannelSession } from './session.ts';
import type { ChannelSetup } from './setup.ts';
import type { ConfigSuggestions } from './suggestions.ts';
import type { ChannelWebhooks } from './webhooks.ts';

export type * from './context.ts';
export type { DefaultDelivery } from './delivery-settings.ts';
export type * from './messages.ts';
export type * from './pairing.ts';
export type * from './session.ts';
export type * from './setup.ts';
export type * from './sign-in.ts';
export type { ConfigSuggestion, ConfigSuggestions } from './suggestions.ts';
export type * from './tools.ts';
export type * from './webhooks.ts';

/** Interface of a channel: all that differs between vendors. One folder implements it; no file outside `channels/` asks for its type. */
export interface Channel<Config extends object = object> {
  readonly type: string;
  /** Name for people. */
  readonly title: string;
  /**
   * Schema of the connect form and of its input; `.meta({ sensitive: true, sentTo })` marks secret fields. The settings of every connection
   * (`delivery-settings.ts`) are added to it.
   */
  readonly configSchema: z.ZodObject & z.ZodType<Config>;
  /** Values that the form offers for what a person has typed. */
  readonly suggestions?: ConfigSuggestions;
  readonly capabilities: Capabilities;
  /** Returns the capabilities of one connection, where they depend on its config. */
  getCapabilities?(config: Config): Capabilities;
  /**
   * Returns how messages become SMS, so that their segments are counted and shown before sending, for a channel of SMS.
   *
   * @returns null for a connection whose messages are none, such as one over WhatsApp
   */
  getSmsOptions?(config: Config): SmsOptions | null;
  /** Settings of sending that count where a connection sets none, for vendors that restrict accounts which send too fast. */
  readonly defaultDelivery?: DefaultDelivery;
  /** File of `docs/` about the vendor's side of the setup, without its extension. */
  readonly setupGuide?: string;
  /** Makes one attempt to send. Whatever the vendor responds is an outcome; only a defect throws. */
  send(context: ChannelContext<Config>, message: OutboundMessage): Promise<SendOutcome>;
  /**
   * Asks the vendor about a send whose response was lost.
   *
   * @param since start of that attempt
   * @param isOfAnother returns whether the vendor has given an id to another message: a message that is found by its content may be an equal one
   * @returns null when the vendor knows no such message, or cannot say
   */
  lookUpSend?(
    context: ChannelContext<Config>,
    message: OutboundMessage,
    since: Date,
    isOfAnother?: IsOfAnother,
  ): Promise<SendOutcome | null>;
  /** Asks the vendor for the state of a message whose receipt may be lost. @returns null when it has no newer state, or cannot say */
  lookUpReceipt?(context: ChannelContext<Config>, externalId: string): Promise<ReceiptContent | null>;
  /**
   * Returns the time until which all failures that were there have been reported to the program, for connections with a `quietPeriodMs`.
   *
   * @returns null when it is not known
   */
  receiptsReadUntil?(context: ChannelContext<Config>): Promise<Date | null>;
  /** Downloads a file that needs the vendor's credentials. @param ref as an inbound message named it */
  fetchAttachment?(context: ChannelContext<Config>, ref: string): Promise<FetchedFile | FetchFailure>;
  /**
   * Builds the address at which a contact starts a chat, where only the contact can start one. Opening it brings a `contact_link` event.
   *
   * @param payload 1 to 64 of A-Z, a-z, 0-9, - and _
   * @returns null when the vendor had to be asked and could not be
   */
  buildContactLink?(context: ChannelContext<Config>, payload: string): Promise<string | null>;
  /** Lists the secrets that sign the links with which contacts unsubscribe (`mail/unsubscribe.ts`); for a channel whose emails have such links. */
  listUnsubscribeSecrets?(config: Config): readonly string[];
  readonly setup?: ChannelSetup<Config>;
  readonly webhooks?: ChannelWebhooks<Config>;
  /** A connection to the vendor that stays open. */
  readonly session?: ChannelSession<Config>;
}

/**
 * Erases a channel's config type, so that channels of every kind fit one registry. Safe because a channel only receives configs that its
 * own schema has parsed.
 */
export function defineChannel<Config extends object>(channel: Channel<Config>): Channel {
  return channel as unknown as Channel;
}

export interface Capabilities {
  readonly messageTypes: readonly ('sms' | 'email')[];
  /** `vendor_id`: the vendor names people by ids of its own, so only those who wrote first can be reached. */
  readonly addressType: 'phone' | 'email' | 'vendor_id';
  /** `urls`: the vendor fetches files itself; `bytes`: the channel uploads them. */
  readonly attachments: 'none' | 'urls' | 'bytes';
  /** The vendor sends receipts; until then `accepted` is not `delivered`. Without receipts an accepted message is reported delivered at once. */
  readonly receipts: boolean;
  /**
   * Time within which a first receipt usually comes. Messages without one for longer are counted and shown, and the connection is checked:
   * some vendors accept messages while they can't send any.
   */
  readonly receiptWithinMs?: number;
  /**
   * Email: time without a failure after which a recipient counts as delivered, as mail servers confirm no delivery. It needs `receipts`, and
   * `receiptsReadUntil` of the channel.
   */
  readonly quietPeriodMs?: number;
  /** The vendor recognises a repeated idempotency key, so that sending again after an unknown outcome can't double the message. */
  readonly idempotent: boolean;
  /** The vendor has ids of its own for contacts, or depends on when they last wrote: then both are recorded with their messages. */
  readonly vendorAddresses: boolean;
  /** The vendor acts on STOP and START itself and reports it; otherwise the program recognises the words. */
  readonly managesOptOuts: boolean;
}
