import type { ChannelContext } from './context.ts';
import type { Pairing } from './pairing.ts';
import type { OAuthSignIn } from './sign-in.ts';

/**
 * The vendor's side of a connection: its account, its webhooks, and what a person chooses there. The lists and the pairing throw AppError
 * `vendor_unavailable` where the vendor can't be asked, and `connection_rejected` where it refuses the account.
 */
export interface ChannelSetup<Config> {
  /**
   * Asks the vendor whether it accepts the config. Runs before a connection is stored, daily, and while it is held. A device that is still to be
   * paired is no problem of the config: `getPairing` says so.
   */
  verify(context: ChannelContext<Config>): Promise<VerifyResult>;
  /**
   * Registers the connection's webhook addresses with the vendor. Idempotent.
   *
   * @param replace a person has agreed to replace addresses of another program
   */
  registerWebhooks?(context: ChannelContext<Config>, replace: boolean): Promise<RegisterResult>;
  /** Removes them, as far as they are ours. Best effort: the connection may be deleted already. */
  unregisterWebhooks?(context: ChannelContext<Config>): Promise<void>;
  /** Returns what a person still has to do: scan a QR code, finish a consent. */
  getPairing?(context: ChannelContext<Config>): Promise<Pairing>;
  /** Describes the sign-in with OAuth 2 that a config asks for. @returns null for another sign-in, and for one that the operator has not set up */
  getSignIn?(config: Config): OAuthSignIn | null;
  /** Lists the numbers or addresses of the account that can send. */
  listSenders?(context: ChannelContext<Config>): Promise<readonly Sender[]>;
  /** Lists the approved templates of the account. */
  listTemplates?(context: ChannelContext<Config>): Promise<readonly Template[]>;
}

export type VerifyResult =
  | {
      readonly kind: 'verified';
      /** The vendor's name for the account. */
      readonly account: string;
      /** Facts that a person should know, such as the limits of a trial account. */
      readonly warnings?: readonly string[];
      /**
       * Settings that a person has to correct before the config is stored. The vendor accepts the account, so that a connection in use goes on:
       * only messages that need such a setting fail.
       */
      readonly problems?: readonly ConfigProblem[];
    }
  | { readonly kind: 'rejected'; readonly problems: readonly ConfigProblem[] }
  /** The vendor could not be asked. `field`: of the config, where the reason may be its value, such as a host name. */
  | { readonly kind: 'unavailable'; readonly code: string; readonly message: string; readonly field?: string };

/** Reason for which the vendor does not accept a config. */
export interface ConfigProblem {
  /** Path of the field of the config, with dots (`smtp.password`); omitted for the account as a whole. */
  readonly field?: string;
  readonly code: string;
  readonly message: string;
}

export type RegisterResult =
  | { readonly kind: 'registered' }
  /** Another program's address is registered. @see ChannelSetup.registerWebhooks */
  | { readonly kind: 'taken'; readonly by: string }
  /** This vendor, or this account, needs a person to enter the addresses. */
  | { readonly kind: 'manual'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

export interface Sender {
  readonly address: string;
  readonly label: string;
}

export interface Template {
  readonly name: string;
  readonly language: string;
  readonly category: string;
  readonly body: string;
  /** Names, or positions, of the parameters of its body. */
  readonly parameters: readonly string[];
}
