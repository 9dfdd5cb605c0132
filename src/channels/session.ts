import type { ChannelContext } from './context.ts';
import type { ChannelEvent, OutboundMessage, SendOutcome } from './messages.ts';

/** A send through a session has this long; then it may have arrived, and its outcome is `unknown`. */
export const sendTimeoutMs = 60_000;

/** A connection to the vendor that stays open, such as an SMPP bind or an IMAP mailbox. One process at a time owns it. */
export interface ChannelSession<Config> {
  /** Sends need the session: then only its owner claims the jobs of this connection. */
  readonly carriesSends: boolean;
  /**
   * Opens the session.
   *
   * @param emit resolves once the events, and after them `state`, are stored: acknowledge to the vendor only then. After a crash between the
   *   two the events come again and are recognised. Rejects when they must come again
   * @throws when it cannot be opened now: it is tried again, with growing delays. It has 30 seconds. For a vendor that refuses the account,
   *   return a session whose `closed` has resolved with the reason
   */
  open(
    context: ChannelContext<Config>,
    emit: (events: readonly ChannelEvent[], state?: unknown) => Promise<void>,
  ): Promise<OpenSession>;
  /** Lists what sessions have learned about the vendor and act on. @param state as the last session stored it; null without one */
  listFindings?(config: Config, state: unknown): readonly Finding[];
}

/** Fact about a vendor that was learned and not entered. `code` names its translation, in which `values` are filled. */
export interface Finding {
  readonly code: string;
  /** In English. */
  readonly message: string;
  readonly values?: Readonly<Record<string, string>>;
}

export interface OpenSession {
  /** Required with `carriesSends`. A send of several requests ends before `sendTimeoutMs`, with its accepted parts: the next attempt sends the rest. */
  send?(message: OutboundMessage): Promise<SendOutcome>;
  /** Resolves when the session has ended, with the reason if the vendor ended it because of the account or its credentials. */
  readonly closed: Promise<{ code: string; message: string } | null>;
  /** Ends it, also while sends or events are in progress. It has two seconds. */
  close(): Promise<void>;
}
