import type { IncomingHttpHeaders } from 'node:http';
import type { ChannelContext } from './context.ts';
import type { ChannelEvent, ContactLinkResult } from './messages.ts';

/** Webhooks of the vendor. */
export interface ChannelWebhooks<Config> {
  /** Paths after the webhook URL that a person copies to the vendor, such as `status`; a path may have further parts. Empty: the channel registers them alone. */
  readonly paths: readonly string[];
  /** Header of a webhook's signature, in lower case: a POST without it is refused before its body is read. */
  readonly signatureHeader?: string;
  /** Limit of the body; by default that of a delivery webhook. */
  readonly maxBodyBytes?: number;
  /**
   * Authenticates a webhook over the raw bytes, then reads it. No events: authentic, without content for us.
   *
   * @throws AppError `signature_invalid`, `payload_invalid`, or `not_found` for a path that the channel does not have
   */
  receive(context: ChannelContext<Config>, request: WebhookRequest): WebhookResult | Promise<WebhookResult>;
}

export interface WebhookRequest {
  readonly method: 'GET' | 'POST';
  /** Path after the webhook URL, without a slash at its start. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface WebhookResult {
  readonly events: readonly ChannelEvent[];
  /**
   * Sent once all events are stored; by default 200 with an empty body. `repeated`: all of them were known before. `links` has the result of
   * each `contact_link` event, in order.
   */
  readonly response?:
    | WebhookResponse
    | ((outcome: 'stored' | 'repeated', links: readonly ContactLinkResult[]) => WebhookResponse);
}

export interface WebhookResponse {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string;
}
