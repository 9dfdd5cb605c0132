import type { Clock } from '../core/clock.ts';
import type { FetchedAttachment, FetchedFile, FetchFailure } from '../runtime/fetch-file.ts';
import type { OpenSocket } from '../runtime/guarded-socket.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import type { ReceivedFile } from '../runtime/save-file.ts';
import type { SendOutcome } from './messages.ts';
import type { SignInAccess } from './sign-in.ts';

/** Capabilities that a channel receives from the program, for one connection. */
export interface ChannelContext<Config> {
  readonly connection: ChannelConnection<Config>;
  /** Refuses private addresses unless the operator allows them. */
  readonly http: HttpClient;
  /**
   * Fetches an attachment into memory, for a vendor that takes bytes and no address: guarded, and limited in size, time and type. A failure
   * is an outcome to return.
   */
  fetchBytes(url: string): Promise<FetchedAttachment | Extract<SendOutcome, { kind: 'rejected' | 'unavailable' }>>;
  /** Fetches a file of the vendor to disk, guarded and limited in the same way. @param headers sent to the host of `url` only, not after a redirect to another */
  fetchFile(url: string, headers?: Readonly<Record<string, string>>): Promise<FetchedFile | FetchFailure>;
  /** Writes a file that came over a connection of the channel's own to disk, limited in size and type as a fetched one. */
  saveFile(file: ReceivedFile): Promise<FetchedFile | FetchFailure>;
  /** Opens a connection for a protocol other than HTTP: refuses private addresses and ports of other services unless the operator allows them. */
  readonly openSocket: OpenSocket;
  /** Small durable JSON of this connection, sealed: an id of the vendor's webhook, a cursor, tokens. */
  readonly state: ChannelState;
  /** Tokens of the sign-in that `setup.getSignIn` describes. */
  readonly signIn: SignInAccess;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the program stops, and with it the request. */
  readonly signal: AbortSignal;
}

export interface ChannelState {
  /** @returns null before the first `set` */
  get<T>(): Promise<T | null>;
  set(value: unknown): Promise<void>;
}

export interface ChannelConnection<Config> {
  readonly id: string;
  readonly config: Config;
  /** Config before its secrets were changed, for a day: vendors do not change theirs at the same moment. */
  readonly previousConfig?: Config | undefined;
  /** Base of the webhook URLs: the vendor calls this, `/`, and one of the channel's paths. */
  readonly webhookUrl: string;
}
