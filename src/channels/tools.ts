import { AppError } from '../core/errors.ts';
import { type RequestFailure, toRequestFailure } from '../runtime/outbound-http.ts';

/** What the program gives to a package that creates a channel: a package imports types of the program, never its code. */
export interface ChannelTools {
  /** The operator allows private addresses and plain http. The context's HTTP client enforces it; a schema may refuse such an address earlier. */
  readonly allowPrivateTargets: boolean;
  /**
   * Creates the error that a channel throws for a webhook that it refuses. Any other error counts as a defect of the channel.
   *
   * @param message for the vendor's log: it holds no secret. @param details problems of the body, one each
   */
  createWebhookError(code: WebhookErrorCode, message: string, details?: readonly string[]): Error;
  /**
   * Classifies an error of the context's HTTP client: `sent: 'no'` when not one byte has left, else `'maybe'`.
   *
   * @throws the error itself where it is not a failure of the network
   */
  toRequestFailure(error: unknown): RequestFailure;
}

export type WebhookErrorCode = 'signature_invalid' | 'payload_invalid' | 'not_found';

/** Creates the tools for packages. */
export function createChannelTools(allowPrivateTargets: boolean): ChannelTools {
  return {
    allowPrivateTargets,
    createWebhookError: (code, message, details = []) => new AppError(code, message, { details }),
    toRequestFailure,
  };
}
