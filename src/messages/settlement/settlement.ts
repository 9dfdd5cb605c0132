import type { SendOutcome } from '../../channels/channel.ts';
import type { AppError } from '../../core/errors.ts';
import type { Executor, Message } from '../../database/client.ts';
import type { HighLevelResponse } from '../../highlevel/client.ts';
import type { Job, NewJob } from '../../queue/job.ts';
import type { MessageState } from '../model/state.ts';
import type { LockedMessage, MessagePatch } from '../model/transitions.ts';

/** The result of a job: written as a whole in the transaction that finishes the job, or not at all. */
export interface Settlement {
  readonly job: Job;
  /** The message as the job read it. If a user has had it resent since, this result is void and the job runs again. */
  readonly basedOn?: Pick<Message, 'resentAt'>;
  /** Decides the change from the locked row: a receipt may have moved the message during the send. */
  readonly change?: (current: LockedMessage) => MessagePatch;
  /** Fields to set on top of `change`. */
  readonly patch?: MessagePatch;
  /** The time at which the job runs again; null when it is done. */
  readonly runAgainAt?: Date | null | ((current: LockedMessage) => Date | null);
  /** Lets later jobs of the ordering key go ahead, if the job runs again. The message records it in `outOfOrderAt`. */
  readonly letsOthersPass?: boolean;
  /** Group that the job joins, if it runs again. */
  readonly groupKey?: string;
  /** A job that must be done first. */
  readonly prerequisiteJob?: NewJob;
  /** The attempt that ended, and its outcome. */
  readonly attempt?: EndedAttempt;
  readonly report?: ReportAttempt;
  readonly contactAddress?: ContactAddress | null;
  /**
   * Writes what must be stored before the job ends, such as the hold of a connection whose vendor refuses the account: else the job would run
   * again at once. It is repeated while the database is away; any other error is logged.
   */
  readonly prepare?: () => Promise<void>;
  /** Reads, or changes, other rows in the same transaction before the message changes; the message is locked. */
  readonly beforeWrite?: (tx: Executor) => Promise<SettlementDecision | undefined>;
}

export interface EndedAttempt {
  readonly id: string;
  readonly connectionId: string;
  readonly outcome: SendOutcome;
  readonly email?: EndedEmail;
}

/** What the settlement of an email depends on beside the outcome of its attempt. */
export interface EndedEmail {
  /** The vendor sends receipts: what it has accepted is not delivered yet. */
  readonly hasReceipts: boolean;
  readonly isToSeveral: boolean;
  /** It has ended the send: to all, or to those of several that can be reached. */
  readonly isSent: boolean;
  /** Recipients of whom no further attempt is made, where they are more than the outcome names. */
  readonly rejectedRecipients?: SendOutcome['rejectedRecipients'];
  /** Time after which a recipient without a failure counts as delivered. */
  readonly quietPeriodMs?: number;
}

/**
 * A decision that depends on rows which `beforeWrite` has read; it takes precedence over the same members of the settlement. `attempt` is
 * undefined where it has written the end of the attempt itself.
 */
export type SettlementDecision = Pick<Settlement, 'change' | 'patch' | 'runAgainAt' | 'letsOthersPass'> & {
  readonly attempt?: undefined;
};

export type Settle = (settlement: Settlement) => Promise<void>;

/** One try to report a message to HighLevel, or to post it there. */
export interface ReportAttempt {
  readonly state: MessageState | null;
  readonly response: HighLevelResponse | null;
  /** Null when HighLevel accepted it. */
  readonly error: AppError | null;
}

/** An address and the contact that it belongs to. */
export interface ContactAddress {
  readonly locationId: string;
  readonly address: string;
  readonly contactId: string;
}
