import type { ChannelContext } from '../channel.ts';

/** State of a connection to a WhatsApp-Web server. */
export interface WebState {
  /** Server and session whose phone was linked: a session that is logged out is not one that waits for its first pairing. */
  readonly pairedWith?: string;
  /** Phones by hidden id, as responses to sends have shown them. */
  readonly lids?: Readonly<Record<string, string>>;
  /** Code for the phone, and the time until which it is shown. */
  readonly pairingCode?: { readonly code: string; readonly until: number };
  /** Fingerprint of the webhook that this program has registered. */
  readonly registered?: string;
  /** Webhook of another program that a person had replaced. */
  readonly replaced?: unknown;
}

type StateContext = Pick<ChannelContext<object>, 'state'>;

/** Reads a connection's state. */
export async function loadState(context: StateContext): Promise<WebState> {
  return (await context.state.get<WebState>()) ?? {};
}

/** Changes fields of a connection's state. Of two processes at the same time the later one wins: each field can be found again. */
export async function updateState(context: StateContext, changes: Partial<Record<keyof WebState, unknown>>): Promise<void> {
  await context.state.set({ ...(await loadState(context)), ...changes });
}
