import type { Channel, WebhookRequest } from '../../src/channels/channel.ts';

/** Reaction of a simulated vendor to the next sends, until another is set. */
export type VendorBehaviour =
  | 'accept'
  /** The recipient is refused for good. */
  | 'reject'
  /** The contact has opted out, as far as the vendor keeps a list. */
  | 'opted_out'
  | 'throttle'
  | { throttleMs: number }
  | 'server_error'
  | 'hang'
  /** The vendor accepts the message and the connection breaks before its response. */
  | 'cut_after_request'
  | 'wrong_credentials';

/** A message that the simulated vendor has accepted. */
export interface VendorSend {
  readonly externalId: string;
  readonly to: string;
  readonly text: string;
  readonly attachments: readonly string[];
}

/** A vendor's simulator and a channel for it: the contract suite runs the same sentences for every one. */
export interface VendorUnderTest {
  readonly name: string;
  readonly channel: Channel;
  /** Type of its messages; by default text messages. */
  readonly messageType?: 'email';
  /** A valid config for the simulator. */
  readonly config: Record<string, unknown>;
  /** Values that must not appear in a log, an error, a row or a response. */
  readonly secrets: readonly string[];
  /** The same config with wrong credentials. */
  readonly wrongConfig: Record<string, unknown>;
  /** Whether the channel has each of these; the sentences about the others are left out. */
  readonly has: {
    readonly receipts: boolean;
    readonly read: boolean;
    readonly lookUp: boolean;
    readonly attachments: boolean;
    readonly optOuts: boolean;
    /** The vendor names the time after which it may be called again. */
    readonly throttleTime: boolean;
    readonly authenticatedMedia: boolean;
    /** False where the vendor has no account whose credentials it could refuse. */
    readonly credentials?: false;
    /** False where contacts can send no files. */
    readonly inboundFiles?: false;
    /** False where messages of contacts have no id of the vendor's, by which a repeat would be known. */
    readonly inboundIds?: false;
  };
  /** Address of the contact of all sentences, where the vendor does not know it by its phone number. */
  readonly contact?: string;
  /** Converts the id of a message of a contact, where the vendor's ids have a form of their own. */
  toExternalId?(externalId: string): string;
  /** Builds the authentic webhook of the contact who opens a link, where a contact is bound to a chat by one. */
  openLink?(webhookUrl: string, url: string): WebhookRequest;
  behave(next: VendorBehaviour): void;
  /** Messages that the vendor has accepted, in order; a repeat that it drops is not listed twice. */
  listSends(): readonly VendorSend[];
  /** Number of requests to send, accepted or not. */
  countRequests(): number;
  /** Requests of the channel that break the vendor's published description or its rules. */
  readonly violations: readonly string[];
  /** Builds the vendor's authentic webhook about a send. */
  receipt(webhookUrl: string, send: VendorSend, messageId: string, state: 'delivered' | 'read' | 'failed'): WebhookRequest;
  /** Builds the vendor's authentic webhook of a message from a contact. @param picture a file that the simulator serves */
  inbound(
    webhookUrl: string,
    message: { externalId: string; from: string; text: string; picture?: { data: Buffer; contentType: string } },
  ): WebhookRequest;
  /** Builds the vendor's authentic webhook of STOP or START. */
  optOut(webhookUrl: string, from: string, optedOut: boolean): WebhookRequest;
  /**
   * Hands over through the open session what other vendors post, and waits for the acknowledgement. What comes over a session is authentic, so
   * that none can be forged.
   */
  push?(request: WebhookRequest): Promise<void>;
  /** Makes a webhook's signature wrong. */
  forge(request: WebhookRequest): WebhookRequest;
  close(): Promise<void>;
}
