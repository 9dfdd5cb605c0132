import type { MessageState } from '../database/client.ts';
import { toReasonClass } from '../messages/model/carrier-codes.ts';
import type { SendOutcomeBranch, WaitCondition } from './definitions.ts';

/** What is known of a send when its workflow looks. */
export interface SendFacts {
  readonly send: { readonly state: string; readonly reasonCode: string | null; readonly reason: string | null };
  /** Its message, once HighLevel has posted it to us. */
  readonly message: {
    readonly state: MessageState;
    readonly reasonCode: string | null;
    readonly reason: string | null;
    /** The vendor has given it an id. */
    readonly isAccepted: boolean;
  } | null;
  readonly channelType: string | null;
  /** What the contact has written since; null for nothing. */
  readonly reply: string | null;
  readonly isTimedOut: boolean;
}

export interface Decision {
  readonly outcome: SendOutcomeBranch;
  readonly reasonCode?: string;
  readonly reason?: string;
  readonly reply?: string;
}

/** Decides in which branch a waiting workflow continues. Pure. @returns null while it has to wait */
export function decideOutcome(waitFor: WaitCondition, facts: SendFacts): Decision | null {
  const { send, message, channelType, reply, isTimedOut } = facts;
  if (send.state === 'refused') return toFailure(null, send);
  // A reply proves that the contact has the message, whatever the vendor says.
  if (waitFor === 'reply' && reply !== null && message !== null) return { outcome: 'delivered', reply };
  if (message?.state === 'failed') return toFailure(channelType, message);
  const hasArrived = message?.state === 'delivered' || message?.state === 'read';
  if (waitFor === 'accepted' && (hasArrived || message?.isAccepted)) return { outcome: 'delivered' };
  if (waitFor === 'delivered' && hasArrived) return { outcome: 'delivered' };
  if (!isTimedOut) return null;
  return { outcome: 'timed_out', ...(message ? toReason(message) : toReason(send)) };
}

function toFailure(channelType: string | null, cause: { reasonCode: string | null; reason: string | null }): Decision {
  const isOptedOut = toReasonClass(channelType, cause.reasonCode ?? 'failed') === 'opted_out';
  return { outcome: isOptedOut ? 'opted_out' : 'failed', ...toReason(cause) };
}

function toReason({ reasonCode, reason }: { reasonCode: string | null; reason: string | null }) {
  return { ...(reasonCode === null ? {} : { reasonCode }), ...(reason === null ? {} : { reason }) };
}
