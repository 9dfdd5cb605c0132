import { truncate } from '../core/sanitize.ts';
import type { SendOutcome } from './messages.ts';

/** Outcome of a send that the vendor has not accepted. */
export type SendFailure = Exclude<SendOutcome, { kind: 'accepted' | 'delivered' }>;

/** Returns whether an attempt ended without the vendor's acceptance. */
export function isSendFailure(outcome: SendOutcome): outcome is SendFailure {
  return outcome.kind !== 'accepted' && outcome.kind !== 'delivered';
}

/** Adds to a failure the ids of the parts that were accepted before it. A rejection has none, as no attempt continues after it. */
export function addAcceptedParts(failure: SendFailure, acceptedParts: readonly string[]): SendFailure {
  return failure.kind === 'rejected' || acceptedParts.length === 0 ? failure : { ...failure, acceptedParts };
}

/** Converts the failure of a part to that of its message: with the parts before it, or, as a rejection, with its position among `count`. */
export function toPartialFailure(failure: SendFailure, acceptedParts: readonly string[], count: number): SendFailure {
  if (failure.kind !== 'rejected' || acceptedParts.length === 0) return addAcceptedParts(failure, acceptedParts);
  return { ...failure, message: truncate(`Part ${acceptedParts.length + 1} of ${count}: ${failure.message}`) };
}
