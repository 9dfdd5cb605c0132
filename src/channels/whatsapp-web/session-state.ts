import type { ChannelContext, ChannelEvent, VerifyResult } from '../channel.ts';
import { loadState, updateState } from './state.ts';

/** State of the link between a server and a phone, in one vocabulary for all servers. */
export type LinkState =
  | 'linked'
  /** It waits for a person to scan a code. */
  | 'unlinked'
  /** It starts, or connects again by itself. */
  | 'connecting'
  | 'stopped'
  | 'failed';

const problems = {
  unlinked: {
    code: 'logged_out',
    message:
      'WhatsApp has logged this session out: the phone’s owner has removed the linked device, or WhatsApp has. Pair it again.',
  },
  stopped: {
    code: 'session_stopped',
    message: 'The session is stopped at the server. Start it there, or open the pairing page.',
  },
  failed: {
    code: 'session_failed',
    message:
      'The session has failed at the server. Restart it there, or open the pairing page; WhatsApp may have logged it out.',
  },
} as const;

/** Returns what is wrong with a link; null for one that works or connects. */
function findLinkProblem(state: LinkState): { code: string; message: string } | null {
  return state === 'linked' || state === 'connecting' ? null : problems[state];
}

type LinkContext = Pick<ChannelContext<object>, 'state'>;

/** Returns whether this session was linked before. @param session the server and its session, as one text */
async function wasLinked(context: LinkContext, session: string): Promise<boolean> {
  return (await loadState(context)).pairedWith === session;
}

/** Remembers that a session was linked. */
export async function markLinked(context: LinkContext, session: string): Promise<void> {
  if (!(await wasLinked(context, session))) await updateState(context, { pairedWith: session, pairingCode: undefined });
}

/**
 * Converts the state of a link to the result of a check. A session that was never linked is accepted, and waits to be paired; one that was
 * linked before and is not any more has a problem.
 */
export async function toVerifyResult(
  context: LinkContext,
  session: string,
  state: LinkState,
  account: string,
  warnings: readonly string[] = [],
): Promise<VerifyResult> {
  const verified = { kind: 'verified', account, ...(warnings.length > 0 ? { warnings } : {}) } as const;
  if (state === 'linked') {
    await markLinked(context, session);
    return verified;
  }
  if (!(await wasLinked(context, session))) return verified;
  const problem = findLinkProblem(state);
  if (problem) return { kind: 'rejected', problems: [problem] };
  return { kind: 'unavailable', code: 'session_connecting', message: 'The session connects to WhatsApp at present.' };
}

/**
 * Converts a report of a link's state to the event of the connection. A session that was never linked waits to be paired, and a stop is part
 * of each restart: the next send or check finds one that lasts.
 */
export async function toLinkEvents(context: LinkContext, session: string, state: LinkState): Promise<ChannelEvent[]> {
  if (state === 'linked') {
    await markLinked(context, session);
    return [{ kind: 'connection', status: 'up' }];
  }
  if (state === 'connecting' || state === 'stopped' || !(await wasLinked(context, session))) return [];
  return [{ kind: 'connection', status: 'down', ...problems[state] }];
}
