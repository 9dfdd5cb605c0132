import type { ChannelContext } from './context.ts';
import type { ChannelEvent, OutboundMessage, SendOutcome } from './messages.ts';

/** A connection to the vendor that stays open, such as an SMPP bind or an IMAP mailbox. One process at a time owns it. */
export interface ChannelSession<Config> {
  /** Sends need the session: then only its owner claims the jobs of this connection. */
  readonly carriesSends: boolean;
  /**
   * Opens the session.
   *
   * @param emit resolves once the events and `state` are stored together: acknowledge to the vendor only then
   * @throws when it cannot be opened now; it is tried again later
   */
  open(
    context: ChannelContext<Config>,
    emit: (events: readonly ChannelEvent[], state?: unknown) => Promise<void>,
  ): Promise<OpenSession>;
}

export interface OpenSession {
  /** Required with `carriesSends`. */
  send?(message: OutboundMessage): Promise<SendOutcome>;
  /** Resolves when the session has ended, with the reason if the vendor ended it because of the account or its credentials. */
  readonly closed: Promise<{ code: string; message: string } | null>;
  close(): Promise<void>;
}
